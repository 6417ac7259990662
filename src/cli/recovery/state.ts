import { execa } from "execa";
import { projectRoot } from "../../project.js";
import { CliError } from "../errors.js";
import { type Pulumi, query } from "../pulumi.js";

/** The part of Pulumi's exported state that is read here; the rest is carried along. */
export interface ExportedState {
  version: number;
  deployment: {
    resources?: StateResource[];
    pending_operations?: PendingOperation[];
    [key: string]: unknown;
  };
}

export interface StateResource {
  urn: string;
  type: string;
  id?: string;
  inputs?: Record<string, unknown>;
  outputs?: Record<string, unknown>;
  [key: string]: unknown;
}

/** An operation that was begun and whose end nobody saw. */
export interface PendingOperation {
  type: "creating" | "updating" | "deleting" | "reading" | "importing";
  resource: StateResource;
}

/** Whether a cloud knows of resources of a type. */
export function isOfCloud(type: string): boolean {
  return type.startsWith("hcloud:") || type.startsWith("aws:");
}

/** Machines as the clouds' providers name them, and what of their inputs is the size. */
const sizeOf = {
  "hcloud:index/server:Server": "serverType",
  "aws:ec2/instance:Instance": "instanceType",
} as const;

/** Whether a resource is one of the stack's machines. On AWS the stack also has an instance for its network. */
export function isServer({ type, urn }: Pick<StateResource, "type" | "urn">): boolean {
  return type.startsWith("hcloud:")
    ? type in sizeOf
    : type in sizeOf && urn.includes("dukaan:index:Machine$");
}

/** A machine's size as it was recorded, e.g. "cx23". */
export function serverSize({ type, inputs }: StateResource): unknown {
  return inputs?.[sizeOf[type as keyof typeof sizeOf]];
}

/** The state with secrets as they are stored: encrypted. */
export async function exportState(pulumi: Pulumi): Promise<ExportedState> {
  return JSON.parse(await query(pulumi, ["stack", "export"])) as ExportedState;
}

/** Replaces the state; it travels over standard input, never through a file. */
export async function importState(pulumi: Pulumi, state: ExportedState): Promise<void> {
  const result = await execa(pulumi.executable, ["stack", "import", "--non-interactive"], {
    cwd: projectRoot,
    env: pulumi.env,
    reject: false,
    input: JSON.stringify(state),
  });
  if (result.exitCode !== 0) {
    throw new CliError(`the state could not be corrected: ${result.stderr}`, "Run the same command again.");
  }
}

/** Reads resources anew from the cloud into the state. */
export async function refresh(pulumi: Pulumi, urns: readonly string[]): Promise<void> {
  const targets = urns.flatMap((urn) => ["--target", urn]);
  await query(pulumi, ["refresh", "--yes", "--skip-preview", ...targets]);
}
