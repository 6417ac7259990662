import type { Properties } from "./values.js";

/**
 * What one resource type does. `Inputs` and `Outputs` are what the schema has made sure of, without secret wrappers;
 * what of them goes into an output must be wrapped again with `secret`. In a preview, values may be `unknown`.
 */
export interface ResourceType<
  Inputs extends Properties = Properties,
  Outputs extends Properties = Properties,
> {
  /**
   * Judges inputs beyond their schema. `olds` are the inputs of the last `up`, undefined at creation; `wrapped` are
   * `news` with the secrets still wrapped.
   */
  check?(news: Inputs, olds: Inputs | undefined, wrapped: Properties): CheckFailure[];
  /** Changes inputs, secrets still wrapped, before they are stored. */
  store?(wrapped: Properties): Properties;
  diff(request: DiffRequest<Inputs, Outputs>): Diff;
  /** In a preview nothing is touched: outputs that only `up` can know are `unknown`. */
  create(news: Inputs, context: Context): Promise<{ id: string; outputs: Properties }>;
  /** Without it every difference must be a replacement. */
  update?(request: DiffRequest<Inputs, Outputs>, context: Context): Promise<Properties>;
  /** Looks at what is really there. Without it the record is taken to be true. */
  read?(request: ReadRequest<Inputs>, context: Context): Promise<{ outputs: Properties; inputs: Properties }>;
  /** Without it, deleting means forgetting. */
  delete?(request: ReadRequest<Inputs>, context: Context): Promise<void>;
}

export interface CheckFailure {
  /** The property at fault, e.g. `files["/etc/motd"].mode`. */
  property: string;
  reason: string;
}

export interface DiffRequest<Inputs, Outputs> {
  id: string;
  /** Outputs as recorded. */
  olds: Outputs;
  /** Inputs as recorded; after a refresh, as found on the machine. */
  oldInputs: Inputs;
  news: Inputs;
}

export type DiffKind = "add" | "update" | "delete";

export interface Diff {
  /** What changes, by property path. Empty: nothing does. */
  changes: Record<string, DiffKind>;
  /** Those of the changes that need another resource. */
  replaces?: string[];
}

export interface ReadRequest<Inputs> {
  id: string;
  inputs: Inputs;
  /** The same with the secrets still wrapped. */
  wrapped: Properties;
  /** As recorded, with the secrets still wrapped. */
  outputs: Properties;
}

export interface Context {
  /** A preview: change nothing, talk to no machine. */
  preview: boolean;
  /** Aborted when the operator cancels. */
  signal: AbortSignal;
  /** A line for the operator; secrets in it are masked. Progress replaces the line before it and is not kept. */
  log(severity: "info" | "warning", message: string): void;
  progress(message: string): void;
}

/** An error that the operator can act on: shown as it is, without a stack. */
export class ProviderError extends Error {
  override name = "ProviderError";
}
