import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { startConfined } from "./confined-process.js";
import { HostError, type NameHost, type ZoneFile, ZonesRefused } from "./host.js";
import { type Instance, servicesGroup } from "./instance.js";
import type { Computer } from "./lifecycle.js";
import { processOf } from "./pid-file.js";
import type { KeyedQueue } from "../queue.js";

/** How often it is looked after, and how long it may take to answer, in milliseconds. */
const LOOK_MS = 1000;
const PATIENCE_MS = 10_000;

/**
 * The instance's name server: a Knot DNS in the world's namespace, at the world's own address, that answers for the
 * zones it is given and refuses all else. It runs while there is a zone, and outlives us, as servers do. The end of the
 * instance's control groups is its end too.
 */
export class NameServer implements NameHost {
  readonly #instance: Instance;
  readonly #computer: () => Promise<Computer>;
  readonly #queue: KeyedQueue;
  readonly #onLog: (message: string) => void;
  #timer: NodeJS.Timeout | undefined;
  /** What it did not take lately, by the zone's name. */
  readonly #refused = new Map<string, { text: string; reason: string }>();

  constructor(
    instance: Instance,
    computer: () => Promise<Computer>,
    queue: KeyedQueue,
    onLog: (message: string) => void,
  ) {
    this.#instance = instance;
    this.#computer = computer;
    this.#queue = queue;
    this.#onLog = onLog;
  }

  /** Begins to look after it. */
  start(): void {
    this.#timer = setInterval(() => void this.#look(), LOOK_MS);
    this.#timer.unref();
  }

  /** Stops looking after it; it goes on running. */
  stop(): void {
    clearInterval(this.#timer);
  }

  async set(zones: ZoneFile[]): Promise<void> {
    await this.#queue.run("names", async () => {
      if (zones.length === 0) await this.#end();
      else await this.#publish(zones);
    });
  }

  async #publish(zones: ZoneFile[]): Promise<void> {
    const { folder, zonesFolder } = this.#files;
    await mkdir(zonesFolder, { recursive: true, mode: 0o700 });
    const present = new Set(await readdir(zonesFolder));
    for (const { name, text } of zones) {
      const file = zoneFile(name);
      present.delete(file);
      if ((await readFile(`${zonesFolder}/${file}`, "utf8").catch(() => "")) === text) continue;
      await writeFile(`${zonesFolder}/${file}`, text, { mode: 0o600 });
    }
    for (const file of present) await rm(`${zonesFolder}/${file}`);
    const configuration = `${folder}/knot.conf`;
    await writeFile(configuration, knotConfiguration(this.#instance, folder, zones), { mode: 0o600 });
    if ((await processOf(this.#files.pid)) === undefined) await this.#launch();
    else await control(this.#instance, "reload");
    await this.#untilServed(zones);
  }

  /** @throws ZonesRefused */
  async #untilServed(zones: ZoneFile[]): Promise<void> {
    // What it has refused once it does not look at again, and does not complain about.
    const refused = new Map<string, string>();
    for (const { name, text } of zones) {
      const before = this.#refused.get(name);
      if (before?.text === text) refused.set(name, before.reason);
      else this.#refused.delete(name);
    }
    for (const deadline = performance.now() + PATIENCE_MS; ; await sleep(20)) {
      const served = await servedZones(this.#instance);
      const late = zones.filter(({ name, serial }) => !refused.has(name) && served?.get(name) !== serial);
      if (late.length === 0) break;
      const log = (await readFile(this.#files.log, "utf8").catch(() => "")).split("\n");
      for (const { name, text } of late) {
        const errors = log.filter((line) => line.includes(`[${name}.]`) && line.includes("error"));
        if (errors.length === 0 && performance.now() < deadline) continue;
        const reason = errors.slice(-3).join("; ").trim() || "it is not served in time";
        refused.set(name, reason);
        if (errors.length > 0) this.#refused.set(name, { text, reason });
      }
    }
    if (refused.size === 0) return;
    // So that the same complaint is not found again.
    await writeFile(this.#files.log, "");
    throw new ZonesRefused(refused);
  }

  async #launch(): Promise<void> {
    const { groups } = await this.#computer();
    const { folder, log, pid, socket } = this.#files;
    await mkdir(`${folder}/database`, { recursive: true, mode: 0o700 });
    await rm(socket, { force: true });
    const { ended } = await startConfined(groups, {
      namespace: this.#instance.world,
      group: servicesGroup(this.#instance),
      pidFile: pid,
      log,
      command: ["knotd", "--config", `${folder}/knot.conf`],
    });
    const deadline = performance.now() + PATIENCE_MS;
    while (!existsSync(socket)) {
      const how = await Promise.race([ended, sleep(20)]);
      if (how === undefined && performance.now() < deadline) continue;
      const said = (await readFile(log, "utf8").catch(() => "")).trim().split("\n").slice(-3).join("; ");
      throw new HostError(`the name server does not start: ${said}`, `Look at ${log}.`);
    }
  }

  /** It ends with the last zone. */
  async #end(): Promise<void> {
    const { folder, pid: pidFile } = this.#files;
    const pid = await processOf(pidFile);
    if (pid !== undefined) process.kill(pid, "SIGKILL");
    while ((await processOf(pidFile)) !== undefined) await sleep(10);
    await rm(folder, { recursive: true, force: true });
    await rm(pidFile, { force: true });
  }

  async #look(): Promise<void> {
    await this.#queue
      .run("names", async () => {
        if (!existsSync(`${this.#files.folder}/knot.conf`)) return;
        if ((await processOf(this.#files.pid)) !== undefined) return;
        this.#onLog("the name server has ended; starting it again");
        await this.#launch();
      })
      .catch((error: unknown) => this.#onLog(`the name server: ${String(error)}`));
  }

  get #files() {
    return nameServerFiles(this.#instance);
  }
}

/** Where an instance's name server has its files. */
export function nameServerFiles({ runFolder }: Instance) {
  const folder = `${runFolder}/names`;
  return {
    folder,
    zonesFolder: `${folder}/zones`,
    socket: `${folder}/socket`,
    log: `${folder}/log`,
    pid: `${runFolder}/names.pid`,
  };
}

/** The serials of the zones for which it answers now, by name; undefined when it does not answer. */
export async function servedZones(instance: Instance): Promise<ReadonlyMap<string, number> | undefined> {
  const told = await control(instance, "zone-status", "+serial").catch(() => undefined);
  // [shop.example.] serial: 2026010100; one that was never loaded has none.
  const lines = told?.matchAll(/^\[(.+)\.\] serial: (\d+)$/gm);
  return lines && new Map([...lines].map(([, name = "", serial]) => [name, Number(serial)]));
}

async function control(instance: Instance, ...command: string[]): Promise<string> {
  const { socket } = nameServerFiles(instance);
  const { stdout } = await execa("knotc", ["--socket", socket, "--timeout", "5", ...command]);
  return stdout;
}

export const zoneFile = (name: string): string => `${name}.zone`;

function knotConfiguration({ addresses }: Instance, folder: string, zones: ZoneFile[]): string {
  return [
    "server:",
    `  rundir: ${folder}`,
    `  listen: ${addresses.worldIpv4}@53`,
    "  udp-workers: 1",
    "  tcp-workers: 1",
    "  background-workers: 1",
    "  version: ''",
    "  identity: ''",
    "control:",
    `  listen: ${folder}/socket`,
    "log:",
    "  - target: stdout",
    "    any: warning",
    "database:",
    `  storage: ${folder}/database`,
    "template:",
    "  - id: default",
    `    storage: ${folder}/zones`,
    "    journal-content: none",
    "    zonefile-load: whole",
    "    zonefile-sync: -1",
    "zone:",
    ...zones.flatMap(({ name }) => [`  - domain: "${name}."`, `    file: "${zoneFile(name)}"`]),
    "",
  ].join("\n");
}
