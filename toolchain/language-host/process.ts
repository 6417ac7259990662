import { type ChildProcess, spawn, type StdioOptions } from "node:child_process";

/** What the engine is told about a program that has ended. */
export interface Ending {
  /** The exit code; undefined if a signal ended it. */
  code?: number;
  signal?: NodeJS.Signals;
}

const running = new Set<ChildProcess>();

/** Starts Node.js, this very executable, and resolves when it has ended. Rejects if it could not be started. */
export function runNode(
  args: string[],
  options: { cwd: string; env: NodeJS.ProcessEnv; stdio: StdioOptions; cancelled: AbortSignal },
  onStart: (child: ChildProcess) => void = () => undefined,
): Promise<Ending> {
  const { cwd, env, stdio, cancelled } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd, env, stdio });
    running.add(child);
    const stop = () => stopGently(child);
    cancelled.addEventListener("abort", stop, { once: true });
    child.once("error", reject);
    child.once("close", (code, signal) => {
      running.delete(child);
      cancelled.removeEventListener("abort", stop);
      resolve({ ...(code !== null && { code }), ...(signal !== null && { signal }) });
    });
    onStart(child);
  });
}

/** Asks the program to end, and ends it if it has not after five seconds, as Pulumi's own language host does. */
function stopGently(child: ChildProcess): void {
  child.kill("SIGINT");
  setTimeout(() => child.kill("SIGKILL"), 5_000).unref();
}

/** Ends every program at once: the engine is gone and nobody waits for them. */
export function stopPrograms(): void {
  for (const child of running) child.kill("SIGKILL");
}
