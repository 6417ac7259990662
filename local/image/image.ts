import { createHash, type Hash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname } from "node:path";
import { execa } from "execa";
import { HostError } from "../machines/host.js";
import { projectRoot } from "../machines/project-root.js";

/** A base image on this computer. */
export interface BaseImage {
  /** e.g. "debian-12" */
  name: string;
  /** Its folder: `root` (the file system that machines start from) and `debian` (packages that they can install). */
  path: string;
}

const NAME = "debian-12";
/**
 * The base image, built if this computer does not have it: a function of the files in local/image and the computer's
 * architecture. Builds at the same time wait for each other; what an interrupted one left is cleared away.
 */
export async function ensureImage(onProgress: (message: string) => void): Promise<BaseImage> {
  const found = await findImage();
  if (found !== undefined) return found;
  const image = { name: NAME, path: await imagePath() };
  const folder = dirname(image.path);
  await mkdir(folder, { recursive: true });
  const build = [`${folder}/lock`, `${projectRoot()}/local/image/build.sh`, image.path];
  const started = Date.now();
  onProgress("Building the base image debian-12 from Debian's packages (once; usually 30 to 90 s)");
  // The lock stays with the build and everything that it starts, also when we are killed meanwhile.
  const tryToBuild = (lock: string[]) => execa("flock", [...lock, ...build], { all: true, reject: false });
  const first = await tryToBuild(["--nonblock", "--conflict-exit-code", "75"]);
  if (first.exitCode === 75) onProgress("Another process builds it already; waiting for that");
  const result = first.exitCode === 75 ? await tryToBuild([]) : first;
  if (result.failed) {
    throw new HostError(
      `the base image could not be built: ${result.all.trim().split("\n").slice(-12).join("; ")}`,
      "It needs a Debian mirror: check the network, or name one in DUKAAN_DEBIAN_MIRROR and DUKAAN_DEBIAN_SECURITY_MIRROR.",
    );
  }
  onProgress(`Base image built in ${Math.round((Date.now() - started) / 1000)} s`);
  return image;
}

/** The image if it is there; builds nothing. */
export async function findImage(): Promise<BaseImage | undefined> {
  const path = await imagePath();
  return existsSync(`${path}/complete`) ? { name: NAME, path } : undefined;
}

async function imagePath(): Promise<string> {
  return `${imagesFolder()}/${NAME}-${await imageKey(`${projectRoot()}/local/image`)}`;
}

function imagesFolder(): string {
  const { DUKAAN_CACHE, XDG_CACHE_HOME } = process.env;
  return `${DUKAAN_CACHE || `${XDG_CACHE_HOME || `${homedir()}/.cache`}/dukaan`}/images`;
}

/** 16 hex digits over names, modes and contents of the image's sources. */
async function imageKey(source: string): Promise<string> {
  const hash = createHash("sha256").update(process.arch);
  const entries = await readdir(source, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile() && !entry.name.endsWith(".ts") && !entry.name.endsWith(".md"))
    .map((entry) => `${entry.parentPath}/${entry.name}`)
    .sort();
  for (const file of files) await addFile(hash, file, file.slice(source.length));
  return hash.digest("hex").slice(0, 16);
}

async function addFile(hash: Hash, file: string, name: string): Promise<void> {
  const { mode, size } = await stat(file);
  hash.update(`${name} ${(mode & 0o111).toString(8)} ${size}\n`).update(await readFile(file));
}
