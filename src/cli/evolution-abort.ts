import { randomBytes } from "node:crypto";
import type { DatabaseStatus, Fenced } from "../evolve/databases.js";
import type { Evolution } from "../evolve/plan.js";
import type { Settings } from "../settings/schema.js";
import { sshAccess } from "./commands/ssh.js";
import { type Carry, reopen } from "./database-copy.js";
import { hasDatabase } from "./database-side.js";
import { CliError, ExitCode } from "./errors.js";
import { hasDatabaseBeside, hasServer, leftBeside } from "./evolution.js";
import { type Progress, sidesOf, upStep } from "./evolution-steps.js";
import type { Step } from "./steps.js";

/** Back to the stage before, as long as the other database has not taken over. */
export function abortSteps(
  evolution: Evolution,
  settings: Settings,
  { acceptDataLoss = false }: { acceptDataLoss?: boolean } = {},
): Step<Progress>[] {
  const { from, to } = evolution;
  return [
    {
      title: "The other database has not taken over",
      run: async ({ session }, _report, retitle) => {
        if (settings.joining !== to) {
          const left =
            settings.leaving === undefined &&
            ((await leftBeside(session!, settings)).length > 0 ||
              (await hasDatabaseBeside(session!, settings)));
          if (left) {
            retitle("An earlier run was cut off while it undid the move");
            return;
          }
          throw new CliError(
            `nothing is on its way to ${to}`,
            settings.leaving === undefined
              ? "There is nothing to undo."
              : `The stack has moved. To go back: ./dukaan evolve ${to} --finish, then ./dukaan evolve ${from}.`,
            ExitCode.refused,
          );
        }
        const access = await sshAccess(session!);
        const sides = sidesOf(evolution, settings, access);
        const { machine } = sides.target;
        // A server that the cloud no longer has cannot take over, but may have.
        const there = await hasServer(session!, machine);
        if (!there && !acceptDataLoss) await requireUnused(sides, to);
        await undoMove(sides, {
          other: there && (await hasDatabase(access, machine)),
          byBook: evolution.playbook === "book",
          to,
        });
      },
    },
    upStep(`Stage ${from} (pulumi up)`, { stage: from }),
  ];
}

/**
 * First the other database is gone for good, which it refuses once it was asked to take over; then the old one may accept
 * writes again. The other one is not touched before it is known that the old one can go on. Whoever is cut off here calls
 * it again.
 * @param options `other`: there may be another database; `byBook`: that is how the move went, with the shop closed; `to`:
 *   the stage that the stack is on its way to
 * @throws CliError when the other one may have taken over, or may be all that there is
 */
export async function undoMove(
  sides: Pick<Carry, "source" | "target" | "copying" | "fronts">,
  { other, byBook, to }: { other: boolean; byBook: boolean; to: string },
): Promise<void> {
  const { source, target } = sides;
  if (other) {
    await requireOld(sides, to);
    await target.step("forget");
  }
  const status = await source.status();
  if (status.state === "fenced") await source.step("unfence", status.by);
  if (byBook) await reopen(sides);
}

/** @throws CliError (refused) unless the old database is whole, and would accept writes again */
async function requireOld(sides: Pick<Carry, "source" | "target">, to: string): Promise<void> {
  const { source, target } = sides;
  let old = await source.status();
  if (old.state === "fenced" && !old.clean) {
    await putBack(sides, old, to);
    old = await source.status();
  }
  // What says that it is read-only is a mark, which a database that is broken has as well.
  if ((old.state === "stopped" && !old.standby) || old.state === "read-only") {
    await source.step("start");
    old = await source.status();
  }
  if (old.state === "primary" || old.state === "read-only" || (old.state === "fenced" && old.clean)) return;
  throw new CliError(
    `the database of ${source.machine} is ${old.state}: the copy on ${target.machine} may be all that there is of it, and was not removed`,
    `Look at both: ./dukaan ssh ${source.machine} -- /usr/local/lib/dukaan/database status. If that one is lost for good: ./dukaan evolve ${to} --accept-data-loss`,
    ExitCode.refused,
  );
}

/** One that was cut off while it ended may not start any more: it does so before its copy is removed. */
async function putBack(
  { source, target }: Pick<Carry, "source" | "target">,
  old: Fenced,
  to: string,
): Promise<void> {
  // A run that is ending it at this very moment is waited for; from then on it is ours to undo.
  const run = randomBytes(8).toString("hex");
  await source.step("adopt", run, old.by);
  const [now, next] = [await source.status(), await target.status()];
  if (now.state !== "fenced" || now.clean) return;
  if (mayHaveTakenOver(next)) {
    throw new CliError(
      `${target.machine} has taken over from ${source.machine}, or may at any time`,
      `Go on with ./dukaan evolve ${to}.`,
      ExitCode.refused,
    );
  }
  await source.step("unfence", run);
}

function mayHaveTakenOver(next: DatabaseStatus): boolean {
  if (next.state === "reserved") return next.accepted !== null;
  return next.state === "primary" || ("asked" in next && next.asked);
}

/** @throws CliError (refused) when queries may have been led to a database that is gone now: it had orders of its own */
export async function requireUnused(
  { source, target, pools, host }: Pick<Carry, "source" | "target" | "pools" | "host">,
  to: string,
): Promise<void> {
  if ((await source.status()).state !== "fenced") return;
  // A pool on the machine that is gone cannot tell any more.
  const known = pools.every(({ machine }) => machine !== target.machine);
  if (known) {
    const places = await Promise.all(pools.map((pool) => pool.step("where")));
    if (places.length > 0 && !places.includes(host)) return;
  }
  throw new CliError(
    `the server of ${target.machine} is gone, and the database of ${source.machine} has ended: what was ordered since may be on ${target.machine} alone`,
    `If its volume is left: make the server anew with plain pulumi up (./dukaan env), then ./dukaan evolve ${to}. If it is lost for good: ./dukaan evolve ${to} --abort --accept-data-loss opens the shop on ${source.machine}; what ${target.machine} had sent to the backups, ./dukaan restore --latest brings back (docs/runbooks/restore.md).`,
    ExitCode.refused,
  );
}
