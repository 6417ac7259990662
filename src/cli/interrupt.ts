import { ExitCode } from "./errors.js";

/** What an interrupt stops while it can be stopped in order; without one, we end at once. */
let stop: ((times: number) => void) | undefined;
let times = 0;

/** Ctrl-C, the end of a terminal and a service manager's stop all mean the same. */
export function handleInterrupts(): void {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      times++;
      if (stop) stop(times);
      else {
        process.stderr.write("\ninterrupted\n");
        process.exit(ExitCode.interrupted);
      }
    });
  }
}

/**
 * Lets work end in order when it is interrupted.
 * @param onInterrupt told of each interrupt, with how many there were
 */
export async function interruptible<T>(
  onInterrupt: (times: number) => void,
  work: () => Promise<T>,
): Promise<T> {
  stop = onInterrupt;
  try {
    return await work();
  } finally {
    stop = undefined;
  }
}
