import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { planEvolution, type StepName } from "../../src/evolve/plan.js";
import { parseSettings } from "../../src/settings/parse.js";
import type { Load } from "../../src/load/load.js";
import { MovingLab, note } from "./moving-lab.js";

// One move of a database, droplet → split, during which everything fails that can, one thing after the other, while
// visitors come and order. After each fault the same command goes on; in the end every order is there once. Two databases
// never accept writes, which is looked at all the time. DUKAAN_LONG=1: the faults that cost the most time as well.

const RATE = 25;
const long = process.env["DUKAAN_LONG"] === "1";
const steps = planEvolution(droplet(), "split").steps;

interface Fault {
  title: string;
  /** The step of the plan that has just begun when it happens, or what is said then. */
  at: StepName | { says: string };
  /** Before the command is run. */
  before?: () => unknown;
  happens?: (pid: number) => unknown;
  /** What is done before the command is run again; some mend themselves by that alone. */
  mend?: () => unknown;
  /** What the command ends with; absent: it was killed. */
  told?: RegExp;
  /** What it has said until then. */
  said?: RegExp;
  /** Takes long and shows less than others. */
  long?: true;
}

const kill = (at: StepName, more: { long?: true } = {}): Fault => ({
  title: `the command is killed at "${at}"`,
  at,
  happens: (pid) => process.kill(-pid, "SIGKILL"),
  ...more,
});
/** As {@link kill}; however late it comes, the old database has not ended, after which there is no way back. */
const killInTime = (at: StepName): Fault => ({
  ...kill(at),
  before: () => shop.occupy("app-1"),
  happens: async (pid) => {
    process.kill(-pid, "SIGKILL");
    await shop.free("app-1");
  },
});
/** In the order in which a move gets there: once the old database has ended, there is no way back to earlier steps. */
const faults: Fault[] = [
  kill("backup"),
  kill("follow"),
  {
    title: "the local cloud's own process is killed while the new machine is made",
    at: { says: "creating hcloud:Server database-1" },
    happens: killCloud,
    told: /pulumi up failed[^]*Correct the cause and run the same command again/,
    long: true,
  },
  {
    title: "the new machine is cut off from power while its database is copied",
    at: { says: "creating dukaan:Role database-1-postgresql" },
    ...powerCut("database-1"),
    told: /pulumi up failed[^]*run the same command again/,
    long: true,
  },
  kill("compare"),
  {
    title: "both machines cannot reach each other",
    at: "follow",
    before: cutNetwork,
    mend: joinNetwork,
    told: /the standby has not come to|receives nothing/,
  },
  {
    title: "the disk of the new machine is full",
    at: "follow",
    before: fillDisk,
    mend: () => shop.onMachine("database-1", "rm /var/lib/postgresql/fill"),
    told: /No space left on device[^]*run the same command again/,
    long: true,
  },
  {
    title: "the server of the new machine is deleted, not its volume, while it follows",
    at: "compare",
    // However long that takes: the old database does not end before.
    before: () => shop.occupy("app-1"),
    happens: async () => {
      await shop.deleteServer("database-1");
      await shop.onMachine("app-1", "systemctl stop occupied");
    },
    told: /PostgreSQL does not end|database-1 does not answer/,
  },
  killInTime("drain"),
  {
    ...kill("compare"),
    title: "the WAL that the standby lacks is gone",
    before: loseWal,
    said: /the WAL that it lacks is no longer there\): copying the database once more/,
    long: true,
  },
  {
    title: "the new machine is cut off from power before the old database has ended",
    at: "hold",
    // The old one waits for another step that is at work there, until the power is gone.
    before: () => shop.occupy("app-1"),
    happens: async () => {
      await shop.powerOff("database-1");
      await shop.onMachine("app-1", "systemctl stop occupied");
    },
    told: /PostgreSQL does not end|database-1 does not answer/,
  },
  killInTime("hold"),
  {
    title: "the old machine is cut off from power before its database has ended",
    at: "drain",
    // Its database does not end before, however late the cloud is.
    before: () => shop.occupy("app-1"),
    happens: () => shop.powerOff("app-1"),
    told: /app-1 does not answer[^]*Run the same command again/,
  },
  kill("end"),
  {
    title: "the new machine is cut off from power when it is to take over",
    at: "take-over",
    // It waits for another step that is at work there, so the power goes before it has begun.
    before: () => shop.occupy("database-1"),
    happens: () => shop.powerOff("database-1"),
    told: /database-1 does not answer[^]*Run the same command again/,
    long: true,
  },
  kill("take-over"),
  {
    title: "the old machine is cut off from power after its database has ended",
    at: "lead",
    ...powerCut("app-1"),
    told: /app-1 does not answer|pulumi up failed/,
    long: true,
  },
  kill("lead"),
  kill("settle"),
  kill("backup-after"),
];

let shop: MovingLab;
let load: Load;
let journal: string;
let cloudProcess: number;
let watch: { stop: () => Promise<{ both: number; looks: number }> };

beforeAll(async () => {
  shop = await MovingLab.create("faults", { "dukaan:databaseVolume": 10 });
  journal = join(shop.folder, "faults.jsonl");
  load = await shop.startLoad(journal, RATE);
  const status = await shop.lab.dukaan("local", "status", "--json");
  cloudProcess = (JSON.parse(status.stdout) as { pid: number }).pid;
  await shop.learnAddresses();
  watch = watchWriters();
});
afterAll(async () => {
  await watch?.stop();
  await load?.stop();
  await shop?.remove();
});

it("kills the command at every step of the plan", () => {
  const killed = faults.filter(({ told }) => told === undefined).map(({ at }) => at);
  expect(new Set(killed)).toEqual(new Set(steps.map(({ name }) => name)));
});

describe("a move in which", () => {
  it.each(faults.filter((fault) => long || !fault.long))(
    "$title",
    async ({ at, before, happens, mend, told, said }) => {
      const words = typeof at === "string" ? steps.find(({ name }) => name === at)!.says : at.says;
      await before?.();
      try {
        const started = performance.now();
        const ended = await shop.runUntil(words, (pid) => happens?.(pid), "evolve", "split");
        note(`${words}: ${((performance.now() - started) / 1000).toFixed(0)} s`);
        expect(ended.exitCode, ended.stderr).toBe(told === undefined ? null : 1);
        expect(ended.stderr).toMatch(told ?? words);
        expect(ended.stderr).toMatch(said ?? words);
        expect(ended.stderr).not.toContain("unexpected error");
        // Of a machine that was just made nobody can tell while the cloud does not run.
        if (!shop.knows("database-1") && happens !== killCloud) await shop.learnAddresses();
        const states = [await stateOf("app-1"), await stateOf("database-1")];
        expect(states.filter((state) => state === "primary").length, states.join()).toBeLessThanOrEqual(1);
      } finally {
        // Also for those that come after one that went wrong.
        await mend?.();
      }
    },
  );

  it("ends well when nothing fails any more: one database accepts writes, and no order is lost or doubled", async () => {
    await shop.succeeds("evolve", "split");
    expect([await shop.stateOf("app-1"), await shop.stateOf("database-1")]).toEqual(["fenced", "primary"]);
    await expect.poll(() => shop.visit("/readyz")).toBe(200);
    const report = await load.stop();
    const { both, looks } = await watch.stop();
    expect(both).toBe(0);
    expect(looks).toBeGreaterThan(0);
    await shop.requireAllOrders(journal, report);
    expect(report.orders.placed).toBeGreaterThan(0);
    note(`${report.orders.placed} orders placed, ${report.orders.unknown} without an answer`);
  });
});

describe("an old database that is lost for good", () => {
  it("is given up knowingly: its copy takes over, and the stage goes on from there", async () => {
    await shop.succeeds("evolve", "split", "--finish");
    const orders = "select count(*) from orders";
    const before = await shop.database(orders);
    await shop.killedAtSwitch("database-1", "evolve", "droplet");
    const early = await shop.lab.dukaan("evolve", "droplet", "--accept-data-loss");
    expect(early).toMatchObject({ exitCode: 4 });
    expect(early.stderr).toContain("nothing needs to be lost");
    await shop.deleteServer("database-1");
    const lost = await shop.lab.dukaan("evolve", "droplet");
    expect(lost).toMatchObject({ exitCode: 1 });
    expect(lost.stderr).toMatch(/database-1 does not answer[^]*--accept-data-loss/);
    const told = await shop.succeeds("evolve", "droplet", "--accept-data-loss");
    expect(told).toMatch(/app-1 has what database-1 had written up to [0-9A-F]+\/[0-9A-F]+/);
    expect(await shop.stateOf("app-1")).toBe("primary");
    expect(await shop.database(orders)).toBe(before);
    expect(await shop.visit("/readyz")).toBe(200);
  });

  it("leaves nothing behind, also when the command that removes it is killed", async () => {
    await shop.killedAt("deleting ", "evolve", "droplet", "--finish");
    await shop.succeeds("evolve", "droplet", "--finish");
    expect(Object.keys((await shop.outputs()).addresses)).toEqual(["app-1"]);
  });
});

/** The machine comes into being during the move, and is asked for once it is there. */
async function stateOf(machine: string): Promise<string | undefined> {
  return shop.knows(machine) ? shop.stateOf(machine) : undefined;
}

function droplet() {
  const { settings } = parseSettings("lab", {
    "hcloud:token": "t".repeat(64),
    "hcloud:endpoint": "http://127.0.0.1/v1",
    "dukaan:stage": "droplet",
  });
  return settings!;
}

/** Before it becomes a copy, an empty database starts on the new machine, which nobody is led to. */
async function holdsShop(machine: string): Promise<boolean> {
  const question =
    "select not pg_is_in_recovery() and exists (select from pg_database where datname = 'shop')";
  return (await shop.onMachine(machine, `cd /; runuser -u postgres -- psql -qAtXc "${question}"`)) === "t";
}

/** Asks both databases all the time; the new one first: once that one accepts writes, the old one never may again. */
function watchWriters() {
  const seen = { both: 0, looks: 0 };
  const controller = new AbortController();
  const watching = (async () => {
    while (!controller.signal.aborted) {
      await sleep(300);
      const next = await stateOf("database-1");
      const old = await stateOf("app-1");
      if (next !== undefined && old !== undefined) seen.looks++;
      if (next === "primary" && old === "primary" && (await holdsShop("database-1"))) seen.both++;
    }
  })();
  return {
    stop: async () => {
      controller.abort();
      await watching;
      return seen;
    },
  };
}

/** The cloud's address is looked up before: it changes when the cloud is started anew, and asking takes seconds. */
function powerCut(machine: string): Pick<Fault, "before" | "happens"> {
  return { before: () => shop.findCloud(), happens: () => shop.powerOff(machine) };
}

function killCloud(): void {
  process.kill(cloudProcess, "SIGKILL");
}

async function cutNetwork(): Promise<void> {
  await shop.learnAddresses();
  const { private: address } = (await shop.outputs()).addresses["database-1"]!;
  const chain = (hook: string, match: string) =>
    `add chain inet cut ${hook} { type filter hook ${hook} priority -20; }; add rule inet cut ${hook} ip ${match} ${address} drop;`;
  await shop.onMachine(
    "app-1",
    `nft 'add table inet cut; ${chain("input", "saddr")} ${chain("output", "daddr")}'`,
  );
}

async function joinNetwork(): Promise<void> {
  await shop.onMachine("app-1", "nft delete table inet cut");
}

/** Room is left for a journal, but for no WAL file; and the old database begins one after the other. */
async function fillDisk(): Promise<void> {
  const folder = "/var/lib/postgresql";
  const free = `df --output=avail -B1 ${folder} | tail -1`;
  await shop.onMachine("database-1", `fallocate -l $(($(${free}) - 8 * 1024 * 1024)) ${folder}/fill; sync`);
  await writeWal();
}

/** The standby stands still while the old database writes more, and keeps none of it. */
async function loseWal(): Promise<void> {
  await shop.onMachine("database-1", "systemctl stop postgresql@15-main");
  await asPostgres("alter system set wal_keep_size = 0", "select pg_reload_conf()");
  await writeWal();
  const oldest = "select min(name) from pg_ls_waldir() where name ~ '^[0-9A-F]{24}$'";
  const before = await asPostgres(oldest);
  // It keeps what is not in the archive yet.
  await expect
    .poll(async () => asPostgres("checkpoint", oldest), { timeout: 60_000, interval: 1000 })
    .not.toBe(before);
  await asPostgres("alter system reset wal_keep_size", "select pg_reload_conf()");
}

async function writeWal(): Promise<void> {
  const file = ["select pg_create_restore_point('x')", "select pg_switch_wal()"];
  await asPostgres(...file, ...file, ...file, ...file);
}

/** Statements to the old database; the last line that they print. */
async function asPostgres(...statements: string[]): Promise<string> {
  const script = statements.map((statement) => `${statement};`).join("\n");
  const printed = await shop.onMachine(
    "app-1",
    `cd /; runuser -u postgres -- psql -qAtX <<'SQL'\n${script}\nSQL`,
  );
  return printed.split("\n").at(-1) ?? "";
}
