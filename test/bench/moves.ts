// How long a shop waits, or is closed, while its database moves: both ways, with 100 and with 1,000 stores of 50 products.
// A local cloud of its own, which is removed at the end. Needs root: node dist/test/bench/moves.js [STORES …]
import { mkdtemp, rm } from "node:fs/promises";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { projectRoot } from "../../src/project.js";
import { textTable } from "../../src/text-table.js";

/** What `./dukaan evolve --json` prints, as far as it is read here. */
interface Told {
  /** Queries held back, in milliseconds: while the other database takes over, and before that for a comparison. */
  pausedMillis?: number;
  comparedMillis?: number;
  /** The shop closed, and of that dump and restore, in milliseconds. */
  closedMillis?: number;
  copiedMillis?: number;
  tables?: number;
  /** The whole command. */
  seconds: number;
}

const counts = process.argv.slice(2).map(Number);
if (counts.some((count) => !Number.isInteger(count) || count < 1 || count > 10_000))
  throw new RangeError("numbers of stores are whole, from 1 to 10000");

const folder = await mkdtemp(join(tmpdir(), "dukaan-moves-"));
const env = {
  DUKAAN_INSTANCE: "moves",
  DUKAAN_STATE: join(folder, "state"),
  DUKAAN_LOCAL_HOME: join(folder, "local"),
};
// What runs is ended, and then the cloud is removed.
const ended = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => ended.abort());
const dukaan = async (...words: string[]) => {
  const options = { env, stderr: "inherit", cancelSignal: ended.signal } as const;
  const { stdout } = await execa(join(projectRoot, "dukaan"), words, options);
  return stdout;
};
const evolve = async (...words: string[]) => JSON.parse(await dukaan("evolve", ...words, "--json")) as Told;

const rows: string[][] = [];
try {
  await dukaan("up");
  for (const stores of counts.length === 0 ? [100, 1000] : counts.toSorted((a, b) => a - b)) {
    await dukaan("seed", "--stores", String(stores), "--products", "50");
    const query = `cd /; runuser -u postgres -- psql -XAtc "select pg_size_pretty(pg_database_size('shop'))"`;
    const size = await dukaan("ssh", "app-1", "--", query);
    const note = (way: string, { pausedMillis, comparedMillis, closedMillis, copiedMillis, seconds }: Told) =>
      rows.push([
        String(stores),
        size,
        way,
        inSeconds(pausedMillis ?? closedMillis),
        inSeconds(comparedMillis ?? copiedMillis),
        inSeconds(seconds * 1000),
        loadavg()[0]!.toFixed(0),
      ]);
    note("standby", await evolve("split"));
    await dukaan("evolve", "split", "--finish");
    note("book", await evolve("droplet", "--playbook", "book"));
    await dukaan("evolve", "droplet", "--finish");
  }
} finally {
  await execa(join(projectRoot, "dukaan"), ["local", "down"], { env, stderr: "inherit" });
  await rm(folder, { recursive: true, force: true });
}
const head = [
  "stores",
  "database",
  "way",
  "waits or is closed",
  "before that compared, or of that copied",
  "whole command",
  "load",
];
process.stdout.write(`${textTable({ head, rows })}\n`);

function inSeconds(millis = 0): string {
  return `${(millis / 1000).toFixed(2)} s`;
}
