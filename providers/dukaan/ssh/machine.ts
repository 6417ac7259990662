import { createHash } from "node:crypto";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Client, ClientChannel } from "ssh2";
import { ProviderError, type Context } from "../resource.js";
import { connect, NoAccessError, type Endpoint } from "./connect.js";

/** How long a machine that does not answer is tried: a new one boots, one that is there should answer. */
export const patienceSeconds = { create: 180, update: 60, read: 20, delete: 10 };

/** sshd accepts 10 sessions on a connection (MaxSessions); a person's own may be among them. */
const maxSessions = 6;

/** One connection to a machine, shared by all resources of this process. */
interface Shared {
  client: Client;
  sessions: number;
  waiting: (() => void)[];
  /** The next command logs in anew. */
  forget(): void;
}

const shared = new Map<string, Promise<Shared>>();

export interface CommandResult {
  code: number;
  /** Standard output and error as the command mixed them, line by line. */
  lines: string[];
}

/** A resource's input `connection`. */
export type Connection = {
  host: string;
  port?: number;
  user: string;
  hostKey: string;
  privateKey: string;
  tunnel?: { endpointId: string; dnsName: string; region: string };
};

/** A machine to run commands on. Commands are public (argv); what must stay secret goes through `input`. */
export interface Machine {
  host: string;
  run(command: string, input: Readable, onLine?: (line: string) => void): Promise<CommandResult>;
}

/** Logs in, or shares the connection that there is. */
export async function openMachine(
  connection: Connection,
  purpose: keyof typeof patienceSeconds,
  context: Context,
): Promise<Machine> {
  const endpoint: Endpoint = { port: 22, ...connection };
  const open = () => share(endpoint, purpose, context);
  await open();
  return {
    host: endpoint.host,
    run: (command, input, onLine) => runCommand(open, endpoint, command, input, context, onLine),
  };
}

function share(endpoint: Endpoint, purpose: keyof typeof patienceSeconds, context: Context): Promise<Shared> {
  const key = createHash("sha256").update(JSON.stringify(endpoint)).digest("hex");
  const existing = shared.get(key);
  if (existing) return existing;
  const opening = connect(endpoint, {
    seconds: patienceSeconds[purpose],
    booting: purpose === "create",
    signal: context.signal,
    onWait: (reason) => context.progress(`waiting for ${endpoint.host} to answer (${reason})`),
  }).then((client): Shared => {
    client.once("close", forget);
    return { client, sessions: 0, waiting: [], forget };
  });
  const forget = () => {
    if (shared.get(key) === opening) shared.delete(key);
  };
  shared.set(key, opening);
  opening.catch(forget);
  return opening;
}

async function runCommand(
  open: () => Promise<Shared>,
  { host }: Endpoint,
  command: string,
  input: Readable,
  { signal }: Context,
  onLine: (line: string) => void = () => {},
): Promise<CommandResult> {
  signal.throwIfAborted();
  const { connection, channel } = await openSession(open, `exec 2>&1; echo $$; ${command}`);
  let group: string | undefined;
  const terminate = () => {
    // sshd passes no signals on to root's sessions, so another session sends it to the command's process group.
    if (group) connection.client.exec(`kill -TERM -- -${group}`, () => {});
  };
  try {
    signal.addEventListener("abort", terminate, { once: true });
    const lines: string[] = [];
    createInterface({ input: channel, crlfDelay: Infinity }).on("line", (line) => {
      if (group === undefined) {
        group = line;
        return;
      }
      lines.push(line);
      onLine(line);
    });
    let inputError: Error | undefined;
    input.once("error", (error) => (inputError = error));
    const ended = exitOf(channel);
    // A command that fails early closes its input; its exit code tells more than the broken pipe.
    await Promise.all([pipeline(input, channel).catch(() => {}), ended]);
    const code = await ended;
    if (signal.aborted) throw signal.reason;
    if (inputError) throw inputError;
    if (code === undefined)
      throw new NoAccessError(
        `the connection to ${host} was lost while a command ran there. Run it again: what was half done is repaired.`,
      );
    return { code, lines };
  } finally {
    signal.removeEventListener("abort", terminate);
    releaseSession(connection);
  }
}

/** A machine that was rebooted has left us with a dead connection: before anything ran, another may be tried. */
async function openSession(
  open: () => Promise<Shared>,
  command: string,
): Promise<{ connection: Shared; channel: ClientChannel }> {
  for (let attempt = 0; ; attempt++) {
    const connection = await open();
    await takeSession(connection);
    try {
      return { connection, channel: await openChannel(connection.client, command) };
    } catch (error) {
      releaseSession(connection);
      const reason = error instanceof Error ? error.message : String(error);
      if (attempt > 0) throw new ProviderError(`the machine does not run our command: ${reason}`);
      connection.forget();
    }
  }
}

async function takeSession(connection: Shared): Promise<void> {
  while (connection.sessions >= maxSessions)
    await new Promise<void>((resolve) => {
      connection.waiting.push(resolve);
    });
  connection.sessions++;
}

function releaseSession(connection: Shared): void {
  connection.sessions--;
  connection.waiting.shift()?.();
}

function openChannel(client: Client, command: string): Promise<ClientChannel> {
  return new Promise((resolve, reject) => {
    client.exec(command, (error, channel) => {
      if (error) reject(error);
      else resolve(channel);
    });
  });
}

/** The exit code; 255 when a signal ended the command; undefined when the connection broke before it ended. */
function exitOf(channel: ClientChannel): Promise<number | undefined> {
  return new Promise((resolve) => {
    let code: number | undefined;
    channel.once("exit", (status: number | null) => {
      code = status ?? 255;
    });
    channel.once("close", () => resolve(code));
  });
}
