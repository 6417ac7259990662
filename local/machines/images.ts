import { mkdir, mkdtemp, readdir, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run, succeeds } from "./command.js";
import {
  bytesTaken,
  diskMount,
  diskImage,
  diskReleased,
  growDisk,
  newDiskImage,
  requireFreeSpace,
} from "./disks.js";
import { HostError, type ImageHost } from "./host.js";
import { type Instance, machineFolder } from "./instance.js";
import { supervisorOf } from "./nspawn.js";
import type { KeyedQueue } from "../queue.js";
import { readImage, requireMachine, type ImageRecord, type MachineRecord, writeImage } from "./records.js";

/**
 * Images of machines' disks: a sparse copy of the disk file each, and the base image below it.
 *
 *   images/<id>/disk.img   what differed from the base image
 *   images/<id>/image.json written last: a folder without it is an image that was never finished
 */
const imageFolder = (instance: Instance, id: string): string => `${instance.imagesFolder}/${id}`;
const imageDisk = (instance: Instance, id: string): string => `${imageFolder(instance, id)}/disk.img`;

/** A program that is asked to end when we do, however we end: nobody else would wait for it. */
const END_WITH_US = ["--pdeathsig", "TERM"];
const COPY = ["cp", "--reflink=auto", "--sparse=always"];

/**
 * Copies a file system while nothing writes to it. Whatever ends it but SIGKILL, the machine's disk thaws. What the
 * guest has deleted is given back first, and so is not copied. What takes long is waited for: a shell hears a signal
 * only then.
 */
const COPY_FROZEN = `set -e
disk=$1 source=$2 target=$3
waited() { "$@" & child=$!; wait "$child"; child=; }
# Who started us may hear no more of what is said.
trap '' PIPE
trap 'kill "$child" 2>/dev/null || true; wait; exit 1' HUP INT TERM
waited fstrim "$disk" || true
trap 'fsfreeze --unfreeze "$disk"' EXIT
fsfreeze --freeze "$disk"
waited ${COPY.join(" ")} "$source" "$target"`;

/**
 * Makes an image of a machine's disk. A running machine's file system stands still while it is copied, so that the
 * image is consistent; what programs had not yet written is not in it, as after a power cut.
 *
 * @param stop ends it
 * @returns what the image takes on this computer, in bytes
 */
async function saveImage(
  instance: Instance,
  machine: MachineRecord,
  id: string,
  stop: AbortSignal,
): Promise<number> {
  const target = imageDisk(instance, id);
  if ((await readImage(instance, id)) === undefined) {
    await removeImage(instance, id);
    const source = diskImage(instance, machine.id);
    await requireFreeSpace(imageFolder(instance, id), await bytesTaken(source));
    // One at a time: the end of a copy of a killed server would thaw the disk under the next one.
    const inTurn = ["flock", "--no-fork", machineFolder(instance, machine.id)];
    const supervisor = await supervisorOf(instance, machine.id);
    if (supervisor === undefined) await diskReleased(instance, machine.id);
    const inMachine = ["nsenter", `--mount=/proc/${supervisor}/ns/mnt`, "--"];
    const files = [diskMount(instance, machine.id), source, target];
    const command =
      supervisor === undefined
        ? [...inTurn, ...COPY, source, target]
        : [...inMachine, ...inTurn, "bash", "-c", COPY_FROZEN, "bash", ...files];
    try {
      await run("setpriv", [...END_WITH_US, ...command], "", stop);
    } catch (error) {
      await thawDisk(instance, machine.id);
      if (!stop.aborted) throw error;
      throw new HostError(`image ${id} was interrupted: the local cloud ends`, "Its next start makes it.");
    }
    const { imageRoot, packagePool, limits } = machine;
    await writeImage(instance, { id, imageRoot, packagePool, diskBytes: limits.diskBytes });
  }
  return bytesTaken(target);
}

/**
 * Waits until no machine's disk is being copied, and lets all of them be written again. Processes that want to write to
 * a frozen disk cannot even be killed.
 */
export async function copiesEnded(instance: Instance): Promise<void> {
  const ids = await readdir(instance.machinesFolder).catch(() => []);
  await Promise.all(
    ids.map(async (id) => {
      await succeeds("flock", ["--timeout", "10", machineFolder(instance, id), "true"]);
      await thawDisk(instance, id);
    }),
  );
}

/** Lets a machine's disk, that a killed copy may have left frozen, be written again. */
export async function thawDisk(instance: Instance, machineId: string): Promise<void> {
  const supervisor = await supervisorOf(instance, machineId);
  if (supervisor === undefined) return;
  const inMachine = [`--mount=/proc/${supervisor}/ns/mnt`, "--"];
  // It fails where nothing is frozen, which is nearly always.
  await run("nsenter", [...inMachine, "fsfreeze", "--unfreeze", diskMount(instance, machineId)]).catch(
    () => undefined,
  );
}

/**
 * Makes a machine's new disk as a copy of an image, with the machine's own name on it, and as large as the machine's may be.
 *
 * @returns the image
 * @throws HostError when there is no such image, or it cannot be made the machine's own
 */
export async function restoreDisk(
  instance: Instance,
  machine: MachineRecord,
  imageId: string,
): Promise<ImageRecord> {
  const image = await requireImageRecord(instance, imageId);
  const disk = newDiskImage(instance, machine.id);
  await rm(disk, { force: true });
  await requireFreeSpace(machineFolder(instance, machine.id), await bytesTaken(imageDisk(instance, imageId)));
  await run("setpriv", [...END_WITH_US, ...COPY, imageDisk(instance, imageId), disk]);
  await truncate(disk, image.diskBytes);
  // Repaired before it gets its name: it may be of a machine whose power was cut, and what its journal holds would be
  // written over the name at the start.
  await growDisk(disk, machine.limits.diskBytes);
  await becomeOther(disk, machine.name);
  return image;
}

async function requireImageRecord(instance: Instance, id: string): Promise<ImageRecord> {
  const image = await readImage(instance, id);
  if (image !== undefined) return image;
  throw new HostError(`there is no image ${id} on this computer`, "It was deleted meanwhile: take another.");
}

/** What cloud-init knows a boot on known ground by. */
const INSTANCE_LINK = "/upper/var/lib/cloud/instance";

/**
 * Writes the machine's name into the file system, which is not mounted, and takes away what cloud-init remembers of
 * where it is: it would trust that, and give the new machine neither host keys nor users of its own.
 */
async function becomeOther(disk: string, name: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "dukaan-name-"));
  try {
    await writeFile(`${folder}/hostname`, `${name}\n`);
    const commands = [
      "cd /upper/etc",
      "rm hostname",
      `write ${folder}/hostname hostname`,
      `rm ${INSTANCE_LINK}`,
    ];
    await run("debugfs", ["-w", "-f", "-", disk], `${commands.join("\n")}\n`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  // It ends with 0 whatever fails in it.
  const hostname = await run("debugfs", ["-R", "cat /upper/etc/hostname", disk]);
  const link = await run("debugfs", ["-R", `stat ${INSTANCE_LINK}`, disk]);
  if (hostname.trim() === name && link.trim() === "") return;
  throw new HostError(
    `the copy of the image in ${disk} could not be given the name ${name}: it would start as the server it is of`,
    "Take another image.",
  );
}

/** Removes an image, or what an interrupted attempt left of one. No-op when there is none. */
async function removeImage(instance: Instance, id: string): Promise<void> {
  const folder = imageFolder(instance, id);
  // First its record: what is half removed is no image.
  await rm(`${folder}/image.json`, { force: true });
  await rm(folder, { recursive: true, force: true });
}

/** The instance's images; each machine's disk is copied in the turn of the machine. */
export class Images implements ImageHost {
  readonly #instance: Instance;
  readonly #queue: KeyedQueue;
  readonly #stop = new AbortController();

  constructor(instance: Instance, queue: KeyedQueue) {
    this.#instance = instance;
    this.#queue = queue;
  }

  async create(machineId: string, imageId: string): Promise<number> {
    return this.#queue.run(machineId, async () => {
      const machine = await requireMachine(this.#instance, machineId);
      return saveImage(this.#instance, machine, imageId, this.#stop.signal);
    });
  }

  stop(): void {
    this.#stop.abort();
  }

  async remove(id: string): Promise<void> {
    await removeImage(this.#instance, id);
  }

  async ids(): Promise<string[]> {
    await mkdir(this.#instance.imagesFolder, { recursive: true, mode: 0o700 });
    return readdir(this.#instance.imagesFolder);
  }
}
