import { spawn } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * Runs a task while holding a lock between processes. The kernel holds it (flock), for a child that ends with us: a
 * process that is killed leaves no stale lock.
 *
 * @param onWait called once when another process holds the lock
 */
export async function withLock<T>(file: string, task: () => Promise<T>, onWait?: () => void): Promise<T> {
  await mkdir(dirname(file), { recursive: true });
  const holder = spawn("flock", [file, "sh", "-c", "echo locked; exec cat >/dev/null"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const waiting = onWait === undefined ? undefined : setTimeout(onWait, 500);
  try {
    await new Promise<void>((resolve, reject) => {
      holder.once("error", reject);
      holder.once("exit", (code) => reject(new Error(`flock ${file} ended with ${code}`)));
      holder.stdout.once("data", () => resolve());
    });
    clearTimeout(waiting);
    return await task();
  } finally {
    clearTimeout(waiting);
    holder.removeAllListeners("exit");
    holder.stdin.end();
  }
}
