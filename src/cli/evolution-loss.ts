import { randomBytes } from "node:crypto";
import type { DatabaseStatus, Running } from "../evolve/databases.js";
import type { Evolution } from "../evolve/plan.js";
import type { Settings } from "../settings/schema.js";
import { topologyOf } from "../../stacks/index.js";
import { machineNamed } from "../topology/topology.js";
import { cloudAccess } from "./cloud-access.js";
import { sshAccess } from "./commands/ssh.js";
import { type DatabaseSide, MachineSilent } from "./database-side.js";
import { CliError, ExitCode } from "./errors.js";
import { backupStep, type Progress, settleStep, sidesOf } from "./evolution-steps.js";
import { deleteServer, liftProtection, listLabelled } from "./hetzner-api.js";
import type { Session } from "./session.js";
import type { Step } from "./steps.js";

/**
 * In the middle of a move the old database is lost for good: its copy takes over with what it has. So that there are
 * never two, the old one's server is deleted first, or its database ended where the server still answers.
 */
export function lossSteps(evolution: Evolution, settings: Settings): Step<Progress>[] {
  const { to, moves } = evolution;
  if (!moves || (settings.joining !== to && settings.stage !== to)) {
    throw new CliError(
      `no database is on its way to stage ${to}`,
      "There is nothing to accept. A database that is lost at any other time: ./dukaan restore --latest",
      ExitCode.refused,
    );
  }
  const settled = [settleStep(evolution), backupStep(evolution, "backup-after")];
  if (settings.stage === to) return settled;
  return [
    {
      title: `The database of ${moves.from} is lost, ${moves.to} takes over`,
      run: async (context, report) => {
        const { source, target, pools, host } = sidesOf(
          evolution,
          settings,
          await sshAccess(context.session!),
        );
        const next = await standbyOf(target);
        const old = await source.status().catch((error: unknown) => {
          if (error instanceof MachineSilent) return undefined;
          throw error;
        });
        await requireLost(source, old, to);
        context.lost = whatIsLost(moves, next);
        report(context.lost);
        if (old === undefined) {
          report(`deleting the server of ${moves.from}, so that it cannot come back`);
          const { hostname } = machineNamed(topologyOf(settings), moves.from);
          await deleteMachine(context.session!, hostname);
        } else if (old.state === "stopped") {
          // It fails to end cleanly, which is why we are here; what counts is that it does not start again.
          await source.step("fence", randomBytes(8).toString("hex")).catch(() => undefined);
          if ((await source.status()).state !== "fenced") throw stillThere(source, to);
        }
        await target.step("promote");
        const answering = pools.filter(({ machine }) => machine !== moves.from || old !== undefined);
        await Promise.all(answering.map((pool) => pool.step("lead", host)));
      },
    },
    ...settled,
  ];
}

/** @throws CliError unless the target may take over */
async function standbyOf(target: DatabaseSide): Promise<Running> {
  let next = await target.status();
  if (next.state === "stopped" && next.standby) {
    await target.step("start");
    next = await target.status();
  }
  if (next.state === "standby" || (next.state === "primary" && next.asked)) return next;
  throw new CliError(
    `the database of ${target.machine} is ${next.state}: it is no copy that could take over`,
    "Bring the shop back from its backups: docs/runbooks/restore.md",
    ExitCode.refused,
  );
}

/** @throws CliError (refused) when the old database can still be moved without losing anything */
async function requireLost(source: DatabaseSide, old: DatabaseStatus | undefined, to: string): Promise<void> {
  if (old === undefined || old.state === "none") return;
  if (old.state === "stopped") {
    const started = await source.step("start").then(
      () => true,
      () => false,
    );
    if (!started) return;
  }
  throw stillThere(source, to);
}

function stillThere({ machine }: DatabaseSide, to: string): CliError {
  return new CliError(
    `${machine} answers and has its database: nothing needs to be lost`,
    `Go on with ./dukaan evolve ${to}, or undo the move with ./dukaan evolve ${to} --abort.`,
    ExitCode.refused,
  );
}

/** What a person has to know before it is accepted, and afterwards. */
function whatIsLost(moves: { from: string; to: string }, { position, lastCommit, heard }: Running): string {
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

/** @param hostname the server's name in the cloud */
async function deleteMachine(session: Session, hostname: string): Promise<void> {
  const access = await cloudAccess(session);
  const label = `dukaan-stack==${session.stack.name}`;
  const server = (await listLabelled(access, "servers", label)).find(({ name }) => name === hostname);
  if (!server) return;
  await liftProtection(access, "servers", String(server.id));
  await deleteServer(access, server, label);
}
