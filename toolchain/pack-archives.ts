import { chmod, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { createHash } from "node:crypto";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { type AsyncGzipOptions, gzip } from "fflate";
import { create, extract } from "tar";
import { ToolchainError } from "./errors.js";
import { imageLibrary } from "./image-library.js";
import { pinned } from "./node-runtime.js";
import { fetchPackage } from "./npm-package.js";
import { makeOnce, withToolsLock } from "./prepare.js";
import { type Report, withElapsedTime } from "./progress.js";

const compress = promisify<Uint8Array, AsyncGzipOptions, Uint8Array>(gzip);

/** Makes the archive of the Node.js runtime, as the only file of a folder of the cache. */
export async function packRuntime(archive: string, report: Report): Promise<void> {
  const { version, digest, integrity } = pinned;
  const title = `Node.js ${version}`;
  await makeArchive(archive, { title, digest }, report, async (work) => {
    const name = pinned.package;
    const file = await fetchPackage({ name, version, integrity }, work, "the Node.js for the servers");
    await extract({ file, cwd: work, strip: 1, filter: (path) => path === "package/bin/node" });
    await chmod(join(work, "bin", "node"), 0o755);
    return ["bin/node"];
  });
}

/** Makes the archive of the image library for servers, as the only file of a folder of the cache. */
export async function packImageLibrary(archive: string, report: Report): Promise<void> {
  const { version, digest, packages } = imageLibrary;
  await makeArchive(archive, { title: `sharp ${version}`, digest }, report, async (work) => {
    for (const each of packages) {
      const file = await fetchPackage(each, work, "a part of the image library for the servers");
      const cwd = join(work, "node_modules", each.name);
      await mkdir(cwd, { recursive: true });
      await extract({ file, cwd, strip: 1, filter: (path) => !path.startsWith("package/src/") });
    }
    const entries = await readdir(join(work, "node_modules"), { recursive: true, withFileTypes: true });
    const files = entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
    await Promise.all(files.map((file) => chmod(file, 0o644)));
    return files.map((file) => file.slice(work.length + 1)).sort();
  });
}

/**
 * Packs files so that the same bytes come out everywhere: no owner, no times, and not the zlib of Node.js, whose output
 * differs between processors.
 * @param gather puts files into the folder that it is given and names them
 */
async function makeArchive(
  archive: string,
  { title, digest }: { title: string; digest: string },
  report: Report,
  gather: (work: string) => Promise<string[]>,
): Promise<void> {
  await withToolsLock(report, () =>
    makeOnce(dirname(archive), (empty) =>
      withElapsedTime(`Packing ${title} for the servers (once)`, report, async () => {
        const work = join(empty, "work");
        await mkdir(work);
        const entries = create({ cwd: work, portable: true, mtime: new Date(0) }, await gather(work));
        const tar = Buffer.concat(await entries.collect());
        // In a thread of its own; a higher level takes twice as long for two percent.
        const packed = await compress(tar, { level: 3, mtime: 0 });
        const found = createHash("sha256").update(packed).digest("hex");
        if (found !== digest) {
          throw new ToolchainError(
            `The archive of ${title} has the SHA-256 ${found}, but ${digest} was expected`,
            "This is a mistake in Dukaan: a library that packs archives has changed. Run npm ci and try again.",
          );
        }
        await writeFile(join(empty, basename(archive)), packed);
        await rm(work, { recursive: true });
      }),
    ),
  );
}
