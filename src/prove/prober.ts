import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { projectRoot } from "../project.js";

/** A socket that waits for connections or datagrams. */
export interface Listener {
  protocol: "tcp" | "udp";
  /** "0.0.0.0", "::" or "*": on all interfaces. */
  address: string;
  port: number;
  program: string;
}

/** What a machine says of itself. */
export interface Look {
  listeners: Listener[];
  /** Ports that its own firewall names. */
  ruled: number[];
  /** The address that whoever asks has come from. */
  client: string;
}

/** What somebody is to ask on one path. */
export interface Questions {
  path: number;
  address: string;
  tcp: readonly number[];
  udp: readonly number[];
  ping: boolean;
}

/** What TCP and ping have found on one path; ports that are in neither list gave no answer. */
export interface Answers {
  path: number;
  open: number[];
  /** The packet got there, and nobody listens. */
  refused: number[];
  /** null: this user may not send a ping. */
  ping: boolean | null;
}

/** A program of ./prober.py that runs somewhere and does what it is told. It ends with its connection. */
export class Prober {
  readonly name: string;
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #ended: Promise<string>;
  readonly #lines: Interface;
  readonly #answers: AsyncIterator<string>;

  private constructor(name: string, running: ChildProcessWithoutNullStreams) {
    this.name = name;
    this.#process = running;
    this.#ended = lastWords(running);
    this.#lines = createInterface({ input: running.stdout });
    this.#answers = this.#lines[Symbol.asyncIterator]();
  }

  /** @param ssh program and arguments that run a command elsewhere; absent: on this computer */
  static async start(name: string, ssh?: readonly string[]): Promise<Prober> {
    const program = await readFile(join(projectRoot, "src/prove/prober.py"), "utf8");
    // The program is the first line that it reads: nothing of it stands on a disk.
    const loader = "import json, sys; exec(json.loads(sys.stdin.readline()))";
    const [file = "python3", ...words] = ssh
      ? [...ssh, `exec python3 -I -c '${loader}'`]
      : ["python3", "-I", "-c", loader];
    const running = spawn(file, words, { stdio: "pipe" });
    // Whoever has ended says so by the end of its answers.
    running.stdin.on("error", () => undefined);
    running.stdin.write(`${JSON.stringify(program)}\n`);
    return new Prober(name, running);
  }

  async look(): Promise<Look> {
    return (await this.#ask({ do: "look" })) as Look;
  }

  /** The address with which packets would leave for another; undefined: there is no way. */
  async sourceFor(address: string): Promise<string | undefined> {
    return ((await this.#ask({ do: "source", address })) as { address?: string }).address;
  }

  /** Notes datagrams with this mark from now on. It wants root. */
  async hear(mark: string): Promise<void> {
    await this.#ask({ do: "hear", mark });
  }

  /**
   * @param extent.seconds how long one answer is waited for
   * @param extent.most connections that anybody has to ask for, all paths together
   */
  async probe(
    paths: readonly Questions[],
    mark: string,
    extent: { seconds: number; most: number },
  ): Promise<Answers[]> {
    return ((await this.#ask({ do: "probe", paths, mark, ...extent })) as { paths: Answers[] }).paths;
  }

  /** Datagrams that have come here: path and port. */
  async arrivals(): Promise<[path: number, port: number][]> {
    return ((await this.#ask({ do: "arrivals" })) as { arrived: [number, number][] }).arrived;
  }

  async end(): Promise<void> {
    this.#lines.close();
    this.#process.stdin.end();
    this.#process.kill();
    await this.#ended;
  }

  async #ask(command: object): Promise<unknown> {
    this.#process.stdin.write(`${JSON.stringify(command)}\n`);
    const { value, done } = await this.#answers.next();
    if (!done) return JSON.parse(value);
    throw new ProberError(this.name, await this.#ended);
  }
}

/** The last line that a process writes to its standard error, when it has ended. */
async function lastWords(running: ChildProcessWithoutNullStreams): Promise<string> {
  let said = "";
  running.stderr.setEncoding("utf8").on("data", (part: string) => (said = (said + part).slice(-4000)));
  return new Promise((resolve) => {
    running.on("error", (error) => resolve(error.message));
    running.on("close", (code) => resolve(said.trim().split("\n").at(-1) || `it ended early (${code})`));
  });
}

/** Somebody who was to ask could not. */
export class ProberError extends Error {
  constructor(
    readonly place: string,
    readonly reason: string,
  ) {
    super(`${place} cannot be asked from: ${reason}`);
    this.name = "ProberError";
  }
}
