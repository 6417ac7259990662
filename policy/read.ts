/** An object's fields; empty for anything else. */
export function fields(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

/** Blocks of a resource, which may stand alone or in a list. */
export function blocks(value: unknown): Readonly<Record<string, unknown>>[] {
  return values(value).map(fields);
}

/** Texts, one or many; numbers count as texts. */
export function texts(value: unknown): string[] {
  return values(value).flatMap((one) =>
    typeof one === "string" || typeof one === "number" ? [String(one)] : [],
  );
}

function values(value: unknown): unknown[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value : [value];
}
