import { CliError } from "./errors.js";
import { askMachine, runOnMachine, sshAccess } from "./commands/ssh.js";
import type { Session } from "./session.js";

/** Says to the balancers whether to send requests to its machine; see src/roles/nginx/rotation.sh. */
const program = "/usr/local/lib/dukaan/rotation";

/** A server that is lost does not answer. */
const patience = ["ConnectTimeout=5", "ServerAliveInterval=5", "ServerAliveCountMax=2"].flatMap((option) => [
  "-o",
  option,
]);

/**
 * Takes a server out of the balancers' rotation, and waits until it has finished what it was asked. It comes back by itself
 * after ten minutes. A machine that is no app server, has no balancers or is lost is left as it is.
 */
export async function leaveRotation(
  session: Session,
  machine: string,
  report: (message: string) => void,
): Promise<void> {
  report(`taking ${machine} out of rotation`);
  await ask(session, machine, ["drain", "600"]);
}

/** Puts it back at once. */
export async function joinRotation(session: Session, machine: string): Promise<void> {
  await ask(session, machine, ["join", "seen"]);
}

/**
 * Waits until a server that was off serves again, and has requests.
 * @throws CliError when it does not within three minutes
 */
export async function awaitInRotation(session: Session, machine: string): Promise<void> {
  const access = await sshAccess(session);
  const target = access.targets[machine];
  if (target === undefined) return;
  const deadline = Date.now() + 180_000;
  while ((await askMachine(access, target, ["true"], patience)).exitCode !== 0) {
    if (Date.now() > deadline)
      throw new CliError(
        `${machine} does not answer three minutes after it was switched on`,
        "Look at it in the cloud's console, then run ./dukaan up again: the others have not been touched.",
      );
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
  // One without balancers has no such program, and an older one not this step.
  const command = `if [ -x ${program} ]; then ${program} await 180 || [ $? -eq 64 ]; fi`;
  await runOnMachine(access, target, ["sh", "-c", command]);
}

async function ask(session: Session, machine: string, words: string[]): Promise<void> {
  const access = await sshAccess(session);
  const target = access.targets[machine];
  if (target === undefined || !access.services["api"]?.includes(machine)) return;
  const command = `if [ -x ${program} ]; then exec ${program} ${words.join(" ")}; fi`;
  await askMachine(access, target, ["sh", "-c", command], patience);
}
