import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { DatabaseStatus, Reserved, Running } from "../evolve/databases.js";
import type { Evolution } from "../evolve/plan.js";
import type { Settings } from "../settings/schema.js";
import { serverOf } from "./cloud-access.js";
import { keepConnections, sshAccess } from "./commands/ssh.js";
import { MachineBusy, MachineSilent, type Side, type Steps } from "./database-side.js";
import type { Carry } from "./database-copy.js";
import { CliError, ExitCode } from "./errors.js";
import { backupStep, type Progress, settleStep, sidesOf } from "./evolution-steps.js";
import { deleteServer, liftProtection } from "./hetzner-api.js";
import type { Session } from "./session.js";
import type { Step } from "./steps.js";

/** What was found of a database that is said to be lost. */
export interface Loss {
  /** "silent": its machine is gone, or has not answered for minutes; "stopped": it fails when it is started. */
  old: "silent" | "stopped" | "none";
  /** What a person has to know before it is accepted, and afterwards. */
  told: string;
}

/** The server of the database that is said to be lost. */
export interface LostServer {
  /** Whether its cloud still has it. */
  isThere(): Promise<boolean>;
  /** Deletes it where it is there, and waits until it is gone. */
  delete(): Promise<void>;
}

interface Asked {
  /** The database moves by the book. */
  byBook: boolean;
  /** The stage that the stack is on its way to. */
  to: string;
  report: (message: string) => void;
  /** How long a server that is there may take until it answers, in milliseconds. @default 180000 */
  patience?: number;
  /** How often it is asked, in milliseconds. @default 5000 */
  interval?: number;
}

/**
 * In the middle of a move the old database is lost for good: its copy takes over with what it has. So that there are
 * never two, the old one's server is deleted first, or its database ended where the server still answers.
 * @returns what is looked at, which changes nothing; then, once somebody has accepted `Progress.loss`, what is done
 */
export function lossSteps(
  evolution: Evolution,
  settings: Settings,
): { look: Step<Progress>[]; steps: Step<Progress>[] } {
  const { to, moves } = evolution;
  if (!moves || (settings.joining !== to && settings.stage !== to)) {
    throw new CliError(
      `no database is on its way to stage ${to}`,
      "There is nothing to accept. A database that is lost at any other time: ./dukaan restore --latest",
      ExitCode.refused,
    );
  }
  const byBook = evolution.playbook === "book";
  const settled = [settleStep(evolution), backupStep(evolution, "backup-after")];
  if (settings.stage === to) return { look: [], steps: settled };
  const withSides = async (
    session: Session,
    work: (sides: ReturnType<typeof sidesOf>, server: LostServer) => Promise<void>,
  ) => {
    const access = await keepConnections(await sshAccess(session));
    try {
      await work(sidesOf(evolution, settings, access), lostServer(session, moves.from));
    } finally {
      await access.close();
    }
  };
  const look: Step<Progress> = {
    title: `Looked whether the database of ${moves.from} is lost`,
    run: async (context, report) =>
      withSides(context.session!, async (sides, server) => {
        context.loss = await lookAtLoss(sides, server, { to, byBook, report });
        report(context.loss.told);
      }),
  };
  const takeOver: Step<Progress> = {
    title: `The database of ${moves.from} is lost, ${moves.to} takes over`,
    run: async (context, report) =>
      withSides(context.session!, async (sides, server) =>
        takeOverAlone(sides, server, context.loss!, { to, byBook, report }),
      ),
  };
  return { look: [look], steps: [takeOver, ...settled] };
}

/**
 * Finds out whether the old database is lost, and what is lost with it. Changes nothing, but starts what does not run.
 * @throws CliError (refused) when nothing needs to be lost, or nothing could take over
 */
export async function lookAtLoss(
  { source, target }: Pick<Carry, "source" | "target">,
  server: LostServer,
  asked: Asked,
): Promise<Loss> {
  const next = await copyOn(target, asked.byBook);
  const found = await lookPatiently(source, server, asked);
  const old = found === "silent" ? found : found.state;
  if (old !== "silent" && old !== "none" && old !== "stopped") throw stillThere(source, asked.to);
  if (old === "stopped") {
    await requireFailed(source, asked.to);
    if (next.state === "reserved") throw wroteSince(source, target);
  }
  return {
    old,
    told: whatIsLost({ from: source.machine, to: target.machine }, next, asked.byBook),
  };
}

/**
 * Makes sure that the old database never comes back, and lets its copy take over.
 * @throws CliError (refused) when the old database has come back since it was looked at; nothing was changed then
 */
export async function takeOverAlone(
  sides: Pick<Carry, "source" | "target" | "pools" | "host" | "copying" | "fronts">,
  server: LostServer,
  loss: Loss,
  { to, byBook, report }: Asked,
): Promise<void> {
  const { source, target, pools, host, copying, fronts } = sides;
  // Whoever was asked may have taken his time.
  const now = await statusOrSilent(source);
  if ((now === "silent" ? now : now.state) !== loss.old) throw stillThere(source, to);
  await copyOn(target, byBook);
  if (loss.old === "silent") {
    report(`deleting the server of ${source.machine}, so that it cannot come back`);
    await server.delete();
  } else if (loss.old === "stopped") {
    try {
      await source.step("fence", randomBytes(8).toString("hex"));
    } catch (error) {
      // It fails to end cleanly, which is why we are here; what counts is that it does not start again.
      if ((await source.status()).state !== "fenced") throw error;
    }
  }
  await (byBook ? copying.target.step("open") : target.step("promote"));
  const answers = ({ machine }: Steps) => machine !== source.machine || loss.old !== "silent";
  await Promise.all(pools.filter(answers).map((pool) => pool.step("lead", host)));
  if (byBook) await Promise.all(fronts.filter(answers).map((front) => front.step("off")));
}

/** Starts it where it does not run. @throws CliError unless the target may take over, and can */
async function copyOn(target: Side, byBook: boolean): Promise<Running | Reserved> {
  let next = await target.status();
  if (next.state === "stopped" && next.standby) {
    await target.step("start");
    next = await target.status();
  }
  if (next.state === "standby" || (next.state === "primary" && next.asked)) return next;
  if (byBook && next.state === "reserved" && next.accepted !== null) {
    if (next.system === undefined) throw doesNotSay(target);
    await target.step("start");
    return next;
  }
  throw new CliError(
    `the database of ${target.machine} is ${next.state}: it is no copy that could take over`,
    "Bring the shop back from its backups: docs/runbooks/restore.md",
    ExitCode.refused,
  );
}

/** A server that was switched on a moment ago, or is short of something, answers late: one silence is no loss. */
async function lookPatiently(
  source: Side,
  server: LostServer,
  { report, patience = 180_000, interval = 5000 }: Asked,
): Promise<DatabaseStatus | "silent"> {
  const deadline = performance.now() + patience;
  for (;;) {
    const status = await statusOrSilent(source);
    if (status !== "silent" || performance.now() > deadline || !(await server.isThere())) return status;
    const seconds = Math.round((deadline - performance.now()) / 1000);
    report(
      `the cloud has the server of ${source.machine}, which does not answer: asking for ${seconds} s more`,
    );
    await sleep(interval);
  }
}

async function statusOrSilent(source: Side): Promise<DatabaseStatus | "silent"> {
  try {
    return await source.status();
  } catch (error) {
    if (error instanceof MachineSilent) return "silent";
    throw error;
  }
}

/** @throws CliError (refused) unless a database that does not run fails when it is started */
async function requireFailed(source: Side, to: string): Promise<void> {
  try {
    await source.step("start");
  } catch (error) {
    if (error instanceof MachineSilent || error instanceof MachineBusy) throw error;
    const now = await source.status();
    if (now.state === "stopped" && !now.starting) return;
    if (now.state === "stopped") throw stillRecovering(source);
  }
  throw stillThere(source, to);
}

/** What a version before this one left there opens only for who knows of which database it is. */
function doesNotSay({ machine }: Side): CliError {
  return new CliError(
    `the copy on ${machine} holds everything, but does not say of which database it is: an earlier version made it`,
    `Open it by hand, with the last "system-id" of its backups ("pgbackrest info --output=json" there), then run the same command again: ./dukaan ssh ${machine} -- /usr/local/lib/dukaan/copy-database open SYSTEM-ID`,
    ExitCode.refused,
  );
}

/** A copy that was not taken back when the old database was opened again. */
function wroteSince(source: Side, target: Side): CliError {
  return new CliError(
    `the database of ${source.machine} was opened again after it was copied: ${target.machine} lacks what came later`,
    "Bring the shop back from its backups: docs/runbooks/restore.md",
    ExitCode.refused,
  );
}

function stillThere({ machine }: Side, to: string): CliError {
  return new CliError(
    `${machine} answers and has its database: nothing needs to be lost`,
    `Go on with ./dukaan evolve ${to}, or undo the move with ./dukaan evolve ${to} --abort.`,
    ExitCode.refused,
  );
}

function stillRecovering({ machine }: Side): CliError {
  return new CliError(
    `the PostgreSQL of ${machine} is there and does not answer yet: it recovers, and loses nothing by that`,
    `Wait, and look at it: ./dukaan ssh ${machine} -- journalctl --identifier=postgresql --lines=20. If it never comes, delete its server at the cloud and run the same command again.`,
    ExitCode.refused,
  );
}

function whatIsLost(moves: { from: string; to: string }, next: Running | Reserved, byBook: boolean): string {
  if (byBook || next.state === "reserved")
    return `${moves.to} has all of the database of ${moves.from}, which accepted no write since before it was copied: nothing is lost`;
  const { position, lastCommit, heard } = next;
  const ago = (time: string) =>
    `${time} (${Math.max(0, Math.round((Date.now() - Date.parse(time)) / 1000))} s ago)`;
  return [
    `${moves.to} has what ${moves.from} had written up to ${position}`,
    lastCommit === null ? "" : `, its last transaction of ${ago(lastCommit)}`,
    heard === null
      ? ""
      : `; it last heard from ${moves.from} at ${ago(heard.at)}, when it was ${heard.behind} bytes behind`,
    "; what came later is lost",
  ].join("");
}

function lostServer(session: Session, machine: string): LostServer {
  return {
    isThere: async () => (await serverOf(session, machine)).server !== undefined,
    delete: async () => {
      const { access, server, label } = await serverOf(session, machine);
      if (!server) return;
      await liftProtection(access, "servers", String(server.id));
      await deleteServer(access, server, label);
    },
  };
}
