import { readFile, rm, writeFile } from "node:fs/promises";
import { RUN_ROOT } from "./instance.js";

/**
 * Limits of this computer's kernel that all machines share, because root in a machine is root here: each machine's
 * systemd, journal and path units take a dozen inotify instances, and 128 for all of root would do for ten machines.
 */
const LIMITS = { "/proc/sys/fs/inotify/max_user_instances": 8192 };

const originals = (file: string): string => `${RUN_ROOT}/limit-${file.split("/").at(-1)}`;

/** Raises them, and remembers what they were. Where they may not be changed they stay as they are. */
export async function hostLimitsUp(): Promise<void> {
  for (const [file, wanted] of Object.entries(LIMITS)) {
    const present = Number(await readFile(file, "utf8"));
    if (present >= wanted) continue;
    // Another instance may be doing the same: the first one has seen the original.
    await writeFile(originals(file), String(present), { flag: "wx" }).catch(() => undefined);
    await writeFile(file, String(wanted)).catch(() => undefined);
  }
}

/** Puts back what they were, when the last instance goes. */
export async function hostLimitsDown(): Promise<void> {
  for (const file of Object.keys(LIMITS)) {
    const original = await readFile(originals(file), "utf8").catch(() => undefined);
    if (original === undefined) continue;
    await writeFile(file, original).catch(() => undefined);
    await rm(originals(file));
  }
}
