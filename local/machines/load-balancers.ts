import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import net from "node:net";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import type { Attachments } from "./attachments.js";
import { startConfined } from "./confined-process.js";
import { haproxyConfiguration, type HaproxyFiles, readStatistics } from "./haproxy.js";
import { HostError, type LoadBalancerHost, type LoadBalancerSpec, type LoadBalancerState } from "./host.js";
import { balancerGroup, balancerStation, type Instance, machineLink, machineNamespace } from "./instance.js";
import type { Computer } from "./lifecycle.js";
import { changeAddresses, plugIn, unplug } from "./machine-links.js";
import { interfaceExists, namespacesOf, namespaceExists } from "./namespaces.js";
import { killAll } from "./nspawn.js";
import { connect, disconnect, nextDevice } from "./private-networks.js";
import type { KeyedQueue } from "../queue.js";
import * as records from "./records.js";

/** How often they are looked after, and how long one may take to come up, in milliseconds. */
const LOOK_MS = 1000;
const START_MS = 10_000;

/** What load balancers need of the rest of the host when they appear, change or go. */
export interface BalancerSurroundings {
  /** Called when a cable to the world came, changed or went: the firewall knows each one's addresses. */
  onWire(): Promise<void>;
  networks: Attachments;
  onLog(message: string): void;
}

/**
 * Load balancers: each an HAProxy in a network namespace of its own, with a cable to the world and one to its private
 * network, as a machine has. They outlive us; a change is taken over without closing connections.
 */
export class LoadBalancers implements LoadBalancerHost {
  readonly #computer: () => Promise<Computer>;
  readonly #instance: Instance;
  readonly #queue: KeyedQueue;
  readonly #around: BalancerSurroundings;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    instance: Instance,
    computer: () => Promise<Computer>,
    queue: KeyedQueue,
    around: BalancerSurroundings,
  ) {
    this.#instance = instance;
    this.#computer = computer;
    this.#queue = queue;
    this.#around = around;
  }

  /** Removes what interrupted operations left, and begins to look after the rest. */
  async start(): Promise<void> {
    const known = new Set((await records.readBalancers(this.#instance)).map(({ id }) => id));
    const prefix = machineNamespace(this.#instance, "lb");
    for (const namespace of await namespacesOf(this.#instance)) {
      if (!namespace.startsWith(prefix)) continue;
      const id = namespace.slice(prefix.length);
      if (!known.has(balancerStation(id))) await this.#discard(id);
    }
    this.#timer = setInterval(() => void this.#look(), LOOK_MS);
    this.#timer.unref();
  }

  /** Stops looking after them; they go on running. */
  stop(): void {
    clearInterval(this.#timer);
  }

  async ids(): Promise<string[]> {
    return (await records.readBalancers(this.#instance)).map(({ id }) => id.slice("lb".length));
  }

  async set(spec: LoadBalancerSpec): Promise<void> {
    await this.#inTurn(spec.id, async () => {
      await this.#plug(spec);
      const changed = await this.#writeFiles(spec);
      if (changed || !(await this.#runs(spec.id))) await this.#launch(spec.id);
    });
  }

  async remove(id: string): Promise<void> {
    await this.#inTurn(id, () => this.#discard(id));
  }

  async state(id: string): Promise<LoadBalancerState> {
    return readStatistics(await ask(balancerFiles(this.#instance, id).socket, "show stat"));
  }

  async #plug(spec: LoadBalancerSpec): Promise<void> {
    const instance = this.#instance;
    const station = balancerStation(spec.id);
    const before = await records.readBalancer(instance, station);
    const attachments = spec.network ? [{ ...spec.network, device: nextDevice([]) }] : [];
    const former = (before?.attachments ?? []).filter(
      ({ networkId }) => networkId !== spec.network?.networkId,
    );
    const { addresses } = spec;
    const leaving = [...(before?.leaving ?? []), before?.addresses ?? {}];
    // Whoever comes after us, should we be killed, must know what is still to be taken away.
    const changing = { id: station, addresses, leaving, attachments: [...attachments, ...former] };
    await records.writeBalancer(instance, changing);
    await this.#around.onWire();
    // Without a process there is no connection to be kept, and who laid the cable may have been killed at it.
    const there =
      (await this.#runs(spec.id)) &&
      namespaceExists(machineNamespace(instance, station)) &&
      (await interfaceExists(instance.world, machineLink(station)));
    if (!there) {
      // One that runs and does not answer would go on without a cable, and count as running.
      await killAll((await this.#computer()).groups, balancerGroup(instance, spec.id));
      await plugIn(instance, station, addresses);
    } else for (const each of leaving) await changeAddresses(instance, station, each, addresses);
    for (const { networkId } of former) {
      await disconnect(instance, station, networkId);
      await this.#around.networks.route(networkId);
    }
    await records.writeBalancer(instance, { id: station, addresses, attachments });
    for (const attachment of attachments) {
      const network = await records.readNetwork(instance, attachment.networkId);
      if (network === undefined) continue;
      await connect(instance, station, network, attachment);
      await this.#around.networks.route(network.id);
    }
  }

  /** @returns whether anything differs from what was there */
  async #writeFiles(spec: LoadBalancerSpec): Promise<boolean> {
    const { folder, configuration, ...files } = balancerFiles(this.#instance, spec.id);
    const wanted = new Map([[configuration, haproxyConfiguration(spec, files)]]);
    for (const { listenPort, certificates } of spec.services) {
      for (const [index, pem] of certificates.entries()) {
        wanted.set(`${files.certificates(listenPort)}/${String(index).padStart(2, "0")}.pem`, pem);
      }
    }
    const present = await Promise.all(
      [...wanted.keys()].map((file) => readFile(file, "utf8").catch(() => "")),
    );
    if ([...wanted.values()].every((content, index) => content === present[index])) return false;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    for (const { listenPort } of spec.services) {
      await rm(files.certificates(listenPort), { recursive: true, force: true });
    }
    for (const [file, content] of wanted) {
      await mkdir(file.slice(0, file.lastIndexOf("/")), { recursive: true, mode: 0o700 });
      await writeFile(file, content, { mode: 0o600 });
    }
    return true;
  }

  async #processes(id: string): Promise<number[]> {
    const { groups } = await this.#computer();
    return groups.processes(balancerGroup(this.#instance, id));
  }

  async #runs(id: string): Promise<boolean> {
    if ((await this.#processes(id)).length === 0) return false;
    return (await answeringProcess(this.#instance, id)) !== undefined;
  }

  /** Starts a process with the present files; those that run hand their sockets over and end with their connections. */
  async #launch(id: string): Promise<void> {
    const { groups } = await this.#computer();
    const { configuration, log, socket } = balancerFiles(this.#instance, id);
    const group = balancerGroup(this.#instance, id);
    await groups.make(group);
    const before = await groups.processes(group);
    const takeOver = before.length === 0 ? [] : ["-x", socket, "-sf", ...before.map(String)];
    if (before.length > 0 && (await answeringProcess(this.#instance, id)) === undefined)
      takeOver.splice(0, 2);
    const started = await startConfined(groups, {
      namespace: machineNamespace(this.#instance, balancerStation(id)),
      group,
      log,
      command: ["haproxy", "-db", "-f", configuration, ...takeOver],
    });
    let ended = false;
    void started.ended.then(() => (ended = true));
    for (const deadline = performance.now() + START_MS; ; await sleep(20)) {
      const pid = await answeringProcess(this.#instance, id);
      if (pid !== undefined && !before.includes(pid)) return;
      if (!ended && performance.now() < deadline) continue;
      const said = (await readFile(log, "utf8").catch(() => "")).trim().split("\n").slice(-3).join("; ");
      // So that the next call tries again, although the files are the same then.
      await rm(configuration, { force: true });
      throw new HostError(
        `load balancer ${id} does not start: ${said}`,
        "Look at its services and certificates.",
      );
    }
  }

  async #look(): Promise<void> {
    for (const id of await this.ids().catch(() => [])) {
      await this.#inTurn(id, async () => {
        if ((await this.#processes(id)).length > 0) return;
        // Its files are gone after a restart of the computer: then the API, which knows more, sets it anew.
        const { configuration } = balancerFiles(this.#instance, id);
        if ((await readFile(configuration, "utf8").catch(() => "")) === "") return;
        this.#around.onLog(`load balancer ${id} has ended; starting it again`);
        await this.#launch(id);
      }).catch((error: unknown) => this.#around.onLog(`load balancer ${id}: ${String(error)}`));
    }
  }

  async #discard(id: string): Promise<void> {
    const { groups } = await this.#computer();
    const station = balancerStation(id);
    const group = balancerGroup(this.#instance, id);
    const before = await records.readBalancer(this.#instance, station);
    await killAll(groups, group);
    await groups.remove(group);
    for (const { networkId } of before?.attachments ?? [])
      await disconnect(this.#instance, station, networkId);
    await unplug(this.#instance, station);
    await rm(balancerFiles(this.#instance, id).folder, { recursive: true, force: true });
    await records.deleteBalancer(this.#instance, station);
    await this.#around.onWire();
    for (const { networkId } of before?.attachments ?? []) await this.#around.networks.route(networkId);
  }

  async #inTurn<T>(id: string, task: () => Promise<T>): Promise<T> {
    return this.#queue.run(balancerStation(id), task);
  }
}

/** Where a load balancer's process has its files; all of them are made anew after a restart of the computer. */
export function balancerFiles(
  instance: Instance,
  id: string,
): HaproxyFiles & { folder: string; configuration: string; log: string } {
  const folder = `${instance.runFolder}/balancers/${id}`;
  return {
    folder,
    configuration: `${folder}/haproxy.cfg`,
    log: `${folder}/log`,
    socket: `${folder}/socket`,
    certificates: (port) => `${folder}/certificates-${port}`,
  };
}

/** Id of the process of a load balancer that answers now. */
export async function answeringProcess(instance: Instance, id: string): Promise<number | undefined> {
  const said = await ask(balancerFiles(instance, id).socket, "show info").catch(() => "");
  const [, pid] = /^Pid: ([0-9]+)$/m.exec(said) ?? [];
  return pid === undefined ? undefined : Number(pid);
}

/** Asks HAProxy on its socket. */
async function ask(socket: string, command: string): Promise<string> {
  const connection = net.connect(socket);
  connection.setTimeout(2000, () => connection.destroy(new Error("no answer within 2 s")));
  connection.end(`${command}\n`);
  return text(connection);
}
