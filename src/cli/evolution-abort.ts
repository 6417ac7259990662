import type { Evolution } from "../evolve/plan.js";
import type { Settings } from "../settings/schema.js";
import { sshAccess } from "./commands/ssh.js";
import { type Carry, reopen } from "./database-copy.js";
import { hasDatabase } from "./database-side.js";
import { CliError, ExitCode } from "./errors.js";
import { hasDatabaseBeside, hasServer, serversBeside } from "./evolution.js";
import { type Progress, sidesOf, upStep } from "./evolution-steps.js";
import type { Step } from "./steps.js";

/** Back to the stage before, as long as the other database has not taken over. */
export function abortSteps(evolution: Evolution, settings: Settings): Step<Progress>[] {
  const { from, to } = evolution;
  return [
    {
      title: "The other database has not taken over",
      run: async ({ session }, _report, retitle) => {
        if (settings.joining !== to) {
          const left =
            settings.leaving === undefined &&
            ((await serversBeside(session!, settings)).length > 0 ||
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
        // A server that the cloud no longer has cannot take over; another one may get its volume.
        const there = await hasServer(session!, machine);
        if (!there && settings.databaseVolume !== undefined) await requireOpen(sides, to);
        await undoMove(sides, {
          other: there && (await hasDatabase(access, machine)),
          byBook: evolution.playbook === "book",
        });
      },
    },
    upStep(`Stage ${from} (pulumi up)`, { stage: from }),
  ];
}

/**
 * First the other database is gone for good, which it refuses once it was asked to take over; then the old one may accept
 * writes again. Whoever is cut off here calls it again.
 * @param options `other`: there may be another database; `byBook`: that is how the move went, with the shop closed
 * @throws CliError when that one may have taken over
 */
export async function undoMove(
  sides: Pick<Carry, "source" | "target" | "copying" | "fronts">,
  { other, byBook }: { other: boolean; byBook: boolean },
): Promise<void> {
  const { source, target } = sides;
  if (other) await target.step("forget");
  const status = await source.status();
  if (status.state === "fenced") await source.step("unfence", status.by);
  if (byBook) await reopen(sides);
}

/** @throws CliError (refused) when the old database has ended: what is on the volume may have gone on from there */
async function requireOpen({ source, target }: Pick<Carry, "source" | "target">, to: string): Promise<void> {
  if ((await source.status()).state !== "fenced") return;
  throw new CliError(
    `the server ${target.machine} is gone, but not its volume: its database may have taken over, and hold orders`,
    `Make the server anew on its volume with plain pulumi up (./dukaan env), then ./dukaan evolve ${to}.`,
    ExitCode.refused,
  );
}
