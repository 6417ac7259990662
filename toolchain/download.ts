import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { extract } from "tar";
import { ToolchainError } from "./errors.js";
import { type Report, withElapsedTime } from "./progress.js";
import type { Release, Tool } from "./tools.js";

/** How long the one attempt to reach the makers' server may take before something else is done, in milliseconds. */
const patience = 5_000;

/** The algorithms of published checksum files, told apart by the length of their hexadecimal digests. */
const algorithms: Record<number, string> = { 40: "sha1", 64: "sha256", 128: "sha512" };

/**
 * Downloads a published release into an existing folder, if its makers' server can be reached.
 * @returns false if it cannot be reached or does not have the release
 * @throws ToolchainError if what arrives is not what the makers published
 */
export async function download(tool: Tool, directory: string, report: Report): Promise<boolean> {
  const { release } = tool;
  if (!release || process.env["DUKAAN_OFFLINE"] === "1") return false;
  const checksum = await publishedChecksum(release);
  if (checksum === undefined) return false;

  return withElapsedTime(`Downloading the ${tool.title} ${tool.version}`, report, async () => {
    const archive = await fetchArchive(release);
    if (archive === undefined) return false;
    const algorithm = algorithms[checksum.length] ?? "sha256";
    const found = createHash(algorithm).update(archive).digest("hex");
    if (found !== checksum) {
      throw new ToolchainError(
        `${release.url}${release.archive} has the ${algorithm} ${found}, but its makers published ${checksum}`,
        "Something on the way changes downloads. Set DUKAAN_OFFLINE=1 to build the tool from its pinned sources instead.",
      );
    }
    await pipeline(Readable.from([archive]), extract({ cwd: directory, strip: release.folders }));
    return existsSync(join(directory, tool.executable));
  });
}

async function fetchArchive(release: Release): Promise<Buffer | undefined> {
  try {
    const response = await fetch(release.url + release.archive);
    return response.ok ? Buffer.from(await response.arrayBuffer()) : undefined;
  } catch {
    return undefined; // the connection broke: as if there had been none
  }
}

async function publishedChecksum(release: Release): Promise<string | undefined> {
  try {
    const response = await fetch(release.url + release.checksums, { signal: AbortSignal.timeout(patience) });
    if (!response.ok) return undefined;
    return findChecksum(await response.text(), release.archive);
  } catch {
    return undefined; // no way to the internet: not an error, the tool is built then
  }
}

/** The digest of `archive` in the output of a program like sha256sum: `digest  [./]name` a line. */
export function findChecksum(list: string, archive: string): string | undefined {
  for (const line of list.split("\n")) {
    const [digest, name] = line.trim().split(/\s+\*?/);
    if (digest && name && basename(name) === archive && digest.length in algorithms) return digest;
  }
  return undefined;
}
