/** One side of a step: a resource as it is, or as it would be. */
export interface PreviewState {
  /** e.g. "hcloud:index/server:Server" */
  type: string;
  inputs?: Record<string, unknown>;
}

/** Where things are, unless they say it themselves, and how long they run in a month. */
export interface Place {
  /** Location of Hetzner. */
  hetzner: string;
  /** Region of AWS. */
  aws: string;
  hours: number;
}

/** A text among the inputs; what only the cloud will know counts as not given. */
export function textOf(inputs: Record<string, unknown>, name: string): string | undefined {
  const value = inputs[name];
  return typeof value === "string" ? value : undefined;
}

/** A number among the inputs, or what it is when nobody says it. */
export function numberOf(inputs: Record<string, unknown>, name: string, usual: number): number {
  const value = inputs[name];
  return typeof value === "number" ? value : usual;
}

/** An object among the inputs; of a list, its first. */
export function partOf(inputs: Record<string, unknown>, name: string): Record<string, unknown> {
  const value = inputs[name];
  const first: unknown = Array.isArray(value) ? value[0] : value;
  return typeof first === "object" && first !== null ? (first as Record<string, unknown>) : {};
}
