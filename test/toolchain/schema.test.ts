import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { beforeAll, describe, expect, test } from "vitest";
import { ensureToolchain } from "../../toolchain/index.js";
import { plugins } from "../../toolchain/tools.js";

// A plugin that was built here must be the one that the npm package was made for. Both the package and the plugin's
// schema are read into the same shape and compared. The npm packages are generated code: one file a resource, of one form.

/** What there is to know of a resource: names, TypeScript types and whether they may be left out. */
interface Resource {
  outputs: Record<string, string>;
  inputs: Record<string, "required" | "optional">;
  secret: string[];
}

/** The part of Pulumi's package schema that is compared. https://www.pulumi.com/docs/iac/guides/building-extending/packages/schema/ */
interface Schema {
  resources: Record<
    string,
    {
      properties: Record<string, Property>;
      required?: string[];
      inputProperties: Record<string, Property>;
      requiredInputs?: string[];
    }
  >;
  functions: Record<string, { inputs?: { properties: Record<string, Property> } }>;
  types?: Record<
    string,
    {
      properties: Record<string, Property>;
      required?: string[];
      language?: { nodejs?: { requiredOutputs?: string[] } };
    }
  >;
}

interface Property {
  type?: "string" | "boolean" | "integer" | "number" | "array" | "object";
  $ref?: string;
  items?: Property;
  additionalProperties?: Property;
  secret?: boolean;
}

describe.each(plugins.map(({ name }) => name))("plugin %s", (name) => {
  const folder = dirname(createRequire(import.meta.url).resolve(`@pulumi/${name}/package.json`));
  const read = (file: string) =>
    readFileSync(join(folder, file), "utf8").replaceAll(
      /\{\s*\[key: string\]: (.+);\s*\}/g,
      "{[key: string]: $1}",
    );
  const modules = readdirSync(folder).filter((file) => file.endsWith(".js"));
  let schema: Schema;

  beforeAll(async () => {
    const { pulumi, pulumiHome, env } = await ensureToolchain();
    const { version } = JSON.parse(read("package.json")) as { version: string };
    const plugin = join(pulumiHome, "plugins", `resource-${name}-v${version}`, `pulumi-resource-${name}`);
    const { stdout } = await execa(pulumi, ["package", "get-schema", plugin], { env });
    schema = JSON.parse(stdout);
  });

  test("it has the package's resources with their inputs, outputs, types and secrets", () => {
    const wanted = modules.flatMap((file) => {
      const token = /__pulumiType = '(.+)'/.exec(read(file))?.[1];
      return token === undefined || file === "provider.js" ? [] : [[token, readResource(file, read)]];
    });
    expect(wanted.length).toBeGreaterThan(5);
    const found = Object.entries(schema.resources).map(([token, resource]) => [
      token,
      describeResource(resource),
    ]);
    expect(Object.fromEntries(found)).toEqual(Object.fromEntries(wanted));
  });

  test("it has the package's functions with their arguments", () => {
    const wanted = modules.flatMap((file) => {
      const [, token, body = ""] = /runtime\.invoke(?:Single)?\("(.+)", \{([^}]*)\}/.exec(read(file)) ?? [];
      return token === undefined ? [] : [[token, [...body.matchAll(/"(\w+)":/g)].map((match) => match[1])]];
    });
    const found = Object.entries(schema.functions)
      .filter(([token]) => !token.startsWith("pulumi:providers:")) // methods of the provider itself
      .map(([token, { inputs }]) => [token, Object.keys(inputs?.properties ?? {})]);
    expect(Object.fromEntries(found)).toEqual(Object.fromEntries(wanted));
  });

  test("nested values have the package's properties", () => {
    const used = Object.entries(schema.types ?? {});
    const source = used.length === 0 ? "" : read("types/output.d.ts");
    for (const [token, { properties, required = [], language }] of used) {
      const type = token.split(":").at(-1) ?? "";
      const body = new RegExp(`interface ${type} \\{(.*?)\\n\\}`, "s").exec(source)?.[1];
      // Some types occur only in inputs.
      if (body === undefined) continue;
      const wanted = [...body.matchAll(/^ {4}(\w+)(\??): (.+);$/gm)].map(([, key = "", mark, text]) => [
        key,
        mark === "?" ? `${text} | undefined` : text,
      ]);
      expect({ type, ...typesOf(properties, language?.nodejs?.requiredOutputs ?? required) }).toEqual({
        type,
        ...Object.fromEntries(wanted),
      });
    }
  });
});

/** Reads a resource class of an npm package from its two files. */
function readResource(file: string, read: (file: string) => string): Resource {
  const code = read(file);
  const types = read(file.replace(/\.js$/, ".d.ts"));
  const args = /export interface \w+Args \{(.*?)\n\}/s.exec(types)?.[1] ?? "";
  const outputs = [...types.matchAll(/readonly (\w+): pulumi\.Output<(.+)>;/g)];
  const secrets = /additionalSecretOutputs: \[(.*?)\]/.exec(code)?.[1] ?? "";
  return {
    outputs: Object.fromEntries(outputs.map(([, key, type]) => [key, type])),
    inputs: Object.fromEntries(
      [...args.matchAll(/^ {4}(\w+)(\??): /gm)].map(([, key, mark]) => [
        key,
        mark === "?" ? "optional" : "required",
      ]),
    ),
    secret: [...secrets.matchAll(/"(\w+)"/g)].map(([, key = ""]) => key).sort(),
  };
}

/** Describes a resource of a schema in the same way. */
function describeResource(resource: Schema["resources"][string]): Resource {
  const { properties, required = [], inputProperties, requiredInputs = [] } = resource;
  return {
    outputs: typesOf(properties, required),
    inputs: Object.fromEntries(
      Object.keys(inputProperties).map((key) => [
        key,
        requiredInputs.includes(key) ? "required" : "optional",
      ]),
    ),
    secret: Object.keys(properties)
      .filter((key) => properties[key]?.secret)
      .sort(),
  };
}

function typesOf(properties: Record<string, Property>, required: string[]): Record<string, string> {
  return Object.fromEntries(
    Object.entries(properties).map(([key, property]) => [
      key,
      required.includes(key) ? typeOf(property) : `${typeOf(property)} | undefined`,
    ]),
  );
}

/** A property's type as Pulumi writes it in TypeScript. */
function typeOf({ type, $ref, items, additionalProperties }: Property): string {
  if ($ref !== undefined) return `outputs.${$ref.split(":").at(-1)}`;
  if (type === "array" && items) return `${typeOf(items)}[]`;
  if (type === "object" && additionalProperties) return `{[key: string]: ${typeOf(additionalProperties)}}`;
  return type === "integer" ? "number" : (type ?? "unknown");
}
