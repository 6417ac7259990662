import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import {
  HostError,
  type FirewallSpec,
  type MachineLimits,
  type NetworkAttachment,
  type NetworkSpec,
  type PublicAddresses,
} from "./host.js";
import { type Instance, machineFolder } from "./instance.js";

/** What a machine consists of, kept beside its disk, so that it can be started again by whoever comes next. */
export interface MachineRecord {
  id: string;
  name: string;
  /** Root of the image that its disk lies over; it stays the same, also when a newer image is built. */
  imageRoot: string;
  /** Folder with the package pool of that image. */
  packagePool: string;
  limits: MachineLimits;
  addresses: PublicAddresses;
  /** Former addresses that may still be set, while they are being changed. */
  leaving?: PublicAddresses[] | undefined;
  attachments: RecordedAttachment[];
  firewall?: FirewallSpec | undefined;
  /** Absent: none. */
  volumes?: RecordedVolume[] | undefined;
}

export interface RecordedVolume {
  id: string;
  /** Name of the device in the machine, e.g. "sdb". */
  device: string;
  /** Still to be mounted and put into fstab, once the machine runs. */
  automount: boolean;
}

export interface RecordedAttachment extends NetworkAttachment {
  /** Name of the interface in the machine, e.g. "enp7s0". */
  device: string;
}

/** Makes the folders in which records stand, and what else belongs to a machine or a network. */
export async function prepareFolders({ machinesFolder, networksFolder }: Instance): Promise<void> {
  for (const folder of [machinesFolder, networksFolder])
    await mkdir(folder, { recursive: true, mode: 0o700 });
}

const recordFile = (instance: Instance, id: string): string => `${machineFolder(instance, id)}/machine.json`;

export async function readMachine(instance: Instance, id: string): Promise<MachineRecord | undefined> {
  return readJson<MachineRecord>(recordFile(instance, id));
}

/** @throws HostError when there is no such machine */
export async function requireMachine(instance: Instance, id: string): Promise<MachineRecord> {
  const machine = await readMachine(instance, id);
  if (machine !== undefined) return machine;
  throw new HostError(`there is no machine ${id} on this computer`, "Create it first.");
}

/** The record is written last when a machine is made: a folder without one is a machine that was never finished. */
export async function writeMachine(instance: Instance, record: MachineRecord): Promise<void> {
  await writeJson(recordFile(instance, record.id), record);
}

export async function readMachines(instance: Instance): Promise<MachineRecord[]> {
  const ids = await entries(instance.machinesFolder);
  const records = await Promise.all(ids.map((id) => readMachine(instance, id)));
  return records.filter((record) => record !== undefined);
}

/** Ids of machines whose making was interrupted. */
export async function unfinishedMachines(instance: Instance): Promise<string[]> {
  const finished = new Set((await readMachines(instance)).map((record) => record.id));
  return (await entries(instance.machinesFolder)).filter((id) => !finished.has(id));
}

/** A load balancer's wiring; what it does with its traffic the API tells anew. */
export interface BalancerRecord {
  /** e.g. "lb7" */
  id: string;
  addresses: PublicAddresses;
  /** Former addresses that may still be set, while they are being changed. */
  leaving?: PublicAddresses[] | undefined;
  /** While it moves from one network to another: of both. */
  attachments: RecordedAttachment[];
}

/** A copy of a machine's disk that others can start from. */
export interface ImageRecord {
  id: string;
  /** As the machine's own. */
  imageRoot: string;
  packagePool: string;
  /** Size of the disk that was copied. */
  diskBytes: number;
}

const imageFile = (instance: Instance, id: string): string => `${instance.imagesFolder}/${id}/image.json`;

export async function readImage(instance: Instance, id: string): Promise<ImageRecord | undefined> {
  return readJson<ImageRecord>(imageFile(instance, id));
}

export async function writeImage(instance: Instance, record: ImageRecord): Promise<void> {
  await writeJson(imageFile(instance, record.id), record);
}

const balancerFile = (instance: Instance, id: string): string => `${instance.balancersFolder}/${id}.json`;

export async function readBalancer(instance: Instance, id: string): Promise<BalancerRecord | undefined> {
  return readJson<BalancerRecord>(balancerFile(instance, id));
}

export async function readBalancers(instance: Instance): Promise<BalancerRecord[]> {
  const files = (await entries(instance.balancersFolder)).filter((name) => name.endsWith(".json"));
  const found = await Promise.all(
    files.map((name) => readJson<BalancerRecord>(`${instance.balancersFolder}/${name}`)),
  );
  return found.filter((record) => record !== undefined);
}

/** Everything that has a cable to the world. */
export async function readStations(instance: Instance): Promise<(MachineRecord | BalancerRecord)[]> {
  return [...(await readMachines(instance)), ...(await readBalancers(instance))];
}

export async function writeBalancer(instance: Instance, record: BalancerRecord): Promise<void> {
  await mkdir(instance.balancersFolder, { recursive: true, mode: 0o700 });
  await writeJson(balancerFile(instance, record.id), record);
}

export async function deleteBalancer(instance: Instance, id: string): Promise<void> {
  await rm(balancerFile(instance, id), { force: true });
}

export async function readNetworks(instance: Instance): Promise<NetworkSpec[]> {
  const files = (await entries(instance.networksFolder)).filter((name) => name.endsWith(".json"));
  const networks = await Promise.all(
    files.map((name) => readJson<NetworkSpec>(`${instance.networksFolder}/${name}`)),
  );
  return networks.filter((network) => network !== undefined);
}

export async function readNetwork(instance: Instance, id: string): Promise<NetworkSpec | undefined> {
  return readJson<NetworkSpec>(`${instance.networksFolder}/${id}.json`);
}

export async function writeNetwork(instance: Instance, network: NetworkSpec): Promise<void> {
  await writeJson(`${instance.networksFolder}/${network.id}.json`, network);
}

export async function deleteNetwork(instance: Instance, id: string): Promise<void> {
  await rm(`${instance.networksFolder}/${id}.json`, { force: true });
}

async function entries(folder: string): Promise<string[]> {
  await mkdir(folder, { recursive: true });
  return readdir(folder);
}

async function readJson<T>(file: string): Promise<T | undefined> {
  try {
    const value: T = JSON.parse(await readFile(file, "utf8"));
    return value;
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR")) {
      return undefined;
    }
    throw error;
  }
}

/** Whole or not at all, also when we are killed meanwhile. */
async function writeJson(file: string, value: unknown): Promise<void> {
  try {
    await writeFile(`${file}.new`, JSON.stringify(value, undefined, 2), { mode: 0o600 });
    await rename(`${file}.new`, file);
  } catch (error) {
    await rm(`${file}.new`, { force: true });
    throw error;
  }
}
