import { realpathSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stopLocalCloud } from "../local/client.js";
import { processOf, startTimeOf } from "../local/machines/pid-file.js";
import { slotsInUse } from "../local/machines/slots.js";

const PREFIX = "dukaan-lab-";
/** In a lab's folder: the process whose it is, as {@link processOf} reads it. */
const OWNER = "owner";
/** Where labs' folders are: the first one may be on a file system that machines' disks cannot be on. */
const PLACES = [realpathSync(tmpdir()), "/var/lib"] as const;

/**
 * Makes the folder in which a test has its local clouds. It says whose it is, so that a later run can tell what nobody will
 * remove any more.
 */
export async function makeLabFolder(
  place: (typeof PLACES)[number] = PLACES[0],
  owner = process.pid,
): Promise<string> {
  const folder = await mkdtemp(join(place, PREFIX));
  await writeFile(join(folder, OWNER), `${owner} ${await startTimeOf(owner)}`);
  return folder;
}

/**
 * Removes the local clouds of test runs that were killed: four fit on a computer, and each test file has names of its
 * own for them. Vitest calls it before the first file of each project that boots machines.
 */
export default async function removeAbandonedLabs(): Promise<void> {
  const slots = await slotsInUse();
  for (const folder of await abandonedFolders()) {
    const labs = slots.filter(({ home }) => home === folder || home.startsWith(`${folder}/`));
    try {
      for (const { instance, home } of labs) {
        process.stdout.write(`Removing the local cloud "${instance}" of a test that was cut off\n`);
        await stopAt(home, instance);
      }
      await rm(folder, { recursive: true, force: true });
    } catch (error) {
      // The others can be removed all the same; a test that wants its name says so.
      process.stdout.write(`What a test left in ${folder} cannot be removed: ${String(error)}\n`);
    }
  }
}

async function abandonedFolders(): Promise<string[]> {
  const abandoned: string[] = [];
  for (const place of PLACES) {
    for (const name of await readdir(place)) {
      const owner = join(place, name, OWNER);
      // Without that file somebody is just making it.
      if (!name.startsWith(PREFIX) || !(await readFile(owner, "utf8").catch(() => ""))) continue;
      if ((await processOf(owner)) === undefined) abandoned.push(join(place, name));
    }
  }
  return abandoned;
}

async function stopAt(home: string, instance: string): Promise<void> {
  const before = process.env["DUKAAN_LOCAL_HOME"];
  process.env["DUKAAN_LOCAL_HOME"] = home;
  try {
    await stopLocalCloud(instance, { onProgress: () => {} });
  } finally {
    if (before === undefined) delete process.env["DUKAAN_LOCAL_HOME"];
    else process.env["DUKAAN_LOCAL_HOME"] = before;
  }
}
