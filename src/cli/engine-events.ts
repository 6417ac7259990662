import { constants, openSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { Socket } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { execa } from "execa";

/** What an operation did: Pulumi's own counts by kind, e.g. `{ same: 20 }` or `{ create: 20 }`. */
export type Changes = Record<string, number>;

/** The part of Pulumi's engine events (`--event-log`) that we read. */
export interface EngineEvent {
  resourcePreEvent?: { metadata: { op: string; urn: string; type: string } };
  resOutputsEvent?: { metadata: { op: string; urn: string; type: string } };
  diagnosticEvent?: { severity: string; message: string; urn?: string };
  policyEvent?: { enforcementLevel: string; message: string; policyName: string };
  summaryEvent?: { resourceChanges: Changes };
}

// An empty line is no event; it tells the reader that the writer is gone. The first newline ends a line cut short.
const end = "\n\n";

/**
 * Runs `work` with the path for Pulumi's `--event-log`, and hands each event over as it comes. The path is a named
 * pipe: the log holds debug messages with secrets in the clear, which must never be on a disk.
 * @param folder where the pipe may be made; readable by its owner alone
 */
export async function followEvents<T>(
  folder: string,
  onEvent: (event: EngineEvent) => void,
  work: (path: string) => Promise<T>,
): Promise<T> {
  const own = await mkdtemp(join(folder, "events-"));
  const path = join(own, "pipe");
  try {
    await execa("mkfifo", ["-m", "0600", path]);
    // Open for both ends, neither this open nor Pulumi's has to wait for the other; not blocking, so that it can end.
    const pipe = new Socket({ fd: openSync(path, constants.O_RDWR | constants.O_NONBLOCK) });
    try {
      const reading = readEvents(pipe, onEvent);
      try {
        return await work(path);
      } finally {
        pipe.write(end);
        await reading;
      }
    } finally {
      pipe.destroy();
    }
  } finally {
    await rm(own, { recursive: true, force: true });
  }
}

async function readEvents(pipe: Socket, onEvent: (event: EngineEvent) => void): Promise<void> {
  for await (const line of createInterface({ input: pipe })) {
    if (line === "") return;
    // A line that an abrupt end cut off is no event.
    const event = parse(line);
    if (event) onEvent(event);
  }
}

function parse(line: string): EngineEvent | undefined {
  try {
    return JSON.parse(line) as EngineEvent;
  } catch {
    return undefined;
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

/** A step of a resource as people say it, e.g. "creating hcloud:Server app-1"; undefined for what is no such step. */
export function describeStep(event: EngineEvent): string | undefined {
  const metadata = event.resourcePreEvent?.metadata ?? event.resOutputsEvent?.metadata;
  const verb = metadata && verbs[metadata.op];
  // Components are only names for what is in them.
  if (!metadata || !verb || /^(pulumi:|dukaan:index:(Environment|Region|Machine)$)/.test(metadata.type))
    return undefined;
  const done = event.resOutputsEvent !== undefined;
  return `${done ? verb[1] : verb[0]} ${shortType(metadata.type)} ${metadata.urn.split("::").at(-1)}`;
}

/** `hcloud:index/server:Server` as people say it: `hcloud:Server`. */
function shortType(type: string): string {
  const parts = type.split(":");
  return `${parts[0]}:${parts.at(-1)}`;
}

/** The text of an error with the name of its resource or policy; undefined for anything that is no error. */
export function describeError(event: EngineEvent): string | undefined {
  if (breaksPolicy(event))
    return `${event.policyEvent.policyName}: ${withoutColours(event.policyEvent.message)}`;
  if (event.diagnosticEvent?.severity !== "error") return undefined;
  const { message, urn } = event.diagnosticEvent;
  const text = withoutColours(message);
  return urn === undefined || urn.includes("pulumi:pulumi:Stack")
    ? text
    : `${urn.split("::").at(-1)}: ${text}`;
}

/** Whether a resource is refused because it breaks a rule of a policy pack. */
export function breaksPolicy(
  event: EngineEvent,
): event is EngineEvent & Required<Pick<EngineEvent, "policyEvent">> {
  return event.policyEvent?.enforcementLevel === "mandatory";
}

/** Pulumi marks colours as <{%reset%}>. */
function withoutColours(message: string): string {
  return message.replaceAll(/<\{%[^%]*%\}>/g, "").trim();
}
