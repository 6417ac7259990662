import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";

/** SQLite's result code for "someone else holds the lock". */
const SQLITE_BUSY = 5;

/**
 * Runs `work` while no other process of this computer runs any under the same lock file.
 *
 * Node.js has no file locks of its own; an exclusive transaction of SQLite is one. The kernel drops it when the process
 * ends, however it ends, so there is no stale lock to detect.
 * @param onWait called once, if another process has to be waited for
 */
export async function withLock<Result>(
  file: string,
  work: () => Promise<Result>,
  onWait: () => void = () => undefined,
): Promise<Result> {
  mkdirSync(dirname(file), { recursive: true });
  const lock = new DatabaseSync(file, { timeout: 0 });
  try {
    if (!acquire(lock)) {
      onWait();
      do await sleep(100);
      while (!acquire(lock));
    }
    return await work();
  } finally {
    lock.close();
  }
}

function acquire(lock: DatabaseSync): boolean {
  try {
    lock.exec("BEGIN EXCLUSIVE");
    return true;
  } catch (error) {
    if (error instanceof Error && "errcode" in error && error.errcode === SQLITE_BUSY) return false;
    throw error;
  }
}
