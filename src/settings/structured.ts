/** Settings with parts: Pulumi hands them over as JSON. @returns the text itself when it is none */
export function fromJson(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch {
    return text;
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether it stands encrypted in the stack's file, where only Pulumi can read it. */
export function isEncrypted(value: unknown): boolean {
  return isRecord(value) && typeof value["secure"] === "string";
}
