import { runOnMachine, type SshAccess } from "./commands/ssh.js";

/**
 * How far a machine's clock is ahead of this computer's, in milliseconds. Right to half of the quickest of three answers,
 * so it wants a connection that is open already.
 * @throws CliError when the machine does not answer
 */
export async function clockOffset(access: SshAccess, target: string): Promise<number> {
  let best = { took: Infinity, offset: 0 };
  for (let i = 0; i < 3; i++) {
    const before = Date.now();
    const there = Number(await runOnMachine(access, target, ["date", "+%s.%N"])) * 1000;
    const took = Date.now() - before;
    if (took < best.took) best = { took, offset: there - (before + took / 2) };
  }
  return best.offset;
}
