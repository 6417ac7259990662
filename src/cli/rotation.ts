import { CliError } from "./errors.js";
import { askMachine, lostSoon, runOnMachine, sshAccess } from "./commands/ssh.js";
import type { Session } from "./session.js";

/** Says to the balancers whether to send requests to its machine; see src/roles/nginx/rotation.sh. */
const rotation = "/usr/local/lib/dukaan/rotation";
/** On a balancer with a floating address; see src/roles/keepalived/balancer-address.py. */
const balancer = "/usr/local/lib/dukaan/balancer-address";

/**
 * Takes a server out of the balancers' rotation, and waits until it has finished what it was asked. It comes back by itself
 * after ten minutes. A machine that is no app server, has no balancers or is lost is left as it is.
 * @throws CliError when the machine answers and is not taken out
 */
export async function leaveRotation(
  session: Session,
  machine: string,
  report: (message: string) => void,
): Promise<void> {
  report(`taking ${machine} out of rotation`);
  // An older program knows no step that waits.
  const answer = await ask(
    session,
    machine,
    `${rotation} drain 600 || { [ $? -eq 64 ] && ${rotation} leave 600; }`,
  );
  if (answer === undefined || answer.exitCode === 0 || answer.exitCode === 255) return;
  throw new CliError(
    `${machine} was not taken out of rotation: ${(answer.stderr || answer.stdout).trim() || `exit code ${answer.exitCode}`}`,
    `Look at it (./dukaan ssh ${machine} -- ${rotation} drain 600), then run the same command again. It serves on.`,
  );
}

/** Puts it back at once; one that does not answer comes back by itself. */
export async function joinRotation(session: Session, machine: string): Promise<void> {
  await ask(session, machine, `${rotation} join seen`);
}

/**
 * Waits until a server that was off serves again: an app server with requests, a balancer that could take the address.
 * @throws CliError when it does not within three minutes
 */
export async function awaitInRotation(session: Session, machine: string): Promise<void> {
  const access = await sshAccess(session);
  const target = access.targets[machine];
  if (target === undefined) return;
  const deadline = performance.now() + 180_000;
  while ((await askMachine(access, target, ["true"], lostSoon(access))).exitCode !== 0) {
    if (performance.now() > deadline)
      throw new CliError(
        `${machine} does not answer three minutes after it was switched on`,
        "Look at it in the cloud's console, then run ./dukaan up again: the others have not been touched.",
      );
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
  // Each is on its kind of machine alone, and knows this step unless it is of an earlier version.
  const command = `if [ -x ${rotation} ]; then ${rotation} await 180 || [ $? -eq 64 ] || exit 1; fi
    if grep -qs could_take ${balancer}; then ${balancer} await 180; fi`;
  await runOnMachine(access, target, ["sh", "-c", command], lostSoon(access));
}

/** What an app server with balancers says to it; undefined: the machine is none. */
async function ask(session: Session, machine: string, command: string) {
  const access = await sshAccess(session);
  const target = access.targets[machine];
  if (target === undefined || !access.services["api"]?.includes(machine)) return undefined;
  return await askMachine(
    access,
    target,
    ["sh", "-c", `[ ! -x ${rotation} ] || { ${command}; }`],
    lostSoon(access),
  );
}
