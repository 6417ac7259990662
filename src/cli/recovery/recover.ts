import { CliError, ExitCode } from "../errors.js";
import { isOnAws } from "../aws-stack.js";
import { cloudAccess } from "../cloud-access.js";
import { powerOn, untilRunning } from "../hetzner-api.js";
import type { Session } from "../session.js";
import { untilSshAnswers } from "../ssh-answers.js";
import { adopt } from "./adopt.js";
import { compareWithCloud, type Orphan } from "./orphans.js";
import { exportState, importState, isOfCloud, type PendingOperation, refresh } from "./state.js";

/** Each round may reveal more: a subnet is only comparable once its network is known. Network, subnet, server, interface. */
const mostRounds = 5;

/** For a server that was off until it can be asked anything. */
const mostBootSeconds = 60;

/**
 * Mends what an interrupted run left: operations whose end nobody saw, resources that were made but not recorded, servers
 * that are off. Asks the cloud, and changes nothing when there is nothing to mend.
 * @returns what was mended, a line each
 */
export async function recover(session: Session, report: (message: string) => void): Promise<string[]> {
  const { pulumi, stack } = session;
  const onAws = await isOnAws(stack);
  // Before anything is written: a token that is missing.
  const access = onAws ? undefined : await cloudAccess(session);
  const done: string[] = [];
  const note = (line: string) => {
    done.push(line);
    report(line);
  };

  let state = await exportState(pulumi);
  const pending = state.deployment.pending_operations ?? [];
  if (pending.length > 0) {
    state.deployment.pending_operations = [];
    await importState(pulumi, state);
    await lookAgain(session, pending);
    state = await exportState(pulumi);
    note(`settled ${pending.length} interrupted ${pending.length === 1 ? "operation" : "operations"}`);
    if (onAws) for (const line of maybeTwice(pending, stack.name)) note(line);
  }
  if (!access) return done;

  for (let round = 0; round < mostRounds; round++) {
    const { orphans, servers, known, missing } = await compareWithCloud(
      access,
      stack.name,
      state.deployment.resources ?? [],
    );
    for (const server of servers) {
      if (server.status === "running") continue;
      report(`server ${server.name} is ${server.status}: waiting until it runs`);
      if (server.status === "off") {
        await powerOn(access, server);
        note(`switched server ${server.name} on`);
      } else await untilRunning(access, server);
      // One without goes on as fast as it can; its IPv6 address is not always one that this computer reaches.
      const { ipv4 } = server.public_net;
      if (ipv4) await untilSshAnswers(ipv4.ip, mostBootSeconds);
    }
    if (missing.length > 0 && round === 0) {
      // Reading them one by one is what decides: a label may have been taken off by hand.
      await refresh(pulumi, missing);
      state = await exportState(pulumi);
      const left = new Set(state.deployment.resources?.map(({ urn }) => urn));
      const gone = missing.filter((urn) => !left.has(urn)).map((urn) => urn.split("::").slice(-2).join(" "));
      if (gone.length > 0) note(`gone from the cloud, to be made anew: ${gone.map(shortName).join(", ")}`);
    }
    if (orphans.length === 0) break;
    if (known === 0 && pending.length === 0) throw strange(session, orphans);
    report(`adopting ${orphans.map(({ title }) => title).join(", ")}`);
    const adopted = await adopt(pulumi, orphans);
    for (const { title } of adopted) note(`adopted ${title}, which an interrupted run had made`);
    if (adopted.length > 0) {
      state = await exportState(pulumi);
      continue;
    }
    for (const { title } of orphans) {
      note(`${title} bears this stack's label, but is no part of it: delete it if you do not need it`);
    }
    break;
  }
  return done;
}

/** "dukaan:index:Machine$hcloud:index/server:Server app-1" → "Server app-1" */
function shortName(name: string): string {
  return name.split(":").at(-1) ?? name;
}

/** What was being changed or deleted in the cloud may be so or so: the cloud knows. */
async function lookAgain(session: Session, pending: readonly PendingOperation[]): Promise<void> {
  const urns = pending
    .filter(({ type, resource }) => type !== "creating" && isOfCloud(resource.type))
    .map(({ resource }) => resource.urn);
  if (urns.length > 0) await refresh(session.pulumi, urns);
}

/** Orphans are looked for at Hetzner alone. */
function maybeTwice(pending: readonly PendingOperation[], stack: string): string[] {
  const making = pending.filter(({ type, resource }) => type === "creating" && isOfCloud(resource.type));
  if (making.length === 0) return [];
  const names = making.map(({ resource }) => shortName(resource.urn.split("::").slice(-2).join(" ")));
  return [
    `being made when the run was cut off, and perhaps there without the stack's knowing: ${names.join(", ")}. See: aws resourcegroupstaggingapi get-resources --tag-filters Key=dukaan-stack,Values=${stack}`,
  ];
}

/** Nothing in the cloud is known to the state: they were made with another one, and may well hold data. */
function strange({ stack, cloud }: Session, orphans: readonly Orphan[]): CliError {
  return new CliError(
    `the cloud has resources of a stack "${stack.name}" that this stack's state does not know: ${orphans.map(({ title }) => title).join(", ")}`,
    cloud
      ? "The state's folder was lost or is another one (DUKAAN_STATE). Set it back, or remove the local cloud with all that is on it: ./dukaan down"
      : "Use the state that they were made with (pulumi login), give this stack another name, or delete them in the Hetzner console.",
    ExitCode.refused,
  );
}
