import { HostError, type NetworkAttachment, type NetworkSpec } from "./host.js";
import type { Instance } from "./instance.js";
import { isRunning } from "./nspawn.js";
import { connect, disconnect, networkDown, networkUp, nextDevice, routeNetwork } from "./private-networks.js";
import type { KeyedQueue } from "../queue.js";
import * as records from "./records.js";

/** Which machines are in which private networks: the records, and what of them is in force because a machine runs. */
export class Attachments {
  readonly #instance: Instance;
  readonly #queue: KeyedQueue;

  constructor(instance: Instance, queue: KeyedQueue) {
    this.#instance = instance;
    this.#queue = queue;
  }

  /** Makes the recorded networks' routers again, e.g. after a restart of the computer. */
  async restore(): Promise<void> {
    for (const network of await records.readNetworks(this.#instance))
      await networkUp(this.#instance, network);
  }

  /** Lays the cables of running machines that are missing, and sets every route anew. */
  async repair(): Promise<void> {
    for (const network of await records.readNetworks(this.#instance)) await this.setNetwork(network);
  }

  async setNetwork(network: NetworkSpec): Promise<void> {
    await this.#queue.run(`network ${network.id}`, async () => {
      await records.writeNetwork(this.#instance, network);
      await networkUp(this.#instance, network);
      for (const machine of await this.#runningIn(network.id)) {
        for (const attachment of machine.attachments.filter(({ networkId }) => networkId === network.id)) {
          await connect(this.#instance, machine.id, network, attachment);
        }
      }
    });
    await this.route(network.id);
  }

  async removeNetwork(id: string): Promise<void> {
    await this.#queue.run(`network ${id}`, async () => {
      await networkDown(this.#instance, id);
      await records.deleteNetwork(this.#instance, id);
    });
  }

  async attach(machine: records.MachineRecord, attachment: NetworkAttachment): Promise<void> {
    const network = await records.readNetwork(this.#instance, attachment.networkId);
    if (network === undefined) {
      throw new HostError(`there is no network ${attachment.networkId} on this computer`, "Make it first.");
    }
    const before = machine.attachments.find(({ networkId }) => networkId === network.id);
    const others = machine.attachments.filter((other) => other !== before);
    const recorded = { ...attachment, device: before?.device ?? nextDevice(others) };
    await records.writeMachine(this.#instance, { ...machine, attachments: [...others, recorded] });
    if (!(await isRunning(this.#instance, machine.id))) return;
    await connect(this.#instance, machine.id, network, recorded);
    await this.route(network.id);
  }

  async detach(machine: records.MachineRecord, networkId: string): Promise<void> {
    const attachments = machine.attachments.filter((attachment) => attachment.networkId !== networkId);
    await records.writeMachine(this.#instance, { ...machine, attachments });
    await disconnect(this.#instance, machine.id, networkId);
    await this.route(networkId);
  }

  /** Brings a router's routes in line with the machines that run now. No-op when there is no such network. */
  async route(networkId: string): Promise<void> {
    await this.#queue.run(`network ${networkId}`, async () => {
      const network = await records.readNetwork(this.#instance, networkId);
      if (network === undefined) return;
      const balancers = await records.readBalancers(this.#instance);
      const stations = [...(await this.#runningIn(networkId)), ...balancers];
      await routeNetwork(this.#instance, network, stations);
    });
  }

  async #runningIn(networkId: string): Promise<records.MachineRecord[]> {
    const machines = await records.readMachines(this.#instance);
    const attached = machines.filter((machine) =>
      machine.attachments.some((attachment) => attachment.networkId === networkId),
    );
    const running = await Promise.all(attached.map(({ id }) => isRunning(this.#instance, id)));
    return attached.filter((_, index) => running[index]);
  }
}
