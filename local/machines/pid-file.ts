import { readFileSync } from "node:fs";

/**
 * The process that a file names as "process id, start time", undefined when it does not run any more. Process ids are
 * used again; with its start time it is that process and no other.
 */
export async function processOf(pidFile: string): Promise<number | undefined> {
  const [pid, startTime] = readNow(pidFile).trim().split(" ");
  if (pid === undefined || startTime === undefined) return undefined;
  return (await startTimeOf(Number(pid))) === startTime ? Number(pid) : undefined;
}

/** When a running process was started, in the kernel's own count; undefined when there is none of that id. */
export async function startTimeOf(pid: number): Promise<string | undefined> {
  const status = readNow(`/proc/${pid}/stat`);
  const [state, ...fields] = status.slice(status.lastIndexOf(")") + 2).split(" ");
  // After its name a process has: state (field 3), …, start time (field 22). A zombie does not run.
  return state === "Z" ? undefined : fields[18];
}

/** Part of a shell script: the process, and what it turns into by `exec`, notes itself in the file `$PID_FILE`. */
export const NOTE_PID =
  'echo "$$ $(cut -d " " -f 22 /proc/$$/stat)" >"$PID_FILE.new" && mv "$PID_FILE.new" "$PID_FILE" || exit 91';

/**
 * A file of the kernel, or another one in memory; empty when there is none. Its content is there at once, and to have a
 * thread of the pool read it takes ten times as long: machines that idle are looked at all the time.
 */
export function readNow(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
