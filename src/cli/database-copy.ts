import { randomBytes } from "node:crypto";
import { nextByBook, type ReadOnly, type Reserved, type Running } from "../evolve/databases.js";
import { saysByBook as says } from "../evolve/plan.js";
import { refused } from "./database-follow.js";
import { MachineSilent, type Side, type Steps } from "./database-side.js";
import { longestPauseSeconds, onPools, requireSame, type Switch } from "./database-switch.js";
import { CliError, ExitCode } from "./errors.js";

/** A move by the book: see src/roles/postgresql/copy-database.sh. */
export interface Carry extends Switch {
  /** The steps of a copy on the source's and on the target's machine. */
  copying: { source: Steps; target: Steps };
  /** Private address of the source. */
  sourceAddress: string;
  /** What shows the page of a closed shop, wherever nginx stands before the app. */
  fronts: readonly Steps[];
  /** Whether somebody wants to stop; asked where there is a way back. */
  interrupted: () => boolean;
  /** Told when there is no way back from now on. */
  ending: () => void;
}

export interface Carried {
  /** For how long the shop was closed, in milliseconds. */
  closedMillis: number;
  /** How much of that dump and restore took, in milliseconds; absent: an earlier run had done so. */
  copiedMillis?: number;
  /** The tables that were compared; absent: an earlier run had done so. */
  tables?: number;
}

/**
 * Closes the shop, copies the database by dump and restore, and opens the shop on the new one. The old database accepts no
 * write from before the dump begins; it is ended for good before the new one lets anybody in. What fails before that is
 * undone; from then on it only goes forward, and can be called again.
 */
export async function carryDatabase(move: Carry): Promise<Carried> {
  const { source, target, copying, report } = move;
  const [old, next] = await Promise.all([source.status(), target.status()]);
  const step = nextByBook(old, next);
  if (step.go === "refuse") throw refused(move, step.why);
  const started = performance.now();
  let result = {};
  if (step.go === "open") {
    move.ending();
    report(says.shut);
    await onFronts(move, "on");
  } else {
    // Whoever made it read-only may have had its copy accepted since, wherever it is now.
    const mayBeAccepted = old.state === "read-only" || (next.state === "reserved" && next.accepted !== null);
    result = await copyAndEnd(move, step.old, { earlier: step.accepted, mayBeAccepted });
  }
  report(says.open);
  const ended = await source.status();
  if (ended.state !== "fenced") throw refused(move, `the old database is ${ended.state} after it has ended`);
  await copying.target.step("open", ended.system);
  await onPools(move, "lead", move.host);
  report(says.reopen);
  await onFronts(move, "off");
  return { closedMillis: performance.now() - started, ...result };
}

/** Lets the old database accept writes again, and opens the shop: for a move that is given up. */
export async function reopen({ source, copying, fronts }: Pick<Carry, "source" | "copying" | "fronts">) {
  const status = await source.status();
  if (status.state === "read-only") await copying.source.step("reopen", status.by);
  await onFronts({ fronts }, "off");
}

async function onFronts({ fronts }: Pick<Carry, "fronts">, to: "on" | "off"): Promise<void> {
  await Promise.all(fronts.map((front) => front.step(to)));
}

/**
 * From the open old database to its end, with everything in the new one.
 * @param before `earlier`: a run that was cut off after it had made sure that the new one holds everything; `mayBeAccepted`:
 *   there may be such a run, that one or another
 */
async function copyAndEnd(
  move: Carry,
  { system }: Running | ReadOnly,
  before: { earlier: string | undefined; mayBeAccepted: boolean },
): Promise<Omit<Carried, "closedMillis">> {
  const { source, copying, report } = move;
  let { mayBeAccepted } = before;
  const run = before.earlier ?? randomBytes(8).toString("hex");
  const done: Omit<Carried, "closedMillis"> = {};
  try {
    report(says.shut);
    await onFronts(move, "on");
    if (before.earlier === undefined) {
      report(says["make-read-only"]);
      if ((await source.status()).state === "primary") await source.step("drain");
      await holdingQueries(move, () => copying.source.step("close", run));
      await onPools(move, "resume");
      goOn(move);
      report(says.copy);
      const started = performance.now();
      await copying.target.step("copy", move.sourceAddress, run);
      done.copiedMillis = performance.now() - started;
      goOn(move);
      report(says.compare);
      done.tables = await compare(move);
      goOn(move);
      mayBeAccepted = true;
      await copying.target.step("accept", run, system);
    }
    move.ending();
    report(says.end);
    await holdingQueries(move, () => copying.source.step("end", run));
    return done;
  } catch (error) {
    throw await goBack(move, run, mayBeAccepted, error);
  }
}

/**
 * Opens the shop on the old database, which has not been replaced. What cannot be undone now keeps the shop closed, until a
 * second run goes on or `--abort` undoes it.
 * @returns the error to throw, with what could not be undone
 */
async function goBack(move: Carry, run: string, mayBeAccepted: boolean, error: unknown): Promise<unknown> {
  const { source, copying, report } = move;
  report("going back to the old database");
  const failures: Error[] = [];
  const undo = async (work: () => Promise<unknown>) => {
    try {
      await work();
    } catch (failure) {
      failures.push(failure as Error);
    }
  };
  // First it is known that the old database can go on, else the copy may be all that there is; then nobody can open the copy
  // any more; then the old database may accept writes again; then the shop is open.
  await undo(async () => {
    await copyOf(move, mayBeAccepted);
    await source.step("unfence", run);
    await source.step("start");
    await giveUpCopy(move, run, mayBeAccepted);
    await copying.source.step("reopen", run);
  });
  await undo(() => onPools(move, "resume"));
  if (failures.length === 0) await undo(() => onFronts(move, "off"));
  if (failures.length === 0 || !(error instanceof Error)) return error;
  const remedy = error instanceof CliError ? error.remedy : "";
  return new CliError(
    [
      error.message,
      ...failures.map(({ message }) => `on the way back: ${message}`),
      "The shop is still closed.",
    ].join("\n"),
    `${remedy} To open the shop: run the same command again, or undo the move with --abort.`.trimStart(),
    error instanceof CliError ? error.exitCode : ExitCode.failed,
    { cause: error },
  );
}

/**
 * Makes sure that nobody opens what has been copied, whichever run has accepted it: it will be older than the database.
 * One that another run has the old database closed for is that one's.
 */
async function giveUpCopy(move: Carry, run: string, mayBeAccepted: boolean): Promise<void> {
  const old = await move.source.status();
  if (old.state === "read-only" && old.by !== run) return;
  const copy = await copyOf(move, mayBeAccepted);
  if (copy && (copy.accepted !== null || mayBeAccepted))
    await move.copying.target.step("release", copy.accepted ?? run);
}

/**
 * @returns undefined when there is none, also when its machine does not answer: that is no reason to keep the shop closed,
 *   unless there may be one on it that could be opened
 * @throws CliError (refused) when it is open
 */
async function copyOf(move: Carry, mayBeAccepted: boolean): Promise<Reserved | undefined> {
  try {
    const next = await move.target.status();
    if ("asked" in next && next.asked) throw refused(move, "the new database has taken over");
    return next.state === "reserved" ? next : undefined;
  } catch (error) {
    if (error instanceof MachineSilent && !mayBeAccepted) return undefined;
    throw error;
  }
}

async function holdingQueries(move: Carry, work: () => Promise<unknown>): Promise<void> {
  await onPools(move, "arm", String(longestPauseSeconds));
  await onPools(move, "pause");
  await work();
}

/** @throws CliError (interrupted) when somebody wants to stop */
function goOn({ interrupted }: Carry): void {
  if (!interrupted()) return;
  throw new CliError(
    "interrupted before the old database had ended",
    "Run the same command again, or undo the rest with --abort.",
    ExitCode.interrupted,
  );
}

/** @throws CliError that names what differs */
async function compare({ source, target, copying }: Carry): Promise<number> {
  const contents = (side: Side, steps: Steps) =>
    Promise.all([side.checksums().lines, steps.step("objects").then((text) => text.split("\n"))]);
  const [ours, theirs] = await Promise.all([
    contents(source, copying.source),
    contents(target, copying.target),
  ]);
  for (const index of [0, 1] as const) requireSame({ source, target }, ours[index], theirs[index]);
  return ours[0].length;
}
