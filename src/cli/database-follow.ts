import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type DatabaseStatus, nextStep } from "../evolve/databases.js";
import type { Side, Steps } from "./database-side.js";
import { CliError, ExitCode } from "./errors.js";

export interface Follow {
  source: Side;
  target: Side;
  pools: readonly Steps[];
  /** Makes the target's database a copy of the source's once more. */
  copyAnew: () => Promise<unknown>;
  report: (message: string) => void;
  /** How long a standby may take until it receives, in milliseconds. @default 20000 */
  patience?: number;
}

/**
 * Puts back the old database where a run was cut off while it ended it, so that the move begins anew.
 * @returns whether the old database has ended for good
 */
export async function putBack({ source, target, pools, report }: Follow): Promise<boolean> {
  const old = await source.status();
  if (old.state !== "fenced") return false;
  if (nextStep(old, await target.status()).go !== "put back") return true;
  // A run that is ending it at this very moment is waited for; from then on it is ours to undo.
  const run = randomBytes(8).toString("hex");
  await source.step("adopt", run, old.by);
  const [now, next] = [await source.status(), await target.status()];
  if (now.state !== "fenced") return false;
  if (nextStep(now, next).go !== "put back") return true;
  report(`${source.machine} was being ended by a run that was cut off: putting it back`);
  await source.step("unfence", run);
  await Promise.all(pools.map((pool) => pool.step("resume")));
  return false;
}

/**
 * Waits until the standby receives what the old database writes; starts what does not run, and copies the database once
 * more where the standby can never follow again.
 * @throws CliError with PostgreSQL's own words when it does not follow
 */
export async function untilFollows(follow: Follow): Promise<void> {
  const { source, target, copyAnew, report, patience = 20_000 } = follow;
  let deadline = performance.now() + patience;
  let copied = false;
  for (;;) {
    const [old, next] = await Promise.all([source.status(), target.status()]);
    const step = nextStep(old, next);
    if (step.go === "switch" || step.go === "take over" || step.go === "lead") return;
    if (step.go === "refuse") throw refused(follow, step.why);
    if (step.go === "start") {
      const side = step.which === "source" ? source : target;
      report(`starting the database of ${side.machine}`);
      await side.step("start");
    } else if (
      !copied &&
      (step.go === "copy anew" || (performance.now() > deadline && hasFallenOff(old, next)))
    ) {
      const why = step.go === "copy anew" ? step.why : "it is on another timeline";
      report(`${target.machine} can no longer follow (${why}): copying the database once more`);
      await copyAnew();
      copied = true;
      deadline = performance.now() + patience;
    } else if (performance.now() > deadline) {
      throw await notFollowing(follow);
    } else {
      report(`waiting until ${target.machine} receives what ${source.machine} writes`);
      await sleep(500);
    }
  }
}

/** What to throw when a standby does not receive, or no longer: with PostgreSQL's own words. */
export async function notFollowing({ source, target }: Pick<Follow, "source" | "target">): Promise<CliError> {
  const said = await target.step("problem");
  return new CliError(
    `${target.machine} receives nothing from ${source.machine}${said === "" ? "" : `; its PostgreSQL says: ${said}`}`,
    "Mend the cause (its disk, the network between both) and run the same command again, or undo the move with --abort. The shop is not affected.",
  );
}

/** @throws never; what it returns names both machines and where to look */
export function refused({ source, target }: Pick<Follow, "source" | "target">, why: string): CliError {
  return new CliError(
    `${why} (${source.machine} → ${target.machine}): this is not the way to a switch`,
    `Look at both: ./dukaan ssh ${source.machine} -- /usr/local/lib/dukaan/database status; what to do then: docs/runbooks/evolve.md`,
    ExitCode.refused,
  );
}

/** A standby follows a primary to a newer timeline, unless it has gone on beyond where that one began. */
function hasFallenOff(old: DatabaseStatus, next: DatabaseStatus): boolean {
  return old.state === "primary" && next.state === "standby" && old.timeline !== next.timeline;
}
