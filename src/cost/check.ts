import { Errors } from "typebox/schema";

/** A file that a person wrote is not what it should be. */
export class InputError extends Error {
  constructor(
    message: string,
    readonly remedy: string,
  ) {
    super(message);
  }
}

/** Fields that several of these files have, as JSON Schema. */
export const text = { type: "string", minLength: 1 } as const;
export const amount = { type: "number", minimum: 0 } as const;
export const positive = { type: "number", exclusiveMinimum: 0 } as const;
/** A day, ISO 8601. */
export const date = {
  type: "string",
  pattern: "^20\\d{2}-(0[1-9]|1[0-2])-(0[1-9]|[12]\\d|3[01])$",
} as const;

/**
 * @param schema JSON Schema
 * @throws InputError with path and what is allowed
 */
export function check(schema: object, value: unknown, name: string): void {
  const [, [error]] = Errors(schema, value);
  if (!error) return;
  const path = error.instancePath === "" ? "/" : error.instancePath;
  // What additionalProperties refuses is told as a schema that nothing passes.
  const unknown = error.message === "schema is false";
  const more = "params" in error ? ` (${JSON.stringify(error.params)})` : "";
  const reason = unknown ? "is not known here" : `${error.message}${more}`;
  throw new InputError(`${name}: ${path} ${reason}`, "Correct it; docs/cost.md shows the format.");
}
