import type { FastifySchemaCompiler } from "fastify";
import type { TSchema } from "typebox";
import { Compile } from "typebox/compile";
import { Value } from "typebox/value";

/**
 * Checks requests against TypeBox schemas. Parameters of path and query are text and are converted to what the schema
 * wants, but only when nothing is lost: "1.5" is no id. Bodies are taken as they are.
 */
export const compileSchema: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
  const compiled = Compile(schema);
  return (value: unknown) => {
    const converted = httpPart === "body" ? value : convert(schema, value);
    if (compiled.Check(converted)) return { value: converted };
    return { error: compiled.Errors(converted) };
  };
};

function convert(schema: TSchema, given: unknown): unknown {
  const converted: unknown = Value.Convert(schema, structuredClone(given));
  if (!isObject(given) || !isObject(converted)) return given;
  for (const [name, original] of Object.entries(given)) {
    if (!isSame(original, converted[name])) converted[name] = original;
  }
  return converted;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null;

const isSame = (original: unknown, converted: unknown): boolean => {
  if (Array.isArray(original) && Array.isArray(converted)) {
    return original.every((one, index) => isSame(one, converted[index]));
  }
  // Clients in Python send "True".
  if (typeof converted === "boolean") return true;
  return String(original) === String(converted);
};
