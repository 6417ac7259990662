import { randomBytes } from "node:crypto";
import { askMachine, runOnMachine, type SshAccess } from "./commands/ssh.js";
import { CliError, ExitCode } from "./errors.js";

/** What a machine's database is; what `/usr/local/lib/dukaan/database status` prints. */
export type DatabaseStatus =
  | { state: "none" | "stopped" }
  | {
      /** It does not start again. */
      state: "fenced";
      /** The run that ended it. */
      by: string;
      /** It has ended with everything on the disk, at the position `ended`. */
      clean: boolean;
      ended: string;
      timeline: number;
    }
  | {
      state: "primary" | "standby";
      /** Identifies the database through all copies of it. */
      system: string;
      timeline: number;
      /** A standby that receives. */
      streaming: boolean;
      /** A standby that was asked to take over, and may do so at any time. */
      asked: boolean;
    };

const program = "/usr/local/lib/dukaan/database";

/** A machine's database, over SSH. */
export class DatabaseSide {
  constructor(
    readonly access: SshAccess,
    readonly machine: string,
  ) {}

  /** Whether there is a machine on which a database was ever made ready. */
  async exists(): Promise<boolean> {
    const target = this.access.targets[this.machine];
    if (target === undefined) return false;
    const { exitCode } = await askMachine(this.access, target, ["test", "-x", program]);
    // 255: it does not answer, so nobody knows.
    return exitCode !== 1;
  }

  async status(): Promise<DatabaseStatus> {
    const status: DatabaseStatus = JSON.parse(await this.step("status"));
    return status;
  }

  /** A step of the machine's own program, see src/roles/postgresql/database.sh. */
  async step(...words: string[]): Promise<string> {
    const target = this.access.targets[this.machine];
    if (target === undefined) {
      throw new CliError(`there is no machine ${this.machine}`, "Run the same command again.");
    }
    return await runOnMachine(this.access, target, [program, ...words]);
  }
}

export interface Switch {
  access: SshAccess;
  source: DatabaseSide;
  target: DatabaseSide;
  /** Where the pools find the new database: its private address, or the directory of its socket. */
  host: string;
  /** Names of the machines with a pool. */
  pools: readonly string[];
  report: (message: string) => void;
}

export interface Switched {
  /** For how long queries were held back, in milliseconds. */
  pausedMillis: number;
  /** The tables that were compared while nothing was written; absent: that would have taken too long. */
  tables?: number;
}

/** The pools resume after this by themselves: before the app gives a query up, which it does after 5 s. */
const longestPauseSeconds = 4;
/** Comparing every table happens inside the pause, so it may not take longer than this, in milliseconds. */
const longestComparison = 400;

/**
 * Leads all queries from one database to its standby. The order is what keeps the data whole: the old database is ended
 * for good before the new one is asked to take over. What fails before that is undone, by the run that did it; from then
 * on it only goes forward, and can be called again.
 */
export async function switchDatabase(move: Switch): Promise<Switched> {
  const { source, target, report } = move;
  const [old, next] = await Promise.all([source.status(), target.status()]);
  if (next.state === "primary" && old.state === "fenced") {
    report("the database has moved already");
    await onPools(move, "lead", move.host);
    return { pausedMillis: 0 };
  }
  requireFollower(move, old, next);
  if (old.state === "fenced") {
    report("going on where an earlier run stopped");
    await target.step("await", old.ended);
    await target.step("promote");
    await onPools(move, "lead", move.host);
    return { pausedMillis: 0 };
  }
  const compare = await canCompare(target);
  report("sending the WAL to the archive");
  await source.step("drain");

  const run = randomBytes(8).toString("hex");
  await onPools(move, "arm", String(longestPauseSeconds));
  report("holding queries back");
  const started = performance.now();
  let tables: number | undefined;
  try {
    await onPools(move, "pause");
    if (compare) {
      report("comparing the tables");
      tables = await compareTables(move);
    }
    report("ending the old database");
    const ended = await source.step("fence", run);
    await target.step("await", ended);
  } catch (error) {
    report("going back to the old database");
    await goBack(move, run);
    throw error;
  }
  report("the standby takes over");
  // Once it was asked to take over it may do so at any time: there is no way back from here, only on.
  await target.step("promote");
  report("leading queries there");
  await onPools(move, "lead", move.host);
  return { pausedMillis: performance.now() - started, ...(tables !== undefined && { tables }) };
}

/** @throws CliError unless the target holds, or is about to hold, what the source does */
function requireFollower({ source, target }: Switch, old: DatabaseStatus, next: DatabaseStatus): void {
  const look = `Look at both: ./dukaan ssh ${source.machine} -- ${program} status; what to do then: docs/runbooks/evolve.md`;
  if (next.state !== "standby" || (old.state !== "primary" && old.state !== "fenced")) {
    throw new CliError(
      `${source.machine} is ${old.state}, ${target.machine} is ${next.state}: this is not the way to a switch`,
      look,
    );
  }
  if (old.state === "fenced" && !old.clean) {
    throw new CliError(
      `the database of ${source.machine} has not ended cleanly, so ${target.machine} may lack its last orders`,
      "Put it back with --abort, then begin anew.",
    );
  }
  const same = old.timeline === next.timeline && (old.state === "fenced" || old.system === next.system);
  if (!same || (old.state === "primary" && (!next.streaming || next.asked))) {
    throw new CliError(
      `${target.machine} does not follow ${source.machine}`,
      "Remove the standby with --abort, then begin anew.",
      ExitCode.refused,
    );
  }
}

/** The target was not asked to take over, so the old database may go on; unless another run has ended it. */
async function goBack(move: Switch, run: string): Promise<void> {
  try {
    await move.source.step("unfence", run);
  } finally {
    await onPools(move, "resume");
  }
}

async function canCompare(side: DatabaseSide): Promise<boolean> {
  const started = performance.now();
  const answer = await side.step("probe", String(longestComparison));
  return answer === "yes" && performance.now() - started <= longestComparison;
}

/** While nothing is written. @throws CliError that names the tables that differ */
async function compareTables({ source, target }: Switch): Promise<number> {
  const position = await source.step("position");
  const answers = await Promise.all([source.step("checksums"), target.step("checksums", position)]);
  const [ours, theirs] = answers.map((text) => text.split("\n"));
  const differing = ours!.filter((line) => !theirs!.includes(line)).map((line) => line.split("|")[0]);
  if (differing.length > 0 || ours!.length !== theirs!.length) {
    throw new CliError(
      `${source.machine} and ${target.machine} do not hold the same: ${differing.join(", ") || "tables are missing"}`,
      "Nothing was moved. Remove the standby with --abort and begin anew.",
    );
  }
  return ours!.length;
}

async function onPools({ access, pools }: Switch, ...words: string[]): Promise<void> {
  await Promise.all(
    pools.map((name) =>
      runOnMachine(access, access.targets[name]!, ["/usr/local/lib/dukaan/pool", ...words]),
    ),
  );
}
