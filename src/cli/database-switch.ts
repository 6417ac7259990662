import { randomBytes } from "node:crypto";
import { nextStep } from "../evolve/databases.js";
import { says } from "../evolve/plan.js";
import { notFollowing, refused } from "./database-follow.js";
import type { Side, Steps } from "./database-side.js";
import { CliError } from "./errors.js";

export interface Switch {
  source: Side;
  target: Side;
  /** The pools through which the app asks. */
  pools: readonly Steps[];
  /** Where the pools find the new database: its private address, or the directory of its socket. */
  host: string;
  report: (message: string) => void;
}

export interface Switched {
  /** For how long queries were held back until they ran on the new database, in milliseconds. */
  pausedMillis: number;
  /** What of that each part took, in milliseconds; absent: an earlier run had begun. */
  parts?: Record<"hold" | "end" | "await" | "take-over" | "lead", number>;
  /** For how long they were held back before that, to take the moment at which tables are compared. */
  comparedMillis: number;
  /** The tables that were compared; absent: an earlier run had done so. */
  tables?: number;
}

/** The pools resume after this by themselves: before the app gives a query up, which it does after 5 s. */
export const longestPauseSeconds = 4;

/**
 * Leads all queries from one database to its standby. The order is what keeps the data whole: the old database is ended
 * for good before the new one is asked to take over. What fails before that is undone, by the run that did it; from then
 * on it only goes forward. Called again, it goes on from wherever another call was cut off.
 * @throws CliError when the target does not follow; see untilFollows
 */
export async function switchDatabase(move: Switch): Promise<Switched> {
  const { source, target, report } = move;
  const [old, next] = await Promise.all([source.status(), target.status()]);
  const step = nextStep(old, next);
  if (step.go === "lead") {
    report(says.lead);
    await onPools(move, "lead", move.host);
    return { pausedMillis: 0, comparedMillis: 0 };
  }
  const run = randomBytes(8).toString("hex");
  if (step.go === "take over") {
    report("going on where an earlier run stopped");
    // From here on no other run puts the old one back.
    await source.step("adopt", run, step.old.by);
    await takeOverFenced(move, run, step.old.ended);
    return { pausedMillis: 0, comparedMillis: 0 };
  }
  if (step.go === "refuse") throw refused(move, step.why);
  // It did a moment ago.
  if (step.go !== "switch") throw await notFollowing(move);

  const compared = await prepare(move);

  await onPools(move, "arm", String(longestPauseSeconds));
  report(says.hold);
  const started = performance.now();
  const parts = { hold: 0, end: 0, await: 0, "take-over": 0, lead: 0 };
  const timed = async <T>(part: keyof typeof parts, work: Promise<T>): Promise<T> => {
    const begun = performance.now();
    const result = await work;
    parts[part] = Math.round(performance.now() - begun);
    return result;
  };
  try {
    await timed("hold", onPools(move, "pause"));
    report(says.end);
    const ended = await timed("end", source.step("fence", run));
    await timed("await", target.step("await", ended));
  } catch (error) {
    throw await goBack(move, run, error);
  }
  report(says["take-over"]);
  // Once it was asked to take over it may do so at any time: there is no way back from here, only on.
  await timed("take-over", target.step("promote"));
  report(says.lead);
  await timed("lead", onPools(move, "lead", move.host));
  return { ...compared, parts, pausedMillis: performance.now() - started };
}

/**
 * Everything that takes time, while the shop is open.
 * @throws CliError with what the standby's PostgreSQL says, when it fell behind or down meanwhile
 */
async function prepare(move: Switch): Promise<Pick<Switched, "tables" | "comparedMillis">> {
  const { source, target, report } = move;
  try {
    report(says.compare);
    const compared = await compareTables(move);
    report(says.drain);
    await source.step("drain");
    // A standby that is behind is noticed before anybody waits for it.
    await target.step("await", await source.step("position"), "10");
    return compared;
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    const said = await target.step("problem").catch(() => "");
    if (said === "") throw error;
    throw new CliError(
      `${error.message}\nThe PostgreSQL of ${target.machine} says: ${said}`,
      `${error.remedy} Nothing was moved, and the shop is not affected.`,
      error.exitCode,
    );
  }
}

/** The old database was ended by an earlier run, which is gone. */
async function takeOverFenced(move: Switch, run: string, ended: string): Promise<void> {
  const { target, report } = move;
  try {
    await target.step("await", ended);
  } catch (error) {
    // That run may have asked it: only an answer says that it has not.
    const now = await target.status().catch(() => undefined);
    if (now?.state === "standby" && !now.asked) throw await goBack(move, run, error);
    throw error;
  }
  report(says["take-over"]);
  await target.step("promote");
  report(says.lead);
  await onPools(move, "lead", move.host);
}

/**
 * The target was not asked to take over, so the old database may go on; unless another run has ended it.
 * @returns the error to throw, with what could not be undone
 */
async function goBack(move: Switch, run: string, error: unknown): Promise<unknown> {
  move.report("going back to the old database");
  const failures: Error[] = [];
  // One after the other: who is let through before finds nobody there.
  for (const undo of [() => move.source.step("unfence", run), () => onPools(move, "resume")])
    await undo().catch((failure: unknown) => failures.push(failure as Error));
  if (failures.length === 0 || !(error instanceof CliError)) return error;
  return new CliError(
    [error.message, ...failures.map(({ message }) => `on the way back: ${message}`)].join("\n"),
    error.remedy,
    error.exitCode,
  );
}

/**
 * Holds queries back for a moment, so that both sides can remember it; what was there then is compared while everything
 * goes on, however long that takes. What is written later reaches the standby by the same WAL, up to the very last of it.
 * @throws CliError that names the tables that differ
 */
async function compareTables(move: Switch): Promise<Pick<Switched, "tables" | "comparedMillis">> {
  const { source, target } = move;
  await onPools(move, "arm", String(longestPauseSeconds));
  const started = performance.now();
  let reading: Promise<string[]>[];
  try {
    await onPools(move, "pause");
    const ours = source.checksums();
    const theirs = target.checksums(await ours.taken);
    await theirs.taken;
    reading = [ours.lines, theirs.lines];
  } finally {
    await onPools(move, "resume");
  }
  const comparedMillis = performance.now() - started;
  const [ours = [], theirs = []] = await Promise.all(reading);
  requireSame(move, ours, theirs);
  return { tables: ours.length, comparedMillis };
}

/** @throws CliError that names what two databases do not have in common; a line begins with a name and a "|" */
export function requireSame(
  { source, target }: Pick<Switch, "source" | "target">,
  ours: readonly string[],
  theirs: readonly string[],
): void {
  const [here, there] = [new Set(ours), new Set(theirs)];
  const onlyHere = ours.filter((line) => !there.has(line));
  const onlyThere = theirs.filter((line) => !here.has(line));
  const differing = [...onlyHere, ...onlyThere].map((line) => line.split("|")[0]);
  // Of both nothing could be read.
  if (ours.length === 0) differing.push("no tables");
  if (differing.length === 0) return;
  throw new CliError(
    `${source.machine} and ${target.machine} do not hold the same: ${[...new Set(differing)].join(", ")}`,
    "Nothing was moved. Undo the move with --abort and begin anew.",
  );
}

export async function onPools({ pools }: Pick<Switch, "pools">, ...words: string[]): Promise<void> {
  await Promise.all(pools.map((pool) => pool.step(...words)));
}
