import { execa, ExecaError } from "execa";
import { HostError } from "./host.js";

/**
 * Runs a program of this computer to its end and returns what it printed.
 *
 * @param input text for its standard input
 * @param cancelSignal has the program asked to end (SIGTERM)
 * @throws HostError with the program's own message when it does not end with 0
 */
export async function run(
  program: string,
  args: string[],
  input = "",
  cancelSignal?: AbortSignal,
): Promise<string> {
  try {
    const { stdout } = await execa(program, args, {
      input,
      env: { LC_ALL: "C" },
      ...(cancelSignal && { cancelSignal }),
    });
    return stdout;
  } catch (error) {
    if (!(error instanceof ExecaError)) throw error;
    const said = (error.stderr || error.stdout || error.shortMessage).trim();
    throw new HostError(
      `${program} ${args.slice(0, 4).join(" ")} failed: ${said.split("\n").slice(-5).join("; ")}`,
      "If this goes on, `./dukaan local down` clears everything away and `./dukaan local up` starts afresh.",
      { cause: error },
    );
  }
}

/** As {@link run}, but a failure is an answer: false. */
export async function succeeds(program: string, args: string[]): Promise<boolean> {
  const { failed } = await execa(program, args, { reject: false, stdio: "ignore" });
  return !failed;
}
