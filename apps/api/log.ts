import type { FastifyBaseLogger } from "fastify";
import { destination, pino, stdTimeFunctions } from "pino";

/** Bytes of lines that are written together. */
const TOGETHER = 4096;
/** How long a line may wait for others, in milliseconds. */
const PATIENCE = 100;

/**
 * The service's log: a line of JSON each, on standard output. Lines of the same moment are written together: under load a
 * write for each would take a fifth of this process's time. What ends the process without asking it (SIGKILL) takes the
 * last {@link PATIENCE} along.
 */
export function createLog(level: string, release: string | undefined): FastifyBaseLogger {
  const output = destination({ sync: true, minLength: TOGETHER, periodicFlush: PATIENCE });
  process.once("exit", () => output.flushSync());
  return pino(
    {
      level,
      base: { service: "api", release },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: describeError },
    },
    output,
  );
}

/** An error without its other properties: PostgreSQL's `detail` repeats the row, with a buyer's number in it. */
function describeError(error: unknown): object {
  if (!(error instanceof Error)) return { message: String(error) };
  const { name, message, stack } = error;
  return { name, message, stack, ...("code" in error && { code: error.code }) };
}
