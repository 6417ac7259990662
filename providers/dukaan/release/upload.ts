import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { ProviderError, type Context } from "../resource.js";
import type { Machine } from "../ssh/machine.js";
import type { ScriptFile } from "../ssh/script.js";
import { modulesFolder, type ReleaseInputs } from "./inputs.js";

/** The bundle's files, in a fixed order. */
export async function bundleFiles({ bundle }: ReleaseInputs): Promise<ScriptFile[]> {
  const entries = await readdir(bundle.directory, { recursive: true, withFileTypes: true }).catch(() => {
    throw new ProviderError(
      `bundle.directory: there is no folder ${bundle.directory}; run ./dukaan env to build it`,
    );
  });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(bundle.directory.length).replace(/^\/+/, ""))
    .sort();
  return Promise.all(
    paths.map(async (path) => ({
      path: `bundle/${path}`,
      content: await readFile(join(bundle.directory, path)),
      mode: 0o644,
    })),
  );
}

/** Sends Node.js. */
export async function uploadRuntime(
  machine: Machine,
  { runtime }: ReleaseInputs,
  context: Context,
): Promise<void> {
  await uploadArchive(machine, context, {
    ...runtime,
    property: "runtime",
    title: `Node.js ${runtime.version}`,
    content: "bin/node",
    place: `/opt/dukaan/runtimes/node-${runtime.version.replace(/^v/, "")}`,
  });
}

/** Sends what the release needs beside its bundle. */
export async function uploadModules(
  machine: Machine,
  inputs: ReleaseInputs,
  context: Context,
): Promise<void> {
  const { modules } = inputs;
  if (!modules) return;
  await uploadArchive(machine, context, {
    ...modules,
    property: "modules",
    title: "native modules",
    content: "node_modules",
    place: `/opt/dukaan/modules/${modulesFolder(inputs)}`,
  });
}

interface UploadedArchive {
  archive: string;
  digest: string;
  /** Of the release's inputs, for messages. */
  property: "runtime" | "modules";
  title: string;
  /** What must be in it. */
  content: string;
  /** The folder that it becomes on the machine. */
  place: string;
}

/** Sends an archive as it is and unpacks it beside its place, so that a broken upload leaves nothing. */
async function uploadArchive(
  machine: Machine,
  context: Context,
  { archive, digest, property, title, content, place }: UploadedArchive,
): Promise<void> {
  const size = await verify(archive, digest, property);
  context.progress(`sending ${title} (${(size / 1e6).toFixed(0)} MB) to ${machine.host}`);
  const command = [
    "set -eu",
    "umask 022",
    `t=${place}`,
    'mkdir -p "${t%/*}"',
    // What a power cut has left.
    `find "\${t%/*}" -maxdepth 1 -name '.incoming.*' -mmin +60 -exec rm -rf {} +`,
    'd=$(mktemp -d "${t%/*}/.incoming.XXXXXX")',
    `trap 'rm -rf "$d"' EXIT`,
    `tar -xzf - --no-same-owner -C "$d"`,
    `test -e "$d/${content}"`,
    `printf '%s\\n' ${digest} > "$d/digest"`,
    `chmod 0755 "$d"`,
    // Two services may send the same at once; the second finds the place taken.
    `[ "$(cat "$t/digest" 2>/dev/null)" = ${digest} ] || { rm -rf "$t"; mv -T "$d" "$t"; }`,
  ].join("; ");
  const { code, lines } = await machine.run(command, createReadStream(archive));
  if (code !== 0)
    throw new ProviderError(
      `${property}.archive: ${machine.host} cannot unpack it (it must be a tar.gz with ${content})\n  ${lines.join("\n  ")}`,
    );
}

/** An archive must be the one that the digest names: it is about to run on the machine. */
async function verify(archive: string, digest: string, property: string): Promise<number> {
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
