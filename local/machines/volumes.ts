import type { VolumeSpec } from "./host.js";
import type { Instance } from "./instance.js";
import { isRunning } from "./nspawn.js";
import type { KeyedQueue } from "../queue.js";
import * as records from "./records.js";
import {
  growVolume,
  makeVolume,
  nextVolumeDevice,
  plugVolume,
  prepareVolumesFolder,
  releaseVolumesExcept,
  removeVolume,
  requireVolume,
  unplugVolume,
} from "./volume-devices.js";

/** Which volumes there are and which machines have them: files, records, and devices where a machine runs. */
export class Volumes {
  readonly #instance: Instance;
  readonly #queue: KeyedQueue;

  constructor(instance: Instance, queue: KeyedQueue) {
    this.#instance = instance;
    this.#queue = queue;
  }

  /** Takes away the devices of machines that ended without us. */
  async repair(): Promise<void> {
    await prepareVolumesFolder(this.#instance);
    const machines = await records.readMachines(this.#instance);
    const running = await Promise.all(machines.map(({ id }) => isRunning(this.#instance, id)));
    const used = machines.flatMap(({ volumes }, index) => (running[index] ? (volumes ?? []) : []));
    await releaseVolumesExcept(this.#instance, new Set(used.map(({ id }) => id)));
  }

  async create(volume: VolumeSpec): Promise<void> {
    await this.#inTurn(volume.id, () => makeVolume(this.#instance, volume));
  }

  async resize(id: string, sizeBytes: number): Promise<void> {
    await this.#inTurn(id, () => growVolume(this.#instance, id, sizeBytes));
  }

  async remove(id: string): Promise<void> {
    await this.#inTurn(id, () => removeVolume(this.#instance, id));
  }

  async attach(machine: records.MachineRecord, volumeId: string, automount: boolean): Promise<void> {
    await this.#inTurn(volumeId, async () => {
      await requireVolume(this.#instance, volumeId);
      const volumes = machine.volumes ?? [];
      const known = volumes.find(({ id }) => id === volumeId);
      const others = volumes.filter((other) => other !== known);
      const device = known?.device ?? nextVolumeDevice(others);
      const volume = { id: volumeId, device, automount: automount || known?.automount === true };
      await records.writeMachine(this.#instance, { ...machine, volumes: [...others, volume] });
      if (await isRunning(this.#instance, machine.id)) await this.#plug(machine.id, volume);
    });
  }

  async detach(machine: records.MachineRecord, volumeId: string): Promise<void> {
    await this.#inTurn(volumeId, async () => {
      const volume = machine.volumes?.find(({ id }) => id === volumeId);
      if (volume === undefined) return;
      await unplugVolume(this.#instance, machine.id, volume);
      const volumes = machine.volumes?.filter((other) => other !== volume);
      await records.writeMachine(this.#instance, { ...machine, volumes });
    });
  }

  /** Sees to the devices once more (older images do not make them), and mounts what is still to be mounted. */
  async started(machine: records.MachineRecord): Promise<void> {
    for (const volume of machine.volumes ?? []) {
      await this.#inTurn(volume.id, () => this.#plug(machine.id, volume));
    }
  }

  /** From the first mount on the guest's own fstab says what is mounted. */
  async #plug(machineId: string, volume: records.RecordedVolume): Promise<void> {
    await plugVolume(this.#instance, machineId, volume);
    if (!volume.automount) return;
    const machine = await records.readMachine(this.#instance, machineId);
    if (machine === undefined) return;
    const volumes = machine.volumes?.map((each) =>
      each.id === volume.id ? { ...each, automount: false } : each,
    );
    await records.writeMachine(this.#instance, { ...machine, volumes });
  }

  async #inTurn<T>(id: string, task: () => Promise<T>): Promise<T> {
    return this.#queue.run(`volume ${id}`, task);
  }
}
