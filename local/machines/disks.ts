import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm, stat, statfs, truncate, writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { run, succeeds } from "./command.js";
import { HostError } from "./host.js";
import { type Instance, machineFolder, rootMountSource } from "./instance.js";
import type { MachineRecord } from "./records.js";

/**
 * A machine's disk is a sparse file with an ext4 file system, so that its size is a real limit. The file system holds
 * what differs from the image (`upper`); an overlay of both is the machine's root.
 *
 *   <machine>/disk.img → <machine>/disk (loop mount) ; image + disk/upper → <machine>/root (overlay)
 */
const diskImage = (instance: Instance, id: string): string => `${machineFolder(instance, id)}/disk.img`;
const diskMount = (instance: Instance, id: string): string => `${machineFolder(instance, id)}/disk`;
export const rootMount = (instance: Instance, id: string): string => `${machineFolder(instance, id)}/root`;

/** A machine that starts writes some 30 MB; less than this on the computer and it would find its disk broken. */
const LEAST_FREE_BYTES = 512 * 2 ** 20;

/** Makes an empty disk, with the machine's name on it. */
export async function makeDisk(instance: Instance, machine: MachineRecord): Promise<void> {
  const folder = machineFolder(instance, machine.id);
  await requireFreeSpace(folder);
  const content = `${folder}/new-disk`;
  await rm(content, { recursive: true, force: true });
  await mkdir(`${content}/upper/etc`, { recursive: true });
  await mkdir(`${content}/work`);
  await writeFile(`${content}/upper/etc/hostname`, `${machine.name}\n`);
  const image = diskImage(instance, machine.id);
  await writeFile(image, "", { mode: 0o600 });
  await truncate(image, machine.limits.diskBytes);
  // The file is all zeros: nothing to initialise, now or in the background. No share reserved for root: all is root's.
  const options = ["-E", "lazy_itable_init=1,lazy_journal_init=1,nodiscard", "-m", "0"];
  await run("mkfs.ext4", ["-q", "-F", ...options, "-d", content, image]);
  await rm(content, { recursive: true });
}

/** Grows the disk and its file system; the machine must be off. A smaller size changes nothing. */
export async function growDisk(instance: Instance, id: string, bytes: number): Promise<void> {
  const image = diskImage(instance, id);
  if ((await stat(image)).size >= bytes) return;
  await truncate(image, bytes);
  await run("e2fsck", ["-f", "-p", image]);
  await run("resize2fs", [image]);
}

export async function mountRoot(instance: Instance, machine: MachineRecord): Promise<void> {
  await requireFreeSpace(machineFolder(instance, machine.id));
  if (!existsSync(machine.imageRoot)) {
    throw new HostError(
      `the base image under machine ${machine.id}'s disk is gone: ${machine.imageRoot}`,
      "Its disk cannot be read without it: delete the server and make it anew.",
    );
  }
  const disk = diskMount(instance, machine.id);
  const root = rootMount(instance, machine.id);
  const mounted = await mountPoints();
  await mkdir(disk, { recursive: true, mode: 0o700 });
  await mkdir(root, { recursive: true });
  if (!mounted.includes(disk)) {
    await run("mount", [
      "-t",
      "ext4",
      "-o",
      "loop,noatime,noinit_itable",
      diskImage(instance, machine.id),
      disk,
    ]);
  }
  if (!mounted.includes(root)) {
    const layers = `lowerdir=${machine.imageRoot},upperdir=${disk}/upper,workdir=${disk}/work`;
    await run("mount", ["-t", "overlay", rootMountSource(instance, machine.id), "-o", layers, root]);
  }
}

/**
 * Unmounts a machine's root and disk; what was written is on the disk file then. The loop device goes by itself, but
 * not before other mount namespaces let go, e.g. that of a machine which is starting: it copied all mounts.
 */
export async function unmountRoot(instance: Instance, id: string): Promise<void> {
  await unmount(rootMount(instance, id));
  await unmount(diskMount(instance, id));
  const image = diskImage(instance, id);
  for (let waited = 0; waited < 100 && (await loopDevices(image)).length > 0; waited++) await sleep(20);
}

/** Loop devices on files whose path begins so, also when the file is deleted. */
export async function loopDevices(path: string): Promise<{ device: string; file: string }[]> {
  const names = (await readdir("/sys/block")).filter((name) => name.startsWith("loop"));
  const found = await Promise.all(
    names.map(async (name) => {
      const file = await readFile(`/sys/block/${name}/loop/backing_file`, "utf8").catch(() => "");
      return { device: `/dev/${name}`, file: file.trim() };
    }),
  );
  return found.filter(({ file }) => file.startsWith(path));
}

/** Mount points on this computer, in the order in which they were mounted. */
export async function mountPoints(): Promise<string[]> {
  const lines = (await readFile("/proc/self/mounts", "utf8")).split("\n");
  return lines.flatMap((line) => {
    const point = line.split(" ")[1];
    return point === undefined
      ? []
      : [point.replace(/\\([0-7]{3})/g, (_, code: string) => String.fromCharCode(parseInt(code, 8)))];
  });
}

/** The last process of a machine may hold its root for a moment after it was killed. */
export async function unmount(point: string): Promise<void> {
  for (let attempt = 0; (await mountPoints()).includes(point); attempt++) {
    if (await succeeds("umount", [point])) continue;
    if (attempt < 100) {
      await sleep(30);
      continue;
    }
    const users = await run("fuser", ["-m", point]).catch(() => "unknown processes");
    throw new HostError(`${point} is still in use by ${users.trim()}`, "End what uses it and try again.");
  }
}

async function requireFreeSpace(folder: string): Promise<void> {
  if (!existsSync(folder)) await mkdir(folder, { recursive: true, mode: 0o700 });
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize >= LEAST_FREE_BYTES) return;
  throw new HostError(
    `only ${Math.floor((bavail * bsize) / 2 ** 20)} MB are free where machines keep their disks (${folder})`,
    `Free ${LEAST_FREE_BYTES / 2 ** 20} MB or more there, or set DUKAAN_LOCAL_HOME to a folder on a larger disk.`,
  );
}
