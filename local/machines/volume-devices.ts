import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, stat, truncate, writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { run, succeeds } from "./command.js";
import { loopDevices, requireFreeSpace } from "./disks.js";
import { execInMachine } from "./enter.js";
import { HostError, type VolumeSpec } from "./host.js";
import type { Instance } from "./instance.js";
import { mountsOfDevice } from "./mounts.js";
import { leaderOf } from "./nspawn.js";
import type { RecordedVolume } from "./records.js";

/**
 * A volume is a sparse file. While the machine that it is attached to runs, a loop device stands for it, and the guest
 * has a node of that device: /dev/sdb, …, and /dev/disk/by-id/scsi-0HC_Volume_<id>, as at Hetzner.
 */
export const volumeImage = (instance: Instance, id: string): string => `${instance.volumesFolder}/${id}.img`;

/** Makes the volume whole or not at all; one that is there stays as it is. */
export async function makeVolume(instance: Instance, { id, sizeBytes, format }: VolumeSpec): Promise<void> {
  const image = volumeImage(instance, id);
  if (existsSync(image)) return;
  await requireFreeSpace(instance.volumesFolder);
  const unfinished = `${image}.new`;
  try {
    await writeFile(unfinished, "", { mode: 0o600 });
    await truncate(unfinished, sizeBytes);
    // The file is all zeros: there is nothing to discard or to initialise.
    if (format === "ext4") {
      const options = ["-E", "lazy_itable_init=1,lazy_journal_init=1,nodiscard"];
      await run("mkfs.ext4", ["-q", "-F", ...options, unfinished]);
    }
    if (format === "xfs") await run("mkfs.xfs", ["-q", "-K", "-f", unfinished]);
    await rename(unfinished, image);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
}

/** Grows the device, also while it is in use; its file system is the guest's to grow, as at Hetzner. */
export async function growVolume(instance: Instance, id: string, bytes: number): Promise<void> {
  const image = volumeImage(instance, id);
  await requireVolume(instance, id);
  if ((await stat(image)).size < bytes) await truncate(image, bytes);
  const device = await deviceOf(instance, id);
  if (device !== undefined) await run("losetup", ["--set-capacity", device]);
}

export async function removeVolume(instance: Instance, id: string): Promise<void> {
  await releaseVolume(instance, id);
  await rm(volumeImage(instance, id), { force: true });
}

/** Ids of the volumes on this computer. What an interrupted creation left is removed. */
export async function volumesOnComputer(instance: Instance): Promise<string[]> {
  const names = await readdir(instance.volumesFolder).catch(() => []);
  for (const name of names.filter((each) => each.endsWith(".new"))) {
    await rm(`${instance.volumesFolder}/${name}`, { force: true });
  }
  return names.flatMap((name) => /^([0-9]+)\.img$/.exec(name)?.[1] ?? []);
}

export async function requireVolume(instance: Instance, id: string): Promise<void> {
  if (existsSync(volumeImage(instance, id))) return;
  throw new HostError(`there is no volume ${id} on this computer`, "Create it first.");
}

/** The device name that a further volume of a machine gets. At Hetzner a server has at most 16. */
export function nextVolumeDevice(volumes: RecordedVolume[]): string {
  const names = Array.from({ length: 16 }, (_, index) => `sd${String.fromCharCode(98 + index)}`);
  const free = names.find((name) => !volumes.some(({ device }) => device === name));
  if (free === undefined) throw new HostError("a machine has at most 16 volumes", "Detach one.");
  return free;
}

/**
 * Gives each of a machine's volumes its loop device, before the machine starts.
 *
 * @returns what the machine's init makes nodes of: "sdb:7:12:<id>", separated by spaces
 */
export async function plugVolumes(instance: Instance, volumes: RecordedVolume[]): Promise<string> {
  const plugged: string[] = [];
  for (const volume of volumes) {
    const number = await numberOf(await attachLoop(instance, volume.id));
    plugged.push(`${volume.device}:${number}:${volume.id}`);
  }
  return plugged.join(" ");
}

/**
 * Makes a volume's device appear in a running machine. With `automount` it is mounted at /mnt/HC_Volume_<id>, now and
 * (by fstab) at each start.
 */
export async function plugVolume(
  instance: Instance,
  machineId: string,
  volume: RecordedVolume,
): Promise<void> {
  const [major = "", minor = ""] = (await numberOf(await attachLoop(instance, volume.id))).split(":");
  await inGuest(instance, machineId, PLUG, [volume.device, major, minor, volume.id]);
  if (volume.automount) await inGuest(instance, machineId, AUTOMOUNT, [volume.id]);
}

/** $1 device, $2 major, $3 minor, $4 id */
const PLUG = `
[ -b "/dev/$1" ] || mknod -m 660 "/dev/$1" b "$2" "$3"
mkdir -p /dev/disk/by-id
ln -sfn "../../$1" "/dev/disk/by-id/scsi-0HC_Volume_$4"
`;

/**
 * $1 id. A volume without a file system cannot be mounted: that is not the attachment's failure. The entry reaches the
 * disk before the volume counts as mounted for good: after a power cut nobody else would mount it.
 */
const AUTOMOUNT = `
device=/dev/disk/by-id/scsi-0HC_Volume_$1 point=/mnt/HC_Volume_$1
mountpoint -q "$point" && exit
type=$(blkid -o value -s TYPE "$device") || exit 0
mkdir -p "$point"
grep -qsF "$device " /etc/fstab || echo "$device $point $type discard,nofail,defaults 0 0" >>/etc/fstab
sync /etc/fstab /etc /mnt
mount "$point"
`;

async function inGuest(instance: Instance, id: string, script: string, args: string[]): Promise<void> {
  const { exitCode, stderr } = await execInMachine(instance, id, ["sh", "-eu", "-s", "--", ...args], {
    stdin: script,
  });
  if (exitCode === 0) return;
  throw new HostError(
    `the guest of machine ${id} could not take its volume: ${stderr.trim().split("\n").slice(-3).join("; ")}`,
    "Look at it with `./dukaan local ssh`.",
  );
}

/**
 * Takes a volume from a running machine. File systems on it are unmounted; one that is in use is cut off as by pulling
 * a disk, after all that was written has reached it.
 */
export async function unplugVolume(
  instance: Instance,
  machineId: string,
  volume: RecordedVolume,
): Promise<void> {
  const device = await deviceOf(instance, volume.id);
  const leader = await leaderOf(instance, machineId);
  let pulled = false;
  if (device !== undefined && leader !== undefined) {
    const points = await mountsOfDevice(leader, await numberOf(device));
    for (const point of points.toReversed()) {
      if ((await execInMachine(instance, machineId, ["umount", point])).exitCode === 0) continue;
      // Whoever still uses it gets errors from now on; nothing of his can reach the disk that others then have.
      await succeeds("xfs_io", ["-x", "-c", "shutdown -f", `/proc/${leader}/root${point}`]);
      await execInMachine(instance, machineId, ["umount", "-l", point]);
      pulled = true;
    }
    await inGuest(instance, machineId, 'rm -f "/dev/$1" "/dev/disk/by-id/scsi-0HC_Volume_$2"', [
      volume.device,
      volume.id,
    ]);
  }
  await releaseVolume(instance, volume.id, pulled);
}

/**
 * Takes the loop device away and waits until nobody writes to the volume any more: the kernel unmounts a moment after
 * the last process has gone.
 *
 * @param pulled a file system on it was cut off; the device goes when its last user does, and writes nothing until then
 */
export async function releaseVolume(instance: Instance, id: string, pulled = false): Promise<void> {
  const device = await deviceOf(instance, id);
  if (device === undefined) return;
  for (let waited = 0; waited < 1000; waited++) {
    await succeeds("losetup", ["--detach", device]);
    const present = await loopDevices(volumeImage(instance, id));
    if (pulled || !present.some((each) => each.device === device)) return;
    await sleep(10);
  }
  throw new HostError(
    `the volume ${id} (${volumeImage(instance, id)}) is still in use`,
    "`losetup` and `lsof` tell by what.",
  );
}

/** Takes away the loop devices of all volumes but those named: their machines have ended, or are gone. */
export async function releaseVolumesExcept(instance: Instance, ids: ReadonlySet<string>): Promise<void> {
  for (const id of await volumesOnComputer(instance)) {
    if (!ids.has(id)) await releaseVolume(instance, id);
  }
}

async function attachLoop(instance: Instance, id: string): Promise<string> {
  await requireVolume(instance, id);
  const present = await deviceOf(instance, id);
  if (present !== undefined) return present;
  return (await run("losetup", ["--find", "--show", volumeImage(instance, id)])).trim();
}

/** The volume's loop device, if it has one that is not on its way out. */
async function deviceOf(instance: Instance, id: string): Promise<string | undefined> {
  for (const { device, file } of await loopDevices(volumeImage(instance, id))) {
    if (file !== volumeImage(instance, id)) continue;
    const state = await readFile(`/sys/block/${device.slice(5)}/loop/autoclear`, "utf8").catch(() => "1");
    if (state.trim() === "0") return device;
  }
  return undefined;
}

/** "/dev/loop12" → "7:12" */
export async function numberOf(device: string): Promise<string> {
  return (await readFile(`/sys/block/${device.slice(5)}/dev`, "utf8")).trim();
}

export async function prepareVolumesFolder(instance: Instance): Promise<void> {
  await mkdir(instance.volumesFolder, { recursive: true, mode: 0o700 });
}
