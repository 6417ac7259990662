import { createReadStream, existsSync } from "node:fs";
import { mkdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { execa } from "execa";
import { projectRoot } from "../project.js";
import { CliError, ExitCode } from "./errors.js";
import type { StackContext } from "./stack.js";

/** How to run Pulumi for one stack. */
export interface Pulumi {
  executable: string;
  env: Record<string, string>;
  stack: StackContext;
}

/** What an operation did: Pulumi's own counts by kind, e.g. `{ same: 20 }` or `{ create: 20 }`. */
export type Changes = Record<string, number>;

/** The part of Pulumi's engine events (`--event-log`) that we read. */
interface EngineEvent {
  resourcePreEvent?: { metadata: { op: string; urn: string; type: string } };
  resOutputsEvent?: { metadata: { op: string; urn: string; type: string } };
  diagnosticEvent?: { severity: string; message: string; urn?: string };
  summaryEvent?: { resourceChanges: Changes };
}

/**
 * Runs `pulumi up` or `pulumi destroy` without questions, reporting each step of a resource.
 * @param report called with what is going on now, e.g. "creating hcloud:Server shop-1"
 * @throws CliError with Pulumi's own diagnostics when it fails
 */
export async function runOperation(
  pulumi: Pulumi,
  operation: "up" | "destroy",
  report: (message: string) => void,
): Promise<Changes> {
  const logs = join(pulumi.stack.directory, "logs");
  await mkdir(logs, { recursive: true, mode: 0o700 });
  const eventLog = join(logs, `${operation}.events.json`);
  await rm(eventLog, { force: true });

  const running = execa(
    pulumi.executable,
    [operation, "--yes", "--skip-preview", "--non-interactive", "--event-log", eventLog],
    {
      cwd: projectRoot,
      // --event-log is one of the flags that Pulumi offers only under this name.
      env: { ...pulumi.env, PULUMI_DEBUG_COMMANDS: "true" },
      reject: false,
      all: true,
      stdin: "ignore",
    },
  );
  const diagnostics: string[] = [];
  let changes: Changes = {};
  const follower = new EventFollower(eventLog, (event) => {
    const step = describeStep(event);
    if (step !== undefined) report(step);
    if (event.diagnosticEvent?.severity === "error") {
      diagnostics.push(withResource(event.diagnosticEvent.message, event.diagnosticEvent.urn));
    }
    if (event.summaryEvent) changes = event.summaryEvent.resourceChanges;
  });
  const timer = setInterval(() => void follower.poll(), 200);
  const result = await running;
  clearInterval(timer);
  await follower.poll();

  if (result.exitCode !== 0) {
    const told = diagnostics.length > 0 ? diagnostics.join("\n") : result.all.trim();
    throw new CliError(
      `pulumi ${operation} failed:\n${indent(stripAnsi(told))}`,
      `Correct the cause and run the same command again; what was done is kept. Every event: ${eventLog}`,
      result.isTerminated || result.signal === "SIGINT" ? ExitCode.interrupted : ExitCode.failed,
    );
  }
  return changes;
}

/** Creates the stack in its backend unless it exists. */
export async function ensureStack(pulumi: Pulumi): Promise<void> {
  const marker = join(
    pulumi.stack.directory,
    "backend",
    ".pulumi",
    "stacks",
    "dukaan",
    `${pulumi.stack.name}.json`,
  );
  if (pulumi.stack.local && existsSync(marker)) return;
  // `stack init` writes the encryption salt beside the Pulumi.yaml of its folder: the copy, never the checkout.
  const folder = pulumi.stack.local ? join(pulumi.stack.directory, "project") : projectRoot;
  // The name comes from the environment, as for every other command.
  await query(pulumi, ["stack", "select", "--create"], folder);
}

/** All outputs of the stack, secrets in the clear: hand on only what the caller asked for. */
export async function readOutputs(
  pulumi: Pulumi,
  options: { secrets: boolean },
): Promise<Record<string, unknown>> {
  const secrets = options.secrets ? ["--show-secrets"] : [];
  const stdout = await query(pulumi, ["stack", "output", "--json", ...secrets]);
  return JSON.parse(stdout) as Record<string, unknown>;
}

/** Runs one Pulumi command and returns what it printed. */
export async function query(pulumi: Pulumi, args: string[], cwd = projectRoot): Promise<string> {
  const result = await execa(pulumi.executable, [...args, "--non-interactive"], {
    cwd,
    env: pulumi.env,
    reject: false,
    stdin: "ignore",
  });
  if (result.exitCode !== 0) {
    throw new CliError(
      `pulumi ${args.join(" ")} failed:\n${indent(stripAnsi(result.stderr || result.stdout))}`,
      "If the stack is not there yet, `./dukaan up` makes it.",
    );
  }
  return result.stdout;
}

/** Reads what was added to Pulumi's event log since the last poll. */
class EventFollower {
  private read = 0;
  private polling: Promise<void> = Promise.resolve();

  constructor(
    private readonly file: string,
    private readonly onEvent: (event: EngineEvent) => void,
  ) {}

  poll(): Promise<void> {
    this.polling = this.polling.then(() => this.readNew());
    return this.polling;
  }

  private async readNew(): Promise<void> {
    const size = await stat(this.file).then(
      (found) => found.size,
      () => 0,
    );
    if (size <= this.read) return;
    const lines = createInterface({
      input: createReadStream(this.file, { start: this.read, end: size - 1 }),
    });
    for await (const line of lines) {
      let event: EngineEvent;
      try {
        event = JSON.parse(line) as EngineEvent;
      } catch {
        return; // the last line is still being written; the next poll reads it again
      }
      this.read += Buffer.byteLength(line) + 1;
      this.onEvent(event);
    }
  }
}

const verbs: Record<string, [now: string, done: string]> = {
  create: ["creating", "created"],
  update: ["updating", "updated"],
  delete: ["deleting", "deleted"],
  replace: ["replacing", "replaced"],
  "create-replacement": ["creating", "created"],
  "delete-replaced": ["deleting", "deleted"],
  refresh: ["reading", "read"],
};

function describeStep(event: EngineEvent): string | undefined {
  const metadata = event.resourcePreEvent?.metadata ?? event.resOutputsEvent?.metadata;
  const verb = metadata && verbs[metadata.op];
  if (!metadata || !verb || metadata.type.startsWith("pulumi:")) return undefined;
  const done = event.resOutputsEvent !== undefined;
  return `${done ? verb[1] : verb[0]} ${shortType(metadata.type)} ${metadata.urn.split("::").at(-1)}`;
}

/** `hcloud:index/server:Server` as people say it: `hcloud:Server`. */
function shortType(type: string): string {
  const parts = type.split(":");
  return `${parts[0]}:${parts.at(-1)}`;
}

function withResource(message: string, urn: string | undefined): string {
  const name = urn?.split("::").at(-1);
  const text = message.replaceAll(/<\{%[^%]*%\}>/g, "").trim();
  return name === undefined || urn?.includes("pulumi:pulumi:Stack") ? text : `${name}: ${text}`;
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, "  ");
}

function stripAnsi(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replaceAll(/\u001b\[[0-9;]*m/g, "");
}
