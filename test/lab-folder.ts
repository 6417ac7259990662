import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stopLocalCloud } from "../local/client.js";
import { startTimeOf } from "../local/machines/pid-file.js";
import { slotsInUse } from "../local/machines/slots.js";

/**
 * Makes the folder in which a test has its local clouds. Its name says whose it is, so that a later run can tell what
 * nobody will remove any more.
 */
export async function makeLabFolder(under = tmpdir(), owner = process.pid): Promise<string> {
  return mkdtemp(join(under, `dukaan-lab-${owner}-`));
}

/**
 * Removes the local clouds of test runs that were killed: four fit on a computer, and each test file has names of its
 * own for them. Vitest calls it before the first file of each project that boots machines.
 */
export default async function removeAbandonedLabs(): Promise<void> {
  for (const { instance, home } of await slotsInUse()) {
    const [folder, pid] = /^.*\/dukaan-lab-(\d+)-[^/]+/.exec(home) ?? [];
    if (folder === undefined || (await startTimeOf(Number(pid))) !== undefined) continue;
    process.stdout.write(`Removing the local cloud "${instance}" of a test that was cut off\n`);
    process.env["DUKAAN_LOCAL_HOME"] = home;
    try {
      await stopLocalCloud(instance, { onProgress: () => {} });
    } finally {
      delete process.env["DUKAAN_LOCAL_HOME"];
    }
    await rm(folder, { recursive: true, force: true });
  }
}
