import type { CheckFailure } from "./resource.js";
import type { PropertySpec, SchemaTypes } from "./schema.js";
import { isObject, isSecret, mapValues, secret, unknown, type Properties, type Value } from "./values.js";

/**
 * Holds inputs against the schema and reports every problem at once. A value that a preview does not know yet is
 * right wherever it stands. Returns the inputs with everything wrapped that the schema calls a secret.
 */
export function validate(
  inputs: Properties,
  specs: Record<string, PropertySpec>,
  required: readonly string[],
  types: SchemaTypes,
): { inputs: Properties; failures: CheckFailure[] } {
  const failures: CheckFailure[] = [];
  const fail = (property: string, reason: string) => {
    failures.push({ property, reason });
  };

  function checkObject(
    path: string,
    value: Properties,
    properties: Record<string, PropertySpec>,
    mandatory: readonly string[],
  ): Properties {
    const at = (key: string) => (path ? `${path}.${key}` : key);
    for (const key of mandatory)
      if (value[key] === undefined || value[key] === null) fail(at(key), "is required");
    return mapValues(value, (item, key) => {
      const spec = properties[key];
      if (spec) return item === null ? item : checkValue(at(key), item, spec);
      if (key !== "__internal" && key !== "__defaults")
        fail(at(key), `is not known; allowed are ${Object.keys(properties).join(", ")}`);
      return item;
    });
  }

  function checkValue(path: string, wrapped: Value, spec: PropertySpec): Value {
    if (isSecret(wrapped)) return secret(checkValue(path, wrapped.value, spec));
    if (wrapped === unknown) return wrapped;
    const value = checkKnown(path, wrapped, spec);
    return spec.secret ? secret(value) : value;
  }

  function checkKnown(path: string, value: Value, spec: PropertySpec): Value {
    if (spec.$ref) {
      const type = types[spec.$ref.slice("#/types/".length)];
      if (type && isObject(value)) return checkObject(path, value, type.properties, type.required ?? []);
      fail(path, "must be an object");
      return value;
    }
    if (spec.type === "array") {
      const { items } = spec;
      if (Array.isArray(value) && items)
        return value.map((item, index) => checkValue(`${path}[${index}]`, item, items));
      fail(path, "must be a list");
      return value;
    }
    if (spec.type === "object") {
      const { additionalProperties } = spec;
      if (isObject(value) && additionalProperties)
        return mapValues(value, (item, key) =>
          checkValue(`${path}[${JSON.stringify(key)}]`, item, additionalProperties),
        );
      fail(path, "must be an object");
      return value;
    }
    const wanted = spec.type === "integer" ? "number" : spec.type;
    if (typeof value !== wanted || (spec.type === "integer" && !Number.isInteger(value)))
      fail(path, `must be ${spec.type === "integer" ? "a whole number" : `a ${spec.type}`}`);
    return value;
  }

  return { inputs: checkObject("", inputs, specs, required), failures };
}
