import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { Attachments } from "./attachments.js";
import { detectControlGroups } from "./cgroups.js";
import { ExitWatch } from "./exit-watch.js";
import { applyFirewall } from "./firewall.js";
import {
  type FirewallSpec,
  type Host,
  type MachineLimits,
  type MachineSpec,
  type MachineStatus,
  type MachineUsage,
  type NetworkAttachment,
  type NetworkSpec,
  type PublicAddresses,
  type VolumeSpec,
} from "./host.js";
import { Images, thawDisk } from "./images.js";
import { type Instance, instanceOf, servicesGroup } from "./instance.js";
import * as lifecycle from "./lifecycle.js";
import { LoadBalancers } from "./load-balancers.js";
import { lxcfsUp } from "./lxcfs.js";
import { changeAddresses } from "./machine-links.js";
import { NameServer } from "./name-server.js";
import { namespaceExists } from "./namespaces.js";
import {
  isRunning,
  killStraySupervisors,
  prepareNspawnFolder,
  prepareRunFolders,
  requestPowerOff,
  takeExit,
} from "./nspawn.js";
import { KeyedQueue } from "../queue.js";
import * as records from "./records.js";
import { checkRequirements } from "./requirements.js";
import { tearDown } from "./teardown.js";
import { usageOf } from "./usage.js";
import { volumesOnComputer } from "./volume-devices.js";
import { Volumes } from "./volumes.js";
import { worldUp } from "./world.js";

export interface LinuxHostOptions {
  /** Name of the local cloud, e.g. "lab". */
  instance: string;
  /** From acquireSlot. */
  slot: number;
  /** The local cloud's state folder, e.g. "/var/lib/dukaan". */
  home: string;
  /** Path of the base image that new machines get, from ensureImage. */
  image: string;
  onLog: (message: string) => void;
}

type ExitListener = (id: string, how: "reboot" | "poweroff" | "crash") => void;

/** This computer, when it runs Linux: machines are systemd-nspawn containers. */
export function createLinuxHost(options: LinuxHostOptions): Host {
  return new LinuxHost(options);
}

class LinuxHost implements Host {
  readonly loadBalancers: LoadBalancers;
  readonly images: Images;
  readonly names: NameServer;
  readonly #instance: Instance;
  readonly #options: LinuxHostOptions;
  /** One machine's changes one after another; likewise a network's, and the firewall's. */
  readonly #queue = new KeyedQueue();
  readonly #listeners: ExitListener[] = [];
  readonly #attachments: Attachments;
  readonly #volumes: Volumes;

  readonly #watch: ExitWatch;
  #found: lifecycle.Computer | undefined;

  constructor(options: LinuxHostOptions) {
    this.#options = options;
    this.#instance = instanceOf(options.instance, options.slot, options.home);
    this.#attachments = new Attachments(this.#instance, this.#queue);
    this.#volumes = new Volumes(this.#instance, this.#queue);
    this.images = new Images(this.#instance, this.#queue);
    this.names = new NameServer(this.#instance, () => this.#computer(), this.#queue, options.onLog);
    const onWire = () => this.#applyFirewall();
    const around = { onWire, networks: this.#attachments, onLog: options.onLog };
    this.loadBalancers = new LoadBalancers(this.#instance, () => this.#computer(), this.#queue, around);
    this.#watch = new ExitWatch(this.#instance, (id) =>
      this.#lookAfter(id).catch((error: unknown) => options.onLog(`machine ${id}: ${String(error)}`)),
    );
  }

  async up(): Promise<void> {
    await checkRequirements(this.#instance.machinesFolder);
    const computer = await this.#computer();
    const instance = this.#instance;
    await records.prepareFolders(instance);
    await prepareRunFolders(instance);
    await prepareNspawnFolder();
    await computer.groups.make(servicesGroup(instance));
    await lxcfsUp(instance, computer.groups);
    await worldUp(instance);
    await killStraySupervisors(instance);
    await lifecycle.removeOrphans(computer, this.#options.onLog);
    await this.#attachments.restore();
    await this.#applyFirewall();
    await this.#watch.start();
    const machines = await records.readMachines(instance);
    await Promise.all(machines.map(({ id }) => this.#attempt(`machine ${id}`, () => this.#adopt(id))));
    await this.#attempt("private networks", () => this.#attachments.repair());
    await this.#attempt("volumes", () => this.#volumes.repair());
    await this.#attempt("load balancers", () => this.loadBalancers.start());
    this.names.start();
  }

  /** What one thing is refused must not keep the others from coming up. */
  async #attempt(what: string, work: () => Promise<void>): Promise<void> {
    await work().catch((error: unknown) => this.#options.onLog(`${what}: ${String(error)}`));
  }

  async down(): Promise<void> {
    await this.close();
    await tearDown(await this.#computer());
  }

  async close(): Promise<void> {
    this.#watch.stop();
    this.loadBalancers.stop();
    this.names.stop();
    this.images.stop();
    await this.#queue.idle();
  }

  async createMachine(spec: MachineSpec): Promise<void> {
    lifecycle.requireImage(this.#options.image, spec.image);
    await this.#queue.run(spec.id, async () => {
      if ((await records.readMachine(this.#instance, spec.id)) !== undefined) return;
      await lifecycle.makeMachine(await this.#computer(), this.#options.image, spec);
      await this.#applyFirewall();
    });
  }

  async rebuildMachine(id: string, imageId?: string): Promise<void> {
    await this.#queue.run(id, async () => {
      const machine = await records.requireMachine(this.#instance, id);
      await this.#switchedOff(id);
      await lifecycle.renewDisk(this.#instance, this.#options.image, machine, imageId);
    });
  }

  async startMachine(id: string): Promise<void> {
    await this.#queue.run(id, () => this.#start(id));
  }

  async shutdownMachine(id: string, timeoutSeconds: number): Promise<boolean> {
    return this.#queue.run(id, async () => {
      const deadline = performance.now() + timeoutSeconds * 1000;
      for (let waited = 0; await isRunning(this.#instance, id); waited++) {
        if (performance.now() > deadline) return false;
        // Again and again: an init that has only just begun does not hear it.
        if (waited % 50 === 0) await requestPowerOff(this.#instance, id);
        await sleep(20);
      }
      await this.#switchedOff(id);
      return true;
    });
  }

  async powerOffMachine(id: string): Promise<void> {
    await this.#queue.run(id, () => this.#switchedOff(id));
  }

  async removeMachine(id: string): Promise<void> {
    await this.#queue.run(id, async () => {
      this.#watch.forget(id);
      await lifecycle.discard(await this.#computer(), id);
      await this.#applyFirewall();
    });
  }

  async resizeMachine(id: string, limits: MachineLimits): Promise<void> {
    await this.#queue.run(id, () => lifecycle.resize(this.#instance, id, limits));
  }

  async setPublicAddresses(id: string, addresses: PublicAddresses): Promise<void> {
    await this.#queue.run(id, async () => {
      const machine = await records.requireMachine(this.#instance, id);
      const leaving = [...(machine.leaving ?? []), machine.addresses];
      await records.writeMachine(this.#instance, { ...machine, addresses, leaving });
      await this.#applyFirewall();
      if (await isRunning(this.#instance, id)) {
        for (const before of leaving) await changeAddresses(this.#instance, id, before, addresses);
      }
      await records.writeMachine(this.#instance, { ...machine, addresses, leaving: undefined });
    });
  }

  async setFirewall(machineId: string, firewall: FirewallSpec | undefined): Promise<void> {
    await this.#queue.run(machineId, async () => {
      const machine = await records.requireMachine(this.#instance, machineId);
      // The kernel has what the records say, after each change of them and after each start.
      if (isDeepStrictEqual(machine.firewall, firewall)) return;
      await records.writeMachine(this.#instance, { ...machine, firewall });
      try {
        await this.#applyFirewall();
      } catch (error) {
        await records.writeMachine(this.#instance, machine);
        throw error;
      }
    });
  }

  async setNetwork(network: NetworkSpec): Promise<void> {
    await this.#attachments.setNetwork(network);
  }

  async removeNetwork(id: string): Promise<void> {
    await this.#attachments.removeNetwork(id);
  }

  async networks(): Promise<string[]> {
    return (await records.readNetworks(this.#instance)).map(({ id }) => id);
  }

  async attachNetwork(machineId: string, attachment: NetworkAttachment): Promise<void> {
    await this.#queue.run(machineId, async () => {
      await this.#attachments.attach(await records.requireMachine(this.#instance, machineId), attachment);
    });
  }

  async detachNetwork(machineId: string, networkId: string): Promise<void> {
    await this.#queue.run(machineId, async () => {
      const machine = await records.readMachine(this.#instance, machineId);
      if (machine !== undefined) await this.#attachments.detach(machine, networkId);
    });
  }

  async createVolume(volume: VolumeSpec): Promise<void> {
    await this.#volumes.create(volume);
  }

  async resizeVolume(id: string, sizeBytes: number): Promise<void> {
    await this.#volumes.resize(id, sizeBytes);
  }

  async removeVolume(id: string): Promise<void> {
    await this.#volumes.remove(id);
  }

  async attachVolume(machineId: string, volumeId: string, automount: boolean): Promise<void> {
    await this.#queue.run(machineId, async () => {
      await this.#volumes.attach(
        await records.requireMachine(this.#instance, machineId),
        volumeId,
        automount,
      );
    });
  }

  async detachVolume(machineId: string, volumeId: string): Promise<void> {
    await this.#queue.run(machineId, async () => {
      const machine = await records.readMachine(this.#instance, machineId);
      if (machine !== undefined) await this.#volumes.detach(machine, volumeId);
    });
  }

  async volumes(): Promise<string[]> {
    return volumesOnComputer(this.#instance);
  }

  async machines(): Promise<MachineStatus[]> {
    const machines = await records.readMachines(this.#instance);
    return Promise.all(
      machines.map(async ({ id }) => ({ id, running: await isRunning(this.#instance, id) })),
    );
  }

  async usage(ids: string[]): Promise<MachineUsage[]> {
    return usageOf(await this.#computer(), ids);
  }

  onExit(listener: ExitListener): void {
    this.#listeners.push(listener);
  }

  async #start(id: string): Promise<void> {
    if (await isRunning(this.#instance, id)) return;
    const machine = await records.requireMachine(this.#instance, id);
    const computer = await this.#computer();
    await takeExit(this.#instance, id);
    await lifecycle.clearAway(computer, id);
    try {
      await lifecycle.boot(computer, machine);
    } catch (error) {
      await lifecycle.clearAway(computer, id);
      throw error;
    }
    this.#watch.add(id);
    await this.#volumes
      .started(machine)
      .catch((error: unknown) => this.#options.onLog(`machine ${id}: ${String(error)}`));
    for (const { networkId } of machine.attachments) await this.#attachments.route(networkId);
  }

  async #switchedOff(id: string): Promise<void> {
    this.#watch.forget(id);
    const computer = await this.#computer();
    await lifecycle.cutPower(computer, id);
    await lifecycle.clearAway(computer, id);
  }

  /** A machine ended, or may have: tells the listeners how, and starts it again when its guest asked for that. */
  async #lookAfter(id: string): Promise<void> {
    await this.#queue.run(id, async () => {
      const how = await takeExit(this.#instance, id);
      if (how === undefined) return;
      this.#watch.forget(id);
      await lifecycle.clearAway(await this.#computer(), id);
      this.#options.onLog(`machine ${id}: ${how}`);
      if (how === "reboot") await this.#start(id);
      for (const listener of this.#listeners) listener(id, how);
    });
  }

  /** Takes a machine over that another Host object left, whatever state it is in. */
  async #adopt(id: string): Promise<void> {
    if (await isRunning(this.#instance, id)) {
      this.#watch.add(id);
      await thawDisk(this.#instance, id);
      return;
    }
    await this.#lookAfter(id);
    // It may have been started again just now. If not: what a start or a stop that was interrupted left.
    await this.#queue.run(id, async () => {
      if (!(await isRunning(this.#instance, id))) await lifecycle.clearAway(await this.#computer(), id);
    });
  }

  async #applyFirewall(): Promise<void> {
    await this.#queue.run("firewall", async () => {
      if (!namespaceExists(this.#instance.world)) return;
      await applyFirewall(this.#instance, await records.readStations(this.#instance));
    });
  }

  async #computer(): Promise<lifecycle.Computer> {
    this.#found ??= { instance: this.#instance, groups: await detectControlGroups() };
    return this.#found;
  }
}
