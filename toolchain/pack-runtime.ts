import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { execa } from "execa";
import { type AsyncGzipOptions, gzip } from "fflate";
import { create, extract } from "tar";
import { ToolchainError } from "./errors.js";
import { pinned } from "./node-runtime.js";
import { makeOnce, withToolsLock } from "./prepare.js";
import { type Report, withElapsedTime } from "./progress.js";

const compress = promisify<Uint8Array, AsyncGzipOptions, Uint8Array>(gzip);

/** Makes the archive of the Node.js runtime, as the only file of a folder of the cache. */
export async function packRuntime(archive: string, report: Report): Promise<void> {
  const directory = dirname(archive);
  const title = `Packing Node.js ${pinned.version} for the servers (once)`;
  await withToolsLock(report, () =>
    makeOnce(directory, (empty) =>
      withElapsedTime(title, report, async () => {
        const work = join(empty, "work");
        await mkdir(work);
        const file = await fetchPackage(work);
        await extract({ file, cwd: work, strip: 1, filter: (path) => path === "package/bin/node" });
        await writeFile(join(empty, basename(archive)), await pack(work));
        await rm(work, { recursive: true });
      }),
    ),
  );
}

async function fetchPackage(folder: string): Promise<string> {
  const { version, integrity } = pinned;
  const name = `${pinned.package}@${version}`;
  const { exitCode, stderr } = await execa(npm(), ["pack", name, "--pack-destination", folder, "--silent"], {
    cwd: folder,
    reject: false,
  });
  if (exitCode !== 0) {
    throw new ToolchainError(
      `npm could not fetch ${name}, the Node.js for the servers:\n  ${stderr.trim().replaceAll("\n", "\n  ")}`,
      "Make sure that npm is on PATH and that its registry can be reached (npm ping).",
    );
  }
  const file = join(folder, `${pinned.package}-${version}.tgz`);
  const found = `sha512-${createHash("sha512")
    .update(await readFile(file))
    .digest("base64")}`;
  if (found !== integrity) {
    throw new ToolchainError(
      `${name} has the checksum ${found}, but ${integrity} was expected`,
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

/**
 * Packs `bin/node` so that the same bytes come out everywhere: no owner, no times, and not the zlib of Node.js, whose
 * output differs between processors.
 */
async function pack(folder: string): Promise<Uint8Array> {
  await chmod(join(folder, "bin", "node"), 0o755);
  const entries = create({ cwd: folder, portable: true, mtime: new Date(0) }, ["bin/node"]);
  const tar = Buffer.concat(await entries.collect());
  // In a thread of its own; a higher level takes twice as long for two percent.
  const packed = await compress(tar, { level: 3, mtime: 0 });
  const found = createHash("sha256").update(packed).digest("hex");
  if (found !== pinned.digest) {
    throw new ToolchainError(
      `The archive of Node.js ${pinned.version} has the SHA-256 ${found}, but ${pinned.digest} was expected`,
      "This is a mistake in Dukaan: a library that packs archives has changed. Run npm ci and try again.",
    );
  }
  return packed;
}
