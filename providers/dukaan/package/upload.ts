import { buffer } from "node:stream/consumers";
import { verify } from "../release/archives.js";
import type { Context } from "../resource.js";
import { sha256 } from "../role/specification.js";
import { archive } from "../ssh/script.js";
import { objectKey, packageFiles, packageObjects } from "./content.js";
import type { PackageInputs } from "./inputs.js";
import { Storage, type Bucket } from "./storage.js";

/**
 * How many packages stay, for machines that go back to one. A release that the group refuses has brought a package as well:
 * what the group goes on with must still be there after many of them.
 */
const kept = 50;

/** Brings a package into the bucket, with what it names, and takes away what is too old. */
export async function uploadPackage(
  inputs: PackageInputs,
  context: Context,
): Promise<{ key: string; digest: string }> {
  const storage = new Storage(inputs, context.signal);
  const objects = packageObjects(inputs.release);
  for (const object of objects) {
    const size = await verify(object);
    if ((await storage.look(objectKey(object))) !== undefined) continue;
    context.progress(`sending ${object.title} (${megabytes(size)}) to ${inputs.bucket}`);
    await storage.put(objectKey(object), { path: object.archive, size, digest: object.digest });
  }
  const packed = await buffer(archive(await packageFiles(inputs)));
  const digest = sha256(packed);
  const key = `boot/${digest}.tar.gz`;
  context.progress(`sending the package (${megabytes(packed.length)}) to ${inputs.bucket}`);
  // Also when it is there, since some time ago: it is the newest now.
  await storage.put(key, packed, objects.map(objectKey).join(","));
  await prune(storage, key);
  return { key, digest };
}

/** Whether a package is there with all that it names. */
export async function isComplete(inputs: PackageInputs, key: string, signal: AbortSignal): Promise<boolean> {
  const storage = new Storage(inputs, signal);
  const keys = [key, ...packageObjects(inputs.release).map(objectKey)];
  const found = await Promise.all(keys.map((each) => storage.look(each)));
  return found.every((words) => words !== undefined);
}

/** Takes all packages away. */
export async function removePackages(place: Bucket, signal: AbortSignal): Promise<void> {
  const storage = new Storage(place, signal);
  for (const folder of ["boot/", "objects/"])
    for (const { key } of await storage.list(folder)) await storage.remove(key);
}

/** Leaves the newest packages, and of the objects those that one of them names. */
async function prune(storage: Storage, newest: string): Promise<void> {
  const packages = (await storage.list("boot/")).filter(({ key }) => key !== newest);
  packages.sort((a, b) => b.modified.localeCompare(a.modified));
  for (const { key } of packages.splice(kept - 1)) await storage.remove(key);
  const named = new Set<string>();
  for (const key of [newest, ...packages.map((each) => each.key)])
    for (const object of ((await storage.look(key)) ?? "").split(",")) named.add(object);
  for (const { key } of await storage.list("objects/")) if (!named.has(key)) await storage.remove(key);
}

function megabytes(size: number): string {
  return `${(size / 1e6).toFixed(1)} MB`;
}
