import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { ProviderError, type Context } from "../resource.js";
import type { Machine } from "../ssh/machine.js";
import type { ScriptFile } from "../ssh/script.js";
import type { ReleaseInputs } from "./inputs.js";

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

/** The runtime's archive must be the one that the digest names: it is about to run on the machine. */
async function verifyRuntime({ archive, digest }: ReleaseInputs["runtime"]): Promise<number> {
  const { size } = await stat(archive).catch(() => {
    throw new ProviderError(`runtime.archive: there is no file ${archive}; run ./dukaan env to fetch it`);
  });
  const hash = createHash("sha256");
  await pipeline(createReadStream(archive), hash);
  const found = hash.digest("hex");
  if (found !== digest)
    throw new ProviderError(
      `runtime.archive: ${archive} has SHA-256 ${found}, not ${digest} as runtime.digest says`,
    );
  return size;
}

/** Sends the runtime's archive as it is and unpacks it beside its place, so that a broken upload leaves nothing. */
export async function uploadRuntime(
  machine: Machine,
  { runtime }: ReleaseInputs,
  context: Context,
): Promise<void> {
  const size = await verifyRuntime(runtime);
  context.progress(`sending Node.js ${runtime.version} (${(size / 1e6).toFixed(0)} MB) to ${machine.host}`);
  const command = [
    "set -eu",
    "umask 022",
    "mkdir -p /opt/dukaan/runtimes",
    "d=$(mktemp -d /opt/dukaan/runtimes/.incoming.XXXXXX)",
    `trap 'rm -rf "$d"' EXIT`,
    `tar -xzf - --no-same-owner -C "$d"`,
    `test -x "$d/bin/node"`,
    `printf '%s\\n' ${runtime.digest} > "$d/digest"`,
    `chmod 0755 "$d"`,
    `t=/opt/dukaan/runtimes/node-${runtime.version.replace(/^v/, "")}`,
    // Two services may send the same runtime at once; the second finds the place taken.
    `[ "$(cat "$t/digest" 2>/dev/null)" = ${runtime.digest} ] || { rm -rf "$t"; mv -T "$d" "$t"; }`,
  ].join("; ");
  const { code, lines } = await machine.run(command, createReadStream(runtime.archive));
  if (code !== 0)
    throw new ProviderError(
      `runtime.archive: ${machine.host} cannot unpack it (it must be a tar.gz with bin/node)\n  ${lines.join("\n  ")}`,
    );
}
