import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { checkInstance } from "../../local/check/check.js";
import { startLocalCloud, stopLocalCloud, type LocalCloud } from "../../local/client.js";
import { instanceFolder } from "../../local/folder.js";
import { type Instance, instanceOf, SLOTS } from "../../local/machines/instance.js";
import { projectRoot } from "../../local/machines/project-root.js";
import { slotsInUse } from "../../local/machines/slots.js";
import { State } from "../../local/state/database.js";
import { makeLabFolder } from "../lab-folder.js";
import { key, until } from "./machine-lab.js";

/** Parts of the API's resources that tests of the whole cloud look at. */
export interface Resource {
  id: number;
  name: string;
  status?: string;
  server?: number | { id: number } | null;
  size?: number;
  ip?: string;
  type?: string;
  assignee_id?: number | null;
  server_type?: { name: string };
  private_net?: { network: number }[] | { network: number };
  public_net?: { ipv4: { ip: string } | null; firewalls?: { id: number }[] };
  ip_range?: string;
  routes?: { destination: string; gateway: string }[];
  services?: { listen_port: number }[];
  targets?: { type: string }[];
  /** Those that have the server as a target. */
  load_balancers?: number[];
}

export interface Answer {
  status: number;
  body: {
    error?: { code: string; message: string };
    action?: { id: number };
    actions?: { id: number }[];
    next_actions?: { id: number }[];
  } & Record<string, unknown>;
}

const program = join(projectRoot(), "dist/local/server.js");

/** A whole local cloud with its process, in a folder of its own: to be crashed. */
export class CrashCloud {
  #cloud: LocalCloud | undefined;

  private constructor(
    readonly name: string,
    readonly home: string,
    readonly ownsHome: boolean,
  ) {}

  /** @param home where it keeps its state; without one, in a new folder that goes with it */
  static async open(name: string, home?: string): Promise<CrashCloud> {
    if (!existsSync(program)) throw new Error(`${program} is missing: run npm run build`);
    const cloud = new CrashCloud(name, home ?? (await makeLabFolder("/var/lib")), home === undefined);
    // The computer's other local clouds may have all slots just now.
    await until(async () => (await slotsInUse()).length < SLOTS, 200);
    await cloud.start();
    await cloud.call("POST", "/ssh_keys", { name: "operator", public_key: key.public });
    return cloud;
  }

  get pid(): number {
    return this.#running.pid;
  }

  get endpoint(): string {
    return this.#running.endpoint;
  }

  get token(): string {
    return this.#running.token;
  }

  get #running(): LocalCloud {
    if (!this.#cloud) throw new Error("the cloud was not started");
    return this.#cloud;
  }

  get stateFile(): string {
    return instanceFolder(this.name, this.home).state;
  }

  async instance(): Promise<Instance> {
    const slot = (await slotsInUse()).find(({ instance }) => instance === this.name)?.slot ?? 0;
    return instanceOf(this.name, slot, this.home);
  }

  /** Starts its process, or finds it running. */
  async start(): Promise<void> {
    process.env["DUKAAN_LOCAL_HOME"] = this.home;
    this.#cloud = await startLocalCloud({ instance: this.name, onProgress: () => {} });
  }

  async kill(): Promise<void> {
    await killed(this.pid);
  }

  /** Starts its process and kills it on its way up. */
  async startAndKill(milliseconds: number): Promise<void> {
    const child = spawn(process.execPath, [program, "--instance", this.name, "--home", this.home], {
      stdio: "ignore",
    });
    await sleep(milliseconds);
    if (child.pid !== undefined && child.exitCode === null) await killed(child.pid);
  }

  /** Asks the API; undefined when it went away before it answered. */
  async ask(method: string, path: string, body?: unknown): Promise<Answer | undefined> {
    const headers = { authorization: `Bearer ${this.token}` };
    const text = body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body);
    try {
      const response = await fetch(`${this.endpoint}${path}`, {
        method,
        headers,
        ...(text !== undefined && { body: text }),
      });
      const said = await response.text();
      const parsed: Answer["body"] = JSON.parse(said === "" ? "{}" : said);
      return { status: response.status, body: parsed };
    } catch {
      return undefined;
    }
  }

  /** @throws unless the answer is a good one */
  async call(method: string, path: string, body?: unknown): Promise<Answer["body"]> {
    const answer = await this.ask(method, path, body);
    if (answer && answer.status < 300) return answer.body;
    throw new Error(`${method} ${path}: ${answer?.status} ${JSON.stringify(answer?.body.error)}`);
  }

  /** As {@link call}, and waits until what it started has ended well. */
  async done(method: string, path: string, body?: unknown): Promise<Answer["body"]> {
    const answer = await this.call(method, path, body);
    await this.settled();
    for (const { id } of actionsOf(answer)) {
      const failed = this.failures(id - 1).find((one) => one.id === id);
      if (failed) throw new Error(`${method} ${path}: ${failed.error_message}`);
    }
    return answer;
  }

  async list(kind: string): Promise<Resource[]> {
    const found: Resource[] = [];
    for (let page = 1; ; page++) {
      const answer = await this.call("GET", `/${kind}?per_page=50&page=${page}`);
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- lists are under their own name
      const part = answer[kind] as Resource[];
      found.push(...part);
      if (part.length < 50) return found;
    }
  }

  /** What the state says, also while no process runs. */
  read<T>(look: (state: State) => T): T {
    const state = new State(this.stateFile, "read");
    try {
      return look(state);
    } finally {
      state.close();
    }
  }

  /** Commands of the actions that have not ended. */
  underWay(): string[] {
    return this.read((state) =>
      state
        .all<{ command: string }>("SELECT command FROM actions WHERE status = 'running'")
        .map(({ command }) => command),
    );
  }

  /** Waits until no action runs. */
  async settled(seconds = 180): Promise<void> {
    await until(() => this.underWay().length === 0, seconds);
  }

  /** Actions after that one that ended with an error. */
  failures(after: number): { id: number; command: string; error_message: string }[] {
    return this.read((state) =>
      state.all("SELECT id, command, error_message FROM actions WHERE status = 'error' AND id > ?", after),
    );
  }

  /** What state and computer do not agree about, a line each. */
  async differences(): Promise<string[]> {
    const { differences, busy } = await checkInstance(await this.instance(), this.stateFile, 120_000);
    return [
      ...differences.map(({ subject, difference }) => `${subject}: ${difference}`),
      ...busy.map((one) => `${one} is busy for ever`),
    ];
  }

  async remove(): Promise<void> {
    process.env["DUKAAN_LOCAL_HOME"] = this.home;
    await stopLocalCloud(this.name, { onProgress: () => {} });
    delete process.env["DUKAAN_LOCAL_HOME"];
    if (this.ownsHome) await rm(this.home, { recursive: true, force: true });
  }
}

export const actionsOf = ({ action, actions = [], next_actions: next = [] }: Answer["body"]) => [
  ...(action ? [action] : []),
  ...actions,
  ...next,
];

/** Kills a process and waits until it is gone. */
export async function killed(pid: number): Promise<void> {
  try {
    process.kill(pid, "SIGKILL");
    for (;;) {
      process.kill(pid, 0);
      if (await isZombie(pid)) return;
      await sleep(5);
    }
  } catch {
    // It is gone.
  }
}

async function isZombie(pid: number): Promise<boolean> {
  const { startTimeOf } = await import("../../local/machines/pid-file.js");
  return (await startTimeOf(pid)) === undefined;
}
