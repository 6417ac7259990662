// Both the npm package of a plugin and the plugin's schema, read into the same shape. The npm packages are generated code:
// one file a resource, of one form.

/** What there is to know of a resource: names, TypeScript types and whether they may be left out. */
export interface Resource {
  outputs: Record<string, string>;
  inputs: Record<string, "required" | "optional">;
  secret: string[];
}

/** The part of Pulumi's package schema that is compared. https://www.pulumi.com/docs/iac/guides/building-extending/packages/schema/ */
export interface Schema {
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

export interface Property {
  type?: "string" | "boolean" | "integer" | "number" | "array" | "object";
  $ref?: string;
  items?: Property;
  additionalProperties?: Property;
  secret?: boolean;
}

/** Reads a resource class of an npm package from its two files. */
export function readResource(file: string, read: (file: string) => string): Resource {
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
export function describeResource(resource: Schema["resources"][string]): Resource {
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

export function typesOf(properties: Record<string, Property>, required: string[]): Record<string, string> {
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
