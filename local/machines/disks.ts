import { existsSync } from "node:fs";
import { mkdir, readdir, rename, rm, stat, statfs, truncate, writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { run } from "./command.js";
import { HostError } from "./host.js";
import { type Instance, machineFolder, machineNamespace } from "./instance.js";
import { readNow } from "./pid-file.js";
import type { MachineRecord } from "./records.js";

/**
 * A machine's disk is a sparse file with an ext4 file system, so that its size is a real limit. The file system holds
 * what differs from the image (`upper`); an overlay of both is the machine's root.
 *
 *   <machine>/disk.img → <machine>/disk (loop mount);  image + disk/upper → <machine>/root (overlay)
 *
 * Both are mounted by the machine's supervisor, in a mount namespace of its own.
 */
export const diskImage = (instance: Instance, id: string): string =>
  `${machineFolder(instance, id)}/disk.img`;
/** A disk in the making: the machine's own stays whole until {@link useNewDisk}, whatever fails. */
export const newDiskImage = (instance: Instance, id: string): string => `${diskImage(instance, id)}.new`;
export const diskMount = (instance: Instance, id: string): string => `${machineFolder(instance, id)}/disk`;
export const rootMount = (instance: Instance, id: string): string => `${machineFolder(instance, id)}/root`;

/** A machine that starts writes some 30 MB; less than this on the computer and it would find its disk broken. */
const LEAST_FREE_BYTES = 512 * 2 ** 20;

/** Makes an empty new disk, with the machine's name on it. */
export async function makeDisk(instance: Instance, machine: MachineRecord): Promise<void> {
  const folder = machineFolder(instance, machine.id);
  await requireFreeSpace(folder);
  const content = `${folder}/new-disk`;
  await rm(content, { recursive: true, force: true });
  await mkdir(`${content}/upper/etc`, { recursive: true });
  await mkdir(`${content}/work`);
  await writeFile(`${content}/upper/etc/hostname`, `${machine.name}\n`);
  const image = newDiskImage(instance, machine.id);
  await writeFile(image, "", { mode: 0o600 });
  await truncate(image, machine.limits.diskBytes);
  // The file is all zeros: nothing to initialise, now or in the background. No share reserved for root: all is root's.
  const options = ["-E", "lazy_itable_init=1,lazy_journal_init=1,nodiscard", "-m", "0"];
  await run("mkfs.ext4", ["-q", "-F", ...options, "-d", content, image]);
  await rm(content, { recursive: true });
}

/** The machine, which is off, has its new disk from now on. */
export async function useNewDisk(instance: Instance, id: string): Promise<void> {
  await rename(newDiskImage(instance, id), diskImage(instance, id));
}

/**
 * Repairs the file system of a disk that nobody uses, and grows both to a size; neither ever shrinks.
 *
 * @throws HostError when it cannot be repaired
 */
export async function growDisk(image: string, bytes: number): Promise<void> {
  await repairDisk(image);
  if ((await stat(image)).size < bytes) await truncate(image, bytes);
  // Also when the file is large enough: whoever grew it may have been killed before this.
  await run("resize2fs", [image]);
}

/** As a start after a power cut does: what the journal holds is written in its place. */
async function repairDisk(image: string): Promise<void> {
  const { exitCode, stdout, stderr } = await execa("e2fsck", ["-f", "-p", image], { reject: false });
  // e2fsck(8): below 4 there was nothing to repair, or it is repaired.
  if (exitCode !== undefined && exitCode < 4) return;
  const said = `${stdout}\n${stderr}`.trim().split("\n").slice(-3).join("; ");
  throw new HostError(`the file system of ${image} is damaged: ${said}`, "Take another image.");
}

/** What the machine's supervisor needs to mount its root. @throws HostError when that cannot succeed */
export async function rootOf(instance: Instance, machine: MachineRecord): Promise<Record<string, string>> {
  const folder = machineFolder(instance, machine.id);
  await requireFreeSpace(folder);
  if (!existsSync(machine.imageRoot)) {
    throw new HostError(
      `the base image under machine ${machine.id}'s disk is gone: ${machine.imageRoot}`,
      "Its disk cannot be read without it: delete the server and make it anew.",
    );
  }
  const root = {
    DISK_IMAGE: diskImage(instance, machine.id),
    IMAGE_ROOT: machine.imageRoot,
    DISK: diskMount(instance, machine.id),
    ROOT: rootMount(instance, machine.id),
    SOURCE: machineNamespace(instance, machine.id),
  };
  await mkdir(root.DISK, { recursive: true, mode: 0o700 });
  await mkdir(root.ROOT, { recursive: true });
  return root;
}

/**
 * Resolves when a machine that is off has let go of its disk: what it wrote is in the file, and nobody else writes.
 * The kernel unmounts a moment after the last process has gone.
 */
export async function diskReleased(instance: Instance, id: string): Promise<void> {
  const image = diskImage(instance, id);
  for (let waited = 0; (await loopDevices(image)).length > 0; waited++) {
    if (waited > 1000) {
      throw new HostError(
        `the disk of machine ${id} (${image}) is still in use`,
        "`losetup` and `lsof` tell by what.",
      );
    }
    await sleep(10);
  }
}

/** Loop devices on files whose path begins so, also when the file is deleted. */
export async function loopDevices(path: string): Promise<{ device: string; file: string }[]> {
  const names = (await readdir("/sys/block")).filter((name) => name.startsWith("loop"));
  const found = names.map((name) => ({
    device: `/dev/${name}`,
    file: readNow(`/sys/block/${name}/loop/backing_file`).trim(),
  }));
  return found.filter(({ file }) => file.startsWith(path));
}

/** What a sparse file takes, in bytes. */
export const bytesTaken = async (file: string): Promise<number> => (await stat(file)).blocks * 512;

/**
 * @param bytes that are about to be written besides what machines write
 * @throws HostError when the computer is about to be full
 */
export async function requireFreeSpace(folder: string, bytes = 0): Promise<void> {
  if (!existsSync(folder)) await mkdir(folder, { recursive: true, mode: 0o700 });
  const { bavail, bsize } = await statfs(folder);
  const least = LEAST_FREE_BYTES + bytes;
  if (bavail * bsize >= least) return;
  throw new HostError(
    `only ${Math.floor((bavail * bsize) / 2 ** 20)} MB are free where machines keep their disks (${folder})`,
    `Free ${Math.ceil(least / 2 ** 20)} MB or more there, or set DUKAAN_LOCAL_HOME to a folder on a larger disk.`,
  );
}
