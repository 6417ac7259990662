/**
 * Property values as the engine sends them: plain JSON, with two exceptions that stand anywhere inside it.
 * A secret is wrapped in an object with a signature; a value that a preview does not know yet is a fixed string.
 * Both constants: github.com/pulumi/pulumi, sdk/go/common/resource/{sig,plugin}.
 */

export type Value = null | boolean | number | string | Value[] | { [key: string]: Value };
export type Properties = { [key: string]: Value };

const signatureKey = "4dabf18193072939515e22adb298388d";
const secretSignature = "1b47061264138c4ac30d75fd1eb44270";

/** Stands for a value that is not known before `up`. */
export const unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/** Wraps a value so that the engine encrypts it in the state and hides it in its output. */
export function secret(value: Value): Value {
  return isSecret(value) ? value : { [signatureKey]: secretSignature, value };
}

export function isSecret(value: Value | undefined): value is { [key: string]: Value; value: Value } {
  return isObject(value) && value[signatureKey] === secretSignature;
}

/** The same without the wrappers. Whatever is derived from it must be wrapped again before it leaves. */
export function reveal(properties: Properties): Properties {
  return mapValues(properties, revealValue);
}

function revealValue(value: Value): Value {
  if (isSecret(value)) return revealValue(value.value);
  if (Array.isArray(value)) return value.map(revealValue);
  return isObject(value) ? reveal(value) : value;
}

/** Whether no part of the value is unknown. */
export function isKnown(value: Value | undefined): boolean {
  if (value === unknown) return false;
  if (Array.isArray(value)) return value.every(isKnown);
  return !isObject(value) || Object.values(value).every(isKnown);
}

/** Whether some part of the value is a secret. */
export function holdsSecret(value: Value): boolean {
  if (isSecret(value)) return true;
  if (Array.isArray(value)) return value.some(holdsSecret);
  return isObject(value) && Object.values(value).some(holdsSecret);
}

/** Every text inside a secret wrapper, for masking. */
export function secretTexts(value: Value, inSecret = false): string[] {
  if (isSecret(value)) return secretTexts(value.value, true);
  if (Array.isArray(value)) return value.flatMap((item) => secretTexts(item, inSecret));
  if (isObject(value)) return Object.values(value).flatMap((item) => secretTexts(item, inSecret));
  return inSecret && typeof value === "string" && value !== unknown ? [value] : [];
}

export function isObject(value: Value | undefined): value is Properties {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function mapValues(properties: Properties, change: (value: Value, key: string) => Value): Properties {
  return Object.fromEntries(Object.entries(properties).map(([key, value]) => [key, change(value, key)]));
}
