import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { ProviderError } from "../resource.js";
import { modulesFolder, runtimeFolder, type ReleaseContent } from "./inputs.js";

/** What a release needs beside its bundle, as a tar.gz on this computer; place-archive.sh puts it on a machine. */
export interface ReleaseArchive {
  archive: string;
  /** SHA-256 of the file. */
  digest: string;
  /** Of the release's inputs, for messages. */
  property: "runtime" | "modules";
  title: string;
  /** What must be in it. */
  content: string;
  /** The folder that it becomes on the machine. */
  place: string;
}

/** Node.js. */
export function runtimeArchive({ runtime }: ReleaseContent): ReleaseArchive {
  return {
    archive: runtime.archive,
    digest: runtime.digest,
    property: "runtime",
    title: `Node.js ${runtime.version}`,
    content: "bin/node",
    place: `/opt/dukaan/runtimes/${runtimeFolder(runtime)}`,
  };
}

/** Native modules, of a release that has any. */
export function modulesArchive(inputs: ReleaseContent): ReleaseArchive | undefined {
  const { modules } = inputs;
  return (
    modules && {
      archive: modules.archive,
      digest: modules.digest,
      property: "modules",
      title: "native modules",
      content: "node_modules",
      place: `/opt/dukaan/modules/${modulesFolder(inputs)}`,
    }
  );
}

/**
 * An archive must be the one that the digest names: it is about to run on a machine.
 * @returns its size in bytes
 */
export async function verify({ archive, digest, property }: ReleaseArchive): Promise<number> {
  const { size } = await stat(archive).catch(() => {
    throw new ProviderError(`${property}.archive: there is no file ${archive}; run ./dukaan env to fetch it`);
  });
  const hash = createHash("sha256");
  await pipeline(createReadStream(archive), hash);
  const found = hash.digest("hex");
  if (found !== digest)
    throw new ProviderError(
      `${property}.archive: ${archive} has SHA-256 ${found}, not ${digest} as ${property}.digest says`,
    );
  return size;
}
