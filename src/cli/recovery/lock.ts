import { readdir, readFile, rm } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { CliError, ExitCode } from "../errors.js";
import type { StackContext } from "../stack.js";

/** What Pulumi's file backend writes into a lock file. */
interface Lock {
  pid: number;
  hostname: string;
  username: string;
  timestamp: string;
}

/**
 * Removes locks whose process is gone. Only of a stack with a backend of its own: others have lease times or an owner
 * elsewhere.
 * @returns whether there were any
 * @throws CliError when a run is really at work
 */
export async function removeStaleLocks(stack: StackContext): Promise<boolean> {
  if (!stack.local) return false;
  const folder = join(stack.directory, "backend", ".pulumi", "locks", "organization", "dukaan", stack.name);
  const files = await readdir(folder).catch(() => []);
  for (const file of files) {
    const lock = await readLock(join(folder, file));
    if (lock && (await isHeld(lock))) throw inUse(stack, lock);
  }
  await Promise.all(files.map((file) => rm(join(folder, file), { force: true })));
  return files.some((file) => file.endsWith(".json"));
}

/** Undefined for what a crash cut off, and for the files of attributes beside the locks. */
async function readLock(file: string): Promise<Lock | undefined> {
  try {
    const lock = JSON.parse(await readFile(file, "utf8")) as Partial<Lock>;
    return typeof lock.pid === "number" ? (lock as Lock) : undefined;
  } catch {
    return undefined;
  }
}

async function isHeld(lock: Lock): Promise<boolean> {
  if (lock.hostname !== hostname()) return true;
  // Process ids are used again: only a Pulumi can hold a lock.
  const { stdout } = await execa("ps", ["-o", "stat=,comm=", "-p", String(lock.pid)], { reject: false });
  return stdout.includes("pulumi") && !stdout.trim().startsWith("Z");
}

function inUse(stack: StackContext, lock: Lock): CliError {
  const here = lock.hostname === hostname();
  return new CliError(
    `another run works on stack "${stack.name}": process ${lock.pid} of ${lock.username}${here ? "" : ` on ${lock.hostname}`}, since ${lock.timestamp.slice(0, 19)}Z`,
    here
      ? "Wait until it has ended, or end it with Ctrl-C where it runs; then start again."
      : `Wait until it has ended. If that computer is gone: eval "$(./dukaan env)" and run \`pulumi cancel\`.`,
    ExitCode.precondition,
  );
}
