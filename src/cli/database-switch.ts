import { runOnMachine, type SshAccess } from "./commands/ssh.js";
import { CliError } from "./errors.js";

/** What a machine's database is; what `/usr/local/lib/dukaan/database status` prints. */
export type DatabaseStatus =
  | { state: "none" | "stopped" }
  /** It does not start again; `ended` is its last position in the WAL. */
  | { state: "fenced"; ended: string }
  | {
      state: "primary" | "standby";
      position: string;
      /** Identifies the database through all copies of it. */
      system: string;
      /** A standby that receives. */
      streaming: boolean;
      holdsShop: boolean;
      bytes: number;
    };

/** A machine's database, over SSH. */
export class DatabaseSide {
  constructor(
    readonly access: SshAccess,
    readonly machine: string,
  ) {}

  async status(): Promise<DatabaseStatus> {
    const status: DatabaseStatus = JSON.parse(await this.step("status"));
    return status;
  }

  /** A step of the machine's own program, see src/roles/postgresql/database.sh. */
  async step(...words: string[]): Promise<string> {
    const target = this.access.targets[this.machine] ?? this.machine;
    return await runOnMachine(this.access, target, ["/usr/local/lib/dukaan/database", ...words]);
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
 * for good before the new one accepts a write. What fails before the promotion is undone; from then on it only goes
 * forward, and can be called again.
 */
export async function switchDatabase(move: Switch): Promise<Switched> {
  const { source, target, report } = move;
  const [old, next] = await Promise.all([source.status(), target.status()]);
  if (next.state === "primary" && old.state === "fenced") {
    report("the database has moved already");
    await onPools(move, "lead", move.host);
    return { pausedMillis: 0 };
  }
  if (next.state !== "standby" || (old.state !== "primary" && old.state !== "fenced")) {
    throw new CliError(
      `${source.machine} is ${old.state}, ${target.machine} is ${next.state}: this is not the way to a switch`,
      `Look at both: ./dukaan ssh ${source.machine} -- /usr/local/lib/dukaan/database status`,
    );
  }
  if (old.state === "primary" && old.system !== next.system) {
    throw new CliError(
      `${target.machine} is a standby of another database`,
      "Run ./dukaan up, which mends it.",
    );
  }
  const compare = old.state === "primary" && (await comparisonTime(target)) <= longestComparison;
  if (old.state === "primary") await source.step("checkpoint");

  await onPools(move, "arm", String(longestPauseSeconds));
  report("holding queries back");
  const started = performance.now();
  let tables: number | undefined;
  try {
    await onPools(move, "pause");
    if (compare) tables = await compareTables(move);
    await target.step("await", await source.step("fence"));
  } catch (error) {
    report("going back to the old database");
    await goBack(move);
    throw error;
  }
  // Once it was asked to take over it may do so at any time: there is no way back from here, only on.
  await target.step("promote");
  await onPools(move, "lead", move.host);
  return { pausedMillis: performance.now() - started, ...(tables !== undefined && { tables }) };
}

/** The target was not promoted, so the old database may go on. */
async function goBack(move: Switch): Promise<void> {
  try {
    await move.source.step("unfence");
  } finally {
    await onPools(move, "resume");
  }
}

async function comparisonTime(side: DatabaseSide): Promise<number> {
  const started = performance.now();
  await side.step("checksums");
  return performance.now() - started;
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
      "Nothing was moved. Remove the standby with ./dukaan evolve --abort and begin anew.",
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
