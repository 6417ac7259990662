import { join } from "node:path";
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { saysByBook as says } from "../../src/evolve/plan.js";
import { verify } from "../../src/load/verify.js";
import { figures, MovingLab, note } from "./moving-lab.js";
import { askTrusting } from "./trusting-request.js";

// The database goes to a server of its own by the book's way, onto a volume, while buyers come: whoever comes while the
// shop is closed is told so, and no order is lost. Then its server is made anew. The tests build on one another.

const BY_BOOK = ["evolve", "split", "--playbook", "book"] as const;

let moving: MovingLab;

beforeAll(async () => {
  moving = await MovingLab.create("book", { "dukaan:databaseVolume": 10 });
  // What breaks something must not be late.
  await moving.learnAddresses();
});
afterAll(async () => {
  await moving?.remove();
});

const states = async () => [await moving.stateOf("app-1"), await moving.stateOf("database-1")];

it("goes back by itself when the database cannot be copied", async () => {
  const cut =
    "nft add table inet cut; nft 'add chain inet cut input { type filter hook input priority -10; }'; nft add rule inet cut input tcp dport 5432 drop";
  const { exitCode, stderr } = await moving.runUntil(
    says.shut,
    () => moving.onMachine("app-1", cut),
    ...BY_BOOK,
  );
  await moving.onMachine("app-1", "nft delete table inet cut");
  expect(exitCode, stderr).toBe(1);
  expect(stderr).toContain("going back to the old database");
  expect(await moving.visit("/")).toBe(200);
  expect(await states()).toEqual(["primary", "reserved"]);
  // What an earlier version has accepted does not say of which database it is; nobody opens that without knowing.
  const program = (words: string) =>
    moving.onMachine("database-1", `/usr/local/lib/dukaan/${words} 2>&1 || echo "exit $?"`);
  await moving.onMachine("database-1", "printf a >/var/lib/postgresql/dukaan-accepted");
  expect(JSON.parse(await program("database status"))).toEqual({ state: "reserved", accepted: "a" });
  expect(await program("copy-database open")).toMatch(/does not say of which database[^]*exit 1/);
  expect(await program("copy-database release a")).toBe("");
  expect(JSON.parse(await program("database status"))).toEqual({ state: "reserved", accepted: null });
  const otherWay = await moving.lab.dukaan("evolve", "split", "--playbook", "standby");
  expect(otherWay).toMatchObject({ exitCode: 2 });
  expect(otherWay.stderr).toContain("goes by --playbook book");
});

// The server has to be made once more after it.
const inLongForm = { skip: process.env["DUKAAN_LONG"] !== "1" };
it(
  "opens the shop at once when it is undone while the copy of a killed run goes on",
  inLongForm,
  async () => {
    // One that is stopped goes on for as long as anybody could wait.
    const stop = "timeout 300 sh -c 'until pkill -STOP -x pg_dump; do sleep 0.01; done' && echo stopped";
    const stopped = moving.onMachine("database-1", stop);
    await moving.runUntil(
      says.copy,
      async (pid) => {
        expect(await stopped).toBe("stopped");
        process.kill(-pid, "SIGKILL");
      },
      ...BY_BOOK,
    );
    expect(await moving.visit("/")).toBe(503);
    await moving.succeeds("evolve", "split", "--abort");
    expect(await moving.visit("/")).toBe(200);
    expect(await moving.stateOf("app-1")).toBe("primary");
  },
);

it("loses no order, also when it is killed in the middle and called again", async () => {
  const journal = join(moving.folder, "book.jsonl");
  const load = await moving.startLoad(journal, 25);
  let report;
  try {
    await sleep(1000);
    await moving.killedAt(says.copy, ...BY_BOOK);
    await moving.learnAddresses();
    // Nobody accepts a write, and whoever comes is told when to come back; health is another question.
    expect(await states()).toEqual(["read-only", "reserved"]);
    const ca = await readFile(moving.caFile, "utf8");
    const { status, headers, body } = await askTrusting(ca, `${moving.url}/`);
    expect({ status, wait: headers["retry-after"], type: headers["content-type"] }).toEqual({
      status: 503,
      wait: "30",
      type: "text/html",
    });
    expect(body).toContain("Closed for a moment");
    expect(await moving.visit("/readyz")).toBe(200);
    expect(await moving.lab.dukaan("up")).toMatchObject({ exitCode: 4 });
    // What the new database is, is known to its volume.
    await moving.deleteServer("database-1");
    const told = JSON.parse(await moving.succeeds(...BY_BOOK, "--json")) as {
      closedMillis: number;
      tables: number;
    };
    expect(told.tables).toBeGreaterThan(5);
    note(`by the book: the second run had the shop closed for ${told.closedMillis.toFixed(0)} ms`);
    await sleep(1000);
  } finally {
    report = await load.stop();
  }
  note(`by the book: ${figures(report)}`);
  expect(Object.keys(report.errors)).toEqual(["status 503"]);
  expect(await states()).toEqual(["fenced", "primary"]);
  const { findings, orders } = await verify(journal, (sql) => moving.database(sql));
  expect(findings).toEqual([]);
  expect(orders.placed).toBeGreaterThan(0);
  // Backups of the new database go on where those of the old one ended.
  expect(await moving.succeeds("backup", "--list")).toMatch(/on; WAL last sent[\s\S]*full/);
});

it("ends an old database that is broken beyond starting: its copy has all that it was read-only with", async () => {
  const { by } = JSON.parse(await moving.onMachine("app-1", "/usr/local/lib/dukaan/database status")) as {
    by: string;
  };
  const broken = await moving.onMachine(
    "app-1",
    `set -e; cd /var/lib/postgresql/15/main; library=/usr/local/lib/dukaan; $library/database unfence ${by}
    $library/copy-database close ${by}; mv pg_wal pg_wal.lost; kill -9 $(head -n 1 postmaster.pid)
    ! $library/database start >/dev/null 2>&1; $library/database status`,
  );
  expect(JSON.parse(broken)).toMatchObject({ state: "read-only", by });
  const program = (words: string) =>
    moving.onMachine("app-1", `/usr/local/lib/dukaan/${words} 2>&1 || echo "exit $?"`);
  expect(await program("copy-database end other")).toMatch(/another run has taken the move over[^]*exit 1/);
  expect(await program(`copy-database end ${by}`)).toMatch(/^[0-9A-F]+\/[0-9A-F]+$/);
  expect(JSON.parse(await program("database status"))).toMatchObject({ state: "fenced", by, clean: false });
});

it("keeps the data on its volume when the server is made anew, and makes it larger in use", async () => {
  const refused = await moving.lab.dukaan("rebuild", "database-1", "--yes");
  expect(refused).toMatchObject({ exitCode: 4 });
  await moving.succeeds("evolve", "split", "--finish");
  const before = await moving.database("select count(*), sum(total_paise) from orders");
  expect(before).toMatch(/^[1-9]\d*\|/);
  await moving.succeeds("rebuild", "database-1", "--yes");
  await moving.learnAddresses();
  expect(await moving.database("select count(*), sum(total_paise) from orders")).toBe(before);
  const size = async () =>
    Number(await moving.onMachine("database-1", "df --output=size -B1G /var/lib/postgresql | tail -n 1"));
  expect(await size()).toBeLessThanOrEqual(10);
  await moving.lab.set({ "dukaan:databaseVolume": 12 });
  await moving.succeeds("up");
  expect(await size()).toBeGreaterThan(10);
  await moving.lab.set({ "dukaan:databaseVolume": 11 });
  const smaller = await moving.lab.dukaan("up");
  expect(smaller.exitCode).not.toBe(0);
  expect(smaller.stderr).toContain("would shrink from 12 to 11 GB");
  expect(await moving.visit("/")).toBe(200);
});

it("gives up no WAL of a server that was made anew before it knows whose the repository is", async () => {
  const sql = (statement: string) =>
    moving.onMachine("database-1", `cd /; runuser -u postgres -- psql -qAtXc "${statement}"`);
  await moving.onMachine("database-1", "rm /var/lib/dukaan/backup/archiving");
  await sql("select pg_create_restore_point('made anew')");
  const file = await sql("select pg_walfile_name(pg_switch_wal())");
  expect(file).toMatch(/^[0-9A-F]{24}$/);
  await expect
    .poll(() => sql(`select last_archived_wal >= '${file}' from pg_stat_archiver`), { timeout: 60_000 })
    .toBe("t");
  const archived = await moving.onMachine("database-1", "/usr/local/lib/dukaan/restore-database wal");
  expect(archived.split("\n")).toContain(file);
  await moving.onMachine("database-1", "/usr/local/lib/dukaan/prepare-backups");
});
