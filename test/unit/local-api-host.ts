import type {
  FirewallSpec,
  Host,
  MachineSpec,
  MachineStatus,
  MachineUsage,
  NetworkAttachment,
  NetworkSpec,
  LoadBalancerSpec,
  LoadBalancerState,
  VolumeSpec,
  ZoneFile,
} from "../../local/machines/host.js";
import { HostError, ZonesRefused } from "../../local/machines/host.js";

/** A zone that has it in its text is not taken by the name server. */
export const REFUSED_LABEL = "refused-by-the-name-server";

interface Machine {
  spec: MachineSpec;
  running: boolean;
  attachments: Map<string, NetworkAttachment>;
  firewall?: FirewallSpec | undefined;
}

/** A computer that only keeps what it was told: for tests of the API's own behaviour. */
export class MemoryHost implements Host {
  readonly machinesById = new Map<string, Machine>();
  readonly networksById = new Map<string, NetworkSpec>();
  readonly volumesById = new Map<string, VolumeSpec>();
  /** Machine, by volume. */
  readonly attached = new Map<string, string>();
  readonly balancersById = new Map<string, LoadBalancerSpec>();
  readonly calls: string[] = [];
  /** Delay of each call in milliseconds. */
  delay = 0;
  /** Methods that never come to an end, as if the process were killed in them. */
  readonly hanging = new Set<string>();
  /** Ports on which no load balancer can listen. */
  readonly refusedPorts = new Set<number>();
  /** Methods that refuse. */
  readonly failing = new Set<string>();
  #listeners: ((id: string, how: "reboot" | "poweroff" | "crash") => void)[] = [];

  async #called(method: string, id: string): Promise<void> {
    this.calls.push(`${method} ${id}`.trim());
    if (this.delay > 0) await new Promise((resolve) => void setTimeout(resolve, this.delay));
    if (this.hanging.has(method)) await new Promise(() => undefined);
    if (this.failing.has(method)) throw new HostError(`${method} failed`, "Ask the test.");
  }

  #machine(id: string): Machine {
    const machine = this.machinesById.get(id);
    if (!machine) throw new HostError(`there is no machine ${id}`, "Create it first.");
    return machine;
  }

  async up(): Promise<void> {
    await this.#called("up", "");
  }

  async down(): Promise<void> {
    this.machinesById.clear();
    this.networksById.clear();
  }

  async createMachine(spec: MachineSpec): Promise<void> {
    await this.#called("createMachine", spec.id);
    this.#requireImage(spec.imageId);
    const known = this.machinesById.get(spec.id);
    this.machinesById.set(spec.id, known ?? { spec, running: false, attachments: new Map() });
  }

  #requireImage(id: string | undefined): void {
    if (id !== undefined && !this.imagesById.has(id)) throw new HostError(`no image ${id}`, "Make it first.");
  }

  async rebuildMachine(id: string, imageId?: string): Promise<void> {
    await this.#called("rebuildMachine", id);
    this.#requireImage(imageId);
    const machine = this.#machine(id);
    machine.running = false;
    machine.spec = { ...machine.spec, imageId };
  }

  async startMachine(id: string): Promise<void> {
    await this.#called("startMachine", id);
    this.#machine(id).running = true;
  }

  async shutdownMachine(id: string): Promise<boolean> {
    await this.#called("shutdownMachine", id);
    this.#machine(id).running = false;
    return true;
  }

  async powerOffMachine(id: string): Promise<void> {
    await this.#called("powerOffMachine", id);
    this.#machine(id).running = false;
  }

  async removeMachine(id: string): Promise<void> {
    await this.#called("removeMachine", id);
    this.machinesById.delete(id);
    for (const [volume, machine] of this.attached) if (machine === id) this.attached.delete(volume);
  }

  async resizeMachine(id: string, limits: MachineSpec["limits"]): Promise<void> {
    await this.#called("resizeMachine", id);
    const machine = this.#machine(id);
    if (machine.running) throw new HostError(`${id} runs`, "Switch it off.");
    machine.spec = { ...machine.spec, limits };
  }

  async setPublicAddresses(id: string, addresses: MachineSpec["addresses"]): Promise<void> {
    await this.#called("setPublicAddresses", id);
    const machine = this.#machine(id);
    machine.spec = { ...machine.spec, addresses };
  }

  async setNetwork(network: NetworkSpec): Promise<void> {
    await this.#called("setNetwork", network.id);
    this.networksById.set(network.id, network);
  }

  async removeNetwork(id: string): Promise<void> {
    await this.#called("removeNetwork", id);
    for (const machine of this.machinesById.values()) {
      if (machine.attachments.has(id)) throw new HostError(`${id} is in use`, "Detach its machines.");
    }
    this.networksById.delete(id);
  }

  async networks(): Promise<string[]> {
    return [...this.networksById.keys()];
  }

  async attachNetwork(machineId: string, attachment: NetworkAttachment): Promise<void> {
    await this.#called("attachNetwork", machineId);
    if (!this.networksById.has(attachment.networkId)) throw new HostError("no such network", "Set it first.");
    this.#machine(machineId).attachments.set(attachment.networkId, attachment);
  }

  async detachNetwork(machineId: string, networkId: string): Promise<void> {
    await this.#called("detachNetwork", machineId);
    this.machinesById.get(machineId)?.attachments.delete(networkId);
  }

  async setFirewall(id: string, firewall: FirewallSpec | undefined): Promise<void> {
    await this.#called("setFirewall", id);
    this.#machine(id).firewall = firewall;
  }

  async createVolume(volume: VolumeSpec): Promise<void> {
    await this.#called("createVolume", volume.id);
    if (!this.volumesById.has(volume.id)) this.volumesById.set(volume.id, volume);
  }

  async resizeVolume(id: string, sizeBytes: number): Promise<void> {
    await this.#called("resizeVolume", id);
    this.volumesById.set(id, { ...this.#volume(id), sizeBytes });
  }

  async removeVolume(id: string): Promise<void> {
    await this.#called("removeVolume", id);
    this.volumesById.delete(id);
  }

  async attachVolume(machineId: string, volumeId: string, automount: boolean): Promise<void> {
    await this.#called("attachVolume", `${volumeId} to ${machineId}${automount ? ", mounted" : ""}`);
    this.#machine(machineId);
    this.#volume(volumeId);
    this.attached.set(volumeId, machineId);
  }

  async detachVolume(machineId: string, volumeId: string): Promise<void> {
    await this.#called("detachVolume", `${volumeId} from ${machineId}`);
    if (this.attached.get(volumeId) === machineId) this.attached.delete(volumeId);
  }

  async volumes(): Promise<string[]> {
    return [...this.volumesById.keys()];
  }

  #volume(id: string): VolumeSpec {
    const volume = this.volumesById.get(id);
    if (!volume) throw new HostError(`there is no volume ${id}`, "Create it first.");
    return volume;
  }

  readonly usageById = new Map<string, Omit<MachineUsage, "id">>();

  async usage(ids: string[]): Promise<MachineUsage[]> {
    return ids.flatMap((id) => {
      const usage = this.usageById.get(id);
      return usage ? [{ id, ...usage }] : [];
    });
  }

  zoneFiles: ZoneFile[] = [];

  readonly names = {
    set: async (zones: ZoneFile[]): Promise<void> => {
      await this.#called("names.set", zones.map(({ name }) => name).join(" "));
      const bad = zones.filter(({ text }) => text.includes(REFUSED_LABEL));
      const before = this.zoneFiles.filter((old) => bad.some(({ name }) => name === old.name));
      this.zoneFiles = [...zones.filter((zone) => !bad.includes(zone)), ...before];
      if (bad.length > 0) throw new ZonesRefused(new Map(bad.map(({ name }) => [name, "a bad record"])));
    },
  };

  readonly imagesById = new Map<string, string>();
  /** Rejects when images are to be made no more. */
  #stopped = Promise.withResolvers<never>();

  readonly images = {
    stop: (): void => {
      this.#stopped.promise.catch(() => undefined);
      this.#stopped.reject(new HostError("the image was interrupted", "Start again."));
      // The next cloud on this computer makes some again.
      this.#stopped = Promise.withResolvers();
    },
    create: async (machineId: string, imageId: string): Promise<number> => {
      await Promise.race([this.#called("images.create", imageId), this.#stopped.promise]);
      this.#machine(machineId);
      this.imagesById.set(imageId, machineId);
      return 50_000_000;
    },
    remove: async (id: string): Promise<void> => {
      await this.#called("images.remove", id);
      this.imagesById.delete(id);
    },
    ids: async (): Promise<string[]> => [...this.imagesById.keys()],
  };

  readonly loadBalancers = {
    set: async (balancer: LoadBalancerSpec): Promise<void> => {
      await this.#called("loadBalancers.set", balancer.id);
      const refused = balancer.services.find(({ listenPort: port }) => this.refusedPorts.has(port));
      if (refused) throw new HostError(`port ${refused.listenPort} is taken`, "Ask the test.");
      this.balancersById.set(balancer.id, balancer);
    },
    remove: async (id: string): Promise<void> => {
      await this.#called("loadBalancers.remove", id);
      this.balancersById.delete(id);
    },
    ids: async (): Promise<string[]> => [...this.balancersById.keys()],
    /** Every target is well. */
    state: async (id: string): Promise<LoadBalancerState> => {
      const { services = [], targets = [] } = this.balancersById.get(id) ?? {};
      return {
        targets: services.flatMap(({ listenPort }) =>
          targets.map((target) => ({ listenPort, id: target.id, health: "healthy" as const })),
        ),
        openConnections: 0,
        connections: 0,
        requests: 0,
        bytesIn: 0,
        bytesOut: 0,
      };
    },
  };

  async machines(): Promise<MachineStatus[]> {
    return [...this.machinesById].map(([id, { running }]) => ({ id, running }));
  }

  onExit(listener: (id: string, how: "reboot" | "poweroff" | "crash") => void): void {
    this.#listeners.push(listener);
  }

  /** As if the guest itself had ended. */
  exit(id: string, how: "reboot" | "poweroff" | "crash"): void {
    this.#machine(id).running = how === "reboot";
    for (const listener of this.#listeners) listener(id, how);
  }

  async close(): Promise<void> {
    this.#listeners = [];
  }
}
