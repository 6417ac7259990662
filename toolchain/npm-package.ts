import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { ToolchainError } from "./errors.js";

/** A package of npm in one version, of which every byte is known. */
export interface NpmPackage {
  name: string;
  version: string;
  /** npm's own checksum of the package, as in package-lock.json. */
  integrity: string;
}

/**
 * Fetches a package as it is, for whatever platform it is meant.
 * @param purpose for the message of a failure, e.g. "the Node.js for the servers"
 * @returns the path of its .tgz in the folder
 */
export async function fetchPackage(
  { name, version, integrity }: NpmPackage,
  folder: string,
  purpose: string,
): Promise<string> {
  const wanted = `${name}@${version}`;
  const { exitCode, stderr } = await execa(
    npm(),
    ["pack", wanted, "--pack-destination", folder, "--silent"],
    { cwd: folder, reject: false },
  );
  if (exitCode !== 0) {
    throw new ToolchainError(
      `npm could not fetch ${wanted}, ${purpose}:\n  ${stderr.trim().replaceAll("\n", "\n  ")}`,
      "Make sure that npm is on PATH and that its registry can be reached (npm ping).",
    );
  }
  const file = join(folder, `${name.replace("@", "").replace("/", "-")}-${version}.tgz`);
  const found = `sha512-${createHash("sha512")
    .update(await readFile(file))
    .digest("base64")}`;
  if (found !== integrity) {
    throw new ToolchainError(
      `${wanted} has the checksum ${found}, but ${integrity} was expected`,
      "The npm registry in use hands out something else than the original package: use another one.",
    );
  }
  return file;
}

/** npm from PATH, or the one that came with this Node.js. */
function npm(): string {
  const beside = join(dirname(process.execPath), "npm");
  return existsSync(beside) ? beside : "npm";
}
