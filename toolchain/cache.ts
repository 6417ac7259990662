import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of the checkout, also for the compiled code in dist/. */
export const projectRoot = findProjectRoot(dirname(fileURLToPath(import.meta.url)));

/** What `toolchain/` was compiled from: the Go modules and the language host are built from here. */
export const sources = join(projectRoot, "toolchain");

function findProjectRoot(from: string): string {
  for (let folder = from; ; folder = dirname(folder)) {
    if (existsSync(join(folder, "package.json")) && existsSync(join(folder, "toolchain"))) return folder;
    if (folder === dirname(folder)) throw new Error(`no checkout of Dukaan above ${from}`);
  }
}

/**
 * The folder for everything that can be made again: `DUKAAN_CACHE`, else `dukaan` below `XDG_CACHE_HOME` or `~/.cache`.
 * It may be shared by any number of checkouts and deleted at any time.
 */
export function cacheDirectory(): string {
  const { DUKAAN_CACHE, XDG_CACHE_HOME } = process.env;
  return DUKAAN_CACHE || join(XDG_CACHE_HOME || join(homedir(), ".cache"), "dukaan");
}

/** Where the tools are kept, one folder each, named by version and content key. */
export function toolsDirectory(): string {
  return join(cacheDirectory(), "toolchain");
}

/**
 * A short name for the content of files and folders and for whatever else a result depends on.
 * @returns 12 hexadecimal digits
 */
export function contentKey(paths: string[], ...facts: string[]): string {
  const hash = createHash("sha256");
  const add = (text: string | Buffer) => hash.update(`${text.length}:`).update(text);
  facts.forEach(add);
  for (const path of paths) {
    for (const file of filesBelow(path)) {
      add(relative(path, file));
      add(readFileSync(file));
    }
  }
  return hash.digest("hex").slice(0, 12);
}

function filesBelow(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}
