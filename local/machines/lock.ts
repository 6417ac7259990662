import { spawn } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { createInterface } from "node:readline";

// The first line says whether somebody else has the lock; `cat` keeps the descriptor, and the lock, until we end.
const holdLock = `
  [ -d "$0" ] || : >>"$0" || exit
  exec 9<"$0"
  flock --nonblock 9 || { echo waiting; flock 9 || exit; }
  echo locked
  exec cat >/dev/null`;

/**
 * Runs a task while holding a lock between processes. The kernel holds it (flock), for a child that ends with us: a
 * process that is killed leaves no stale lock.
 *
 * @param file what the lock is on: a file, made when there is none, or a folder
 * @param onWait called once when somebody else holds the lock
 */
export async function withLock<T>(file: string, task: () => Promise<T>, onWait?: () => void): Promise<T> {
  await mkdir(dirname(file), { recursive: true });
  const holder = spawn("sh", ["-c", holdLock, file], { stdio: ["pipe", "pipe", "inherit"] });
  try {
    await new Promise<void>((resolve, reject) => {
      holder.once("error", reject);
      holder.once("exit", (code) => reject(new Error(`flock ${file} ended with ${code}`)));
      createInterface(holder.stdout).on("line", (line) => (line === "locked" ? resolve() : onWait?.()));
    });
    return await task();
  } finally {
    holder.removeAllListeners("exit");
    holder.stdin.end();
  }
}
