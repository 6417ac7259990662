import { existsSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { basename } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import type { ControlGroups } from "./cgroups.js";
import { diskImage, diskReleased, growDisk, makeDisk, newDiskImage, useNewDisk } from "./disks.js";
import { HostError, type MachineLimits, type MachineSpec } from "./host.js";
import { restoreDisk } from "./images.js";
import {
  guestGroup,
  type Instance,
  machineFolder,
  machineGroup,
  machineNamespace,
  networkNamespace,
} from "./instance.js";
import { cutCable, plugIn, unplug } from "./machine-links.js";
import { namespacesOf } from "./namespaces.js";
import { isRunning, killAll, startInit, takeExit } from "./nspawn.js";
import { connect, disconnect } from "./private-networks.js";
import {
  type MachineRecord,
  readMachine,
  readMachines,
  readNetwork,
  requireMachine,
  unfinishedMachines,
  writeMachine,
} from "./records.js";
import { writeSeed } from "./seed.js";
import { plugVolumes, releaseVolume } from "./volume-devices.js";

/** An instance, and the means to limit its machines. */
export interface Computer {
  instance: Instance;
  groups: ControlGroups;
}

/** Switches a machine on that is off and cleared away. */
export async function boot({ instance, groups }: Computer, machine: MachineRecord): Promise<void> {
  const limited = async (): Promise<void> => {
    await groups.make(guestGroup(instance, machine.id));
    await groups.limit(machineGroup(instance, machine.id), machine.limits);
  };
  await Promise.all([plugIn(instance, machine.id, machine.addresses), limited()]);
  for (const attachment of machine.attachments) {
    const network = await readNetwork(instance, attachment.networkId);
    if (network !== undefined) await connect(instance, machine.id, network, attachment);
  }
  await startInit(instance, groups, machine, await plugVolumes(instance, machine.volumes ?? []));
}

/** Takes a machine off all its networks: peers see silence. */
export async function cutMachineCable(instance: Instance, id: string): Promise<void> {
  await cutCable(instance, id, await privateNamespaces(instance));
}

/** Cuts the power. Peers see silence: the cable goes first. */
export async function cutPower({ instance, groups }: Computer, id: string): Promise<void> {
  await cutMachineCable(instance, id);
  await killAll(groups, machineGroup(instance, id));
  // The supervisor, outside of the machine's groups, notes the end in its own time.
  for (let waited = 0; waited < 3000 && (await isRunning(instance, id)); waited++) await sleep(10);
  await takeExit(instance, id);
}

/** Takes away what a machine that is off does not have: processes, interfaces, mounts, control groups. */
export async function clearAway({ instance, groups }: Computer, id: string): Promise<void> {
  await killAll(groups, machineGroup(instance, id));
  await Promise.all([
    diskReleased(instance, id),
    unplug(instance, id),
    groups.remove(machineGroup(instance, id)),
    disconnectAll(instance, id),
  ]);
  for (const volume of (await readMachine(instance, id))?.volumes ?? []) {
    await releaseVolume(instance, volume.id);
  }
}

/** @throws HostError unless the computer's image is the wanted one */
export function requireImage(image: string, wanted: string): void {
  const own = basename(image).replace(/-[0-9a-f]{16}$/, "");
  if (wanted === own) return;
  throw new HostError(`there is no image "${wanted}" on this computer`, `Use "${own}".`);
}

/** Makes a machine's folder, whatever an interrupted attempt left of it; the record comes last. */
export async function makeMachine(computer: Computer, image: string, spec: MachineSpec): Promise<void> {
  const { instance } = computer;
  // All that a machine is on this computer comes after its folder.
  if (existsSync(machineFolder(instance, spec.id))) await discard(computer, spec.id);
  await mkdir(machineFolder(instance, spec.id), { recursive: true, mode: 0o700 });
  const { id, name, limits, addresses, firewall } = spec;
  await writeSeed(instance, spec);
  const machine = { id, name, limits, addresses, firewall, attachments: [], ...partsOf(image) };
  const record = await prepareDisk(instance, image, machine, spec.imageId);
  await useNewDisk(instance, id);
  await writeMachine(instance, record);
}

/** Gives a machine that is off a new disk: empty, above the base image, or a copy of an image. All else stays. */
export async function renewDisk(
  instance: Instance,
  baseImage: string,
  machine: MachineRecord,
  imageId: string | undefined,
): Promise<void> {
  const record = await prepareDisk(instance, baseImage, machine, imageId);
  // On a full computer the record cannot be written: then the disk is the former one, too.
  await writeMachine(instance, record);
  await useNewDisk(instance, machine.id);
}

/** Makes a machine's new disk beside the one that it has. @returns its record with that disk */
async function prepareDisk(
  instance: Instance,
  baseImage: string,
  machine: MachineRecord,
  imageId: string | undefined,
): Promise<MachineRecord> {
  try {
    if (imageId === undefined) {
      const renewed = { ...machine, ...partsOf(baseImage) };
      await makeDisk(instance, renewed);
      return renewed;
    }
    const { imageRoot, packagePool } = await restoreDisk(instance, machine, imageId);
    return { ...machine, imageRoot, packagePool };
  } catch (error) {
    await rm(newDiskImage(instance, machine.id), { force: true });
    throw error;
  }
}

/** New limits for a machine that is off; its disk only ever grows. */
export async function resize(instance: Instance, id: string, limits: MachineLimits): Promise<void> {
  const machine = await requireMachine(instance, id);
  if (await isRunning(instance, id)) {
    // It was started with them already by a caller who was killed then.
    if (isDeepStrictEqual(machine.limits, limits)) return;
    throw new HostError(`machine ${id} is running`, "Power it off to change its size.");
  }
  const diskBytes = Math.max(limits.diskBytes, machine.limits.diskBytes);
  await growDisk(diskImage(instance, id), diskBytes);
  await writeMachine(instance, { ...machine, limits: { ...limits, diskBytes } });
}

const partsOf = (image: string) => ({ imageRoot: `${image}/root`, packagePool: `${image}/debian` });

/** Takes away a machine with its disk. */
export async function discard(computer: Computer, id: string): Promise<void> {
  await cutPower(computer, id);
  await clearAway(computer, id);
  await rm(machineFolder(computer.instance, id), { recursive: true, force: true });
}

/** Removes machines that were never finished, or are no longer known. */
export async function removeOrphans(computer: Computer, onLog: (message: string) => void): Promise<void> {
  const { instance } = computer;
  const known = new Set((await readMachines(instance)).map(({ id }) => id));
  const present = [...(await machinesOnComputer(computer)), ...(await unfinishedMachines(instance))];
  for (const id of [...new Set(present)].filter((each) => !known.has(each))) {
    onLog(`machine ${id}: removing what an interrupted operation left`);
    if (/^[0-9]{1,14}$/.test(id)) await discard(computer, id);
    else await rm(machineFolder(instance, id), { recursive: true, force: true });
  }
}

/** Machines of which something is on this computer: control groups or namespaces. */
async function machinesOnComputer({ instance, groups }: Computer): Promise<string[]> {
  const inGroups = (await groups.children(instance.name)).filter((name) => /^[0-9]+$/.test(name));
  const prefix = machineNamespace(instance, "");
  const inNamespaces = (await namespacesOf(instance)).filter((name) => name.startsWith(prefix));
  return [...new Set([...inGroups, ...inNamespaces.map((name) => name.slice(prefix.length))])];
}

async function disconnectAll(instance: Instance, id: string): Promise<void> {
  const prefix = networkNamespace(instance, "");
  const networks = (await privateNamespaces(instance)).map((name) => name.slice(prefix.length));
  for (const network of networks) await disconnect(instance, id, network);
}

async function privateNamespaces(instance: Instance): Promise<string[]> {
  return (await namespacesOf(instance)).filter((name) => name.startsWith(networkNamespace(instance, "")));
}
