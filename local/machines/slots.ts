import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, rmdir, writeFile } from "node:fs/promises";
import { HostError } from "./host.js";
import { RUN_ROOT, SLOTS } from "./instance.js";
import { withLock } from "./lock.js";

const FOLDER = `${RUN_ROOT}/slots`;
/** A folder can be locked as well as a file; this one is always there and needs no removing. */
const LOCK = "/run";

export interface Slot {
  slot: number;
  instance: string;
  home: string;
}

/** The slots in use on this computer, whoever's they are. */
export async function slotsInUse(): Promise<Slot[]> {
  const names = (await unlessGone(readdir(FOLDER))) ?? [];
  const slots = names
    .filter((name) => /^[0-9]$/.test(name))
    .sort()
    .map(async (name): Promise<Slot[]> => {
      const text = await unlessGone(readFile(`${FOLDER}/${name}`, "utf8"));
      return text === undefined ? [] : [JSON.parse(text)];
    });
  return (await Promise.all(slots)).flat();
}

/** Undefined when there is no such file: whoever looks holds no lock, and others give theirs back. */
async function unlessGone<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

/**
 * The slot (0 to 3) of an instance on this computer; the same one each time until it is released.
 *
 * @param preferred the slot it had before this computer was restarted, taken again if it is free
 * @throws HostError when every slot is taken, or an instance of that name has its state in another folder
 */
export async function acquireSlot(instance: string, home: string, preferred = 0): Promise<number> {
  return withLock(LOCK, async () => {
    await mkdir(FOLDER, { recursive: true });
    const used = await slotsInUse();
    const mine = used.find((slot) => slot.instance === instance);
    if (mine !== undefined && mine.home !== home) {
      throw new HostError(
        `a local cloud named "${instance}" already exists on this computer, with its state in ${mine.home}`,
        `Use another name, or remove that one first: DUKAAN_LOCAL_HOME=${mine.home} ./dukaan local down`,
      );
    }
    if (mine !== undefined) return mine.slot;
    const free = [preferred, ...Array.from({ length: SLOTS }, (_, slot) => slot)].find(
      (slot) => !used.some((taken) => taken.slot === slot),
    );
    if (free === undefined) {
      const names = used.map((slot) => slot.instance).join(", ");
      throw new HostError(
        `all ${SLOTS} local clouds that fit on one computer are in use: ${names}`,
        "Remove one with `./dukaan local down`.",
      );
    }
    await writeFile(`${FOLDER}/.new`, JSON.stringify({ slot: free, instance, home } satisfies Slot));
    await rename(`${FOLDER}/.new`, `${FOLDER}/${free}`);
    return free;
  });
}

/**
 * Gives an instance's slot back. `ifLast` runs, still under the lock, when no other instance is left: what all of
 * them shared can go.
 */
export async function releaseSlot(instance: string, ifLast: () => Promise<void>): Promise<void> {
  if (!existsSync(RUN_ROOT)) return;
  await withLock(LOCK, async () => {
    const used = await slotsInUse();
    const mine = used.find((slot) => slot.instance === instance);
    if (mine !== undefined) await rm(`${FOLDER}/${mine.slot}`, { force: true });
    if (used.some((slot) => slot.instance !== instance)) return;
    await ifLast();
    await rm(FOLDER, { recursive: true, force: true });
    await rmdir(RUN_ROOT).catch(() => undefined);
  });
}
