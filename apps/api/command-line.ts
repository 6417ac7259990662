import { EnvironmentError } from "./environment.js";

/** sysexits(3): the arguments are wrong. */
const EX_USAGE = 64;
/** sysexits(3): the configuration is wrong; starting again will not help. */
export const EX_CONFIG = 78;

/** The arguments are wrong; the message says what is. */
export class UsageError extends Error {
  override name = "UsageError";
}

/** What an error says; its name when it says nothing. */
export const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message || error.name : String(error);

/**
 * Runs a program of the service to its end and sets the exit status: 64 for wrong arguments, 78 for a wrong environment,
 * 1 for any other failure.
 * @param texts.usage printed with a wrong argument
 * @param texts.failed what stands before the message of a failure, e.g. "Seeding failed"
 * @param describe the message of a failure. @default its own
 */
export async function runProgram(
  main: () => Promise<void>,
  texts: { usage: string; failed: string },
  describe = messageOf,
): Promise<void> {
  try {
    await main();
  } catch (error) {
    if (error instanceof UsageError) {
      console.error(`${error.message}\n${texts.usage}`);
      process.exitCode = EX_USAGE;
    } else if (error instanceof EnvironmentError) {
      console.error(error.message);
      process.exitCode = EX_CONFIG;
    } else {
      console.error(`${texts.failed}: ${describe(error)}`);
      process.exitCode = 1;
    }
  }
}
