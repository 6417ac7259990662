import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startLoad } from "../../src/load/load.js";
import { verify } from "../../src/load/verify.js";
import { createLab, type Lab } from "./lab.js";

// Backups as they are needed: after a mistake, and after the loss of the server with its disk. What comes back is held
// against counts and checksums of every table, and against what buyers were told. The tests build on one another.

const instance = "backup";

let lab: Lab;
let folder: string;
let url: string;
let ca: string;
/** Keys of the object storage, and the local cloud's token. */
let env: Record<string, string>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dukaan-backups-"));
  lab = await createLab(instance);
  const up = JSON.parse(await succeeds("up", "--json")) as { url: string; ca: string };
  url = up.url;
  ca = await readFile(up.ca, "utf8");
  env = JSON.parse(await succeeds("env", "--json")) as Record<string, string>;
  await succeeds("seed", "--stores", "5", "--products", "50");
});
afterAll(async () => {
  await lab?.remove();
  await rm(folder, { recursive: true, force: true });
});

it("are made from the first `up` on, encrypted before they leave the machine", async () => {
  const state = () => onMachine("/usr/local/lib/dukaan/backup-state --repository");
  await expect.poll(state, { timeout: 120_000 }).toContain('"label"');
  const { state: mode, archiver, backups, missingWal } = await list();
  expect({ mode, missingWal }).toEqual({ mode: "on" });
  expect(archiver).toMatchObject({ failed: 0 });
  expect(archiver.sent).toBeGreaterThan(0);
  expect(backups[0]?.type).toBe("full");
  expect(await database("show archive_timeout")).toBe("1min");
  expect(await onMachine("systemctl list-timers --plain --no-legend 'dukaan-backup-*' | wc -l")).toBe("2");
  await makeNoneBySchedule();

  const objects = await storedObjects();
  const info = objects.find((name) => name.endsWith("/backup.info"));
  expect(info).toMatch(/^lab-backups\/lab\/backup\/shop\//);
  // The header of an encrypted file; in the clear it would begin with "[backrest]".
  expect((await readFile(join(buckets(), info!))).subarray(0, 8).toString()).toBe("Salted__");
});

it("bring the database back to the moment before a mistake", async () => {
  const journal = await orders("before-mistake");
  const before = await fingerprints();
  const moment = await now();
  await sleep(1000);
  await database("delete from order_lines; delete from orders; update products set stock = 0");
  expect(await fingerprints()).not.toEqual(before);

  const restored = await restore("--at", moment);

  expect(await fingerprints()).toEqual(before);
  expect((await verify(journal, database)).findings).toEqual([]);
  expect(restored.aside).toMatch(/before-restore/);
  expect(await onMachine(`test -d '${restored.aside}' && echo there`)).toBe("there");
  note(`mistake undone: shop closed for ${restored.seconds.closed.toFixed(1)} s`);
  await takesOrders("after-mistake");
});

describe("when the server is lost with its disk", () => {
  let before: string[];
  let moment: string;
  let journal: string;
  let backupsBefore: number;

  it("the empty database of the new one does not touch the backups", async () => {
    journal = await orders("before-loss");
    before = await fingerprints();
    moment = await now();
    await sendWal();
    await deleteServer();

    // It makes the machine anew, and then finds that this moment cannot be restored.
    const tooEarly = await lab.dukaan("restore", "--at", "2020-01-31T12:00:00Z", "--yes");
    expect(tooEarly.exitCode).toBe(2);
    expect(tooEarly.stderr).toContain("Machine made anew");
    await makeNoneBySchedule();
    expect(tooEarly.stderr).toMatch(
      /2020-01-31T12:00:00.000Z is before the oldest backup, which is .*\d{8}-\d{6}F/s,
    );

    const objects = await storedObjects();
    const { state, backups } = await list();
    expect(state).toBe("paused");
    backupsBefore = backups.length;
    expect(backupsBefore).toBeGreaterThan(1);
    await database("create table written_into_the_empty_one (id int); select pg_switch_wal()");
    const { changes, backupWarning } = JSON.parse(await succeeds("up", "--json")) as Up;
    expect(Object.keys(changes)).toEqual(["same"]);
    expect(backupWarning).toMatch(/backups are paused.*\.\/dukaan restore --latest/s);
    const refused = await lab.dukaan("backup");
    expect(refused.exitCode).toBe(3);
    expect(refused.stderr).toMatch(/backups are paused.*\.\/dukaan restore --latest/s);
    await expect.poll(() => database("select archived_count > 0 from pg_stat_archiver")).toBe("t");
    expect(await storedObjects()).toEqual(objects);
  });

  it("everything comes back, and the shop takes orders and is backed up again", async () => {
    const restored = await restore("--at", moment);

    expect(await fingerprints()).toEqual(before);
    expect((await verify(journal, database)).findings).toEqual([]);
    note(`loss made good: shop closed for ${restored.seconds.closed.toFixed(1)} s more`);
    await takesOrders("after-loss");
    const next = JSON.parse(await succeeds("backup", "--full", "--json")) as Listed;
    // One by the restore, one just now.
    expect(next).toMatchObject({ state: "on", timeline: 3 });
    expect(next.missingWal).toBeUndefined();
    expect(next.backups.slice(backupsBefore).map(({ type }) => type)).toEqual(["diff", "full"]);
  });
});

it("wait for one another", async () => {
  const before = (await list()).backups.length;
  await onMachine("systemctl start dukaan-backup@full.service dukaan-backup@diff.service");
  expect((await list()).backups).toHaveLength(before + 2);
});

it("leave their secrets in no argument, log or state", async () => {
  const passphrase = await lab.pulumi("stack", "output", "backupPassphrase", "--show-secrets");
  expect(passphrase.stdout.trim()).toMatch(/^\w{48}$/);
  const sentinels = [
    passphrase.stdout.trim(),
    env["DUKAAN_BACKUP_ACCESS_KEY"]!,
    env["DUKAAN_BACKUP_SECRET_KEY"]!,
  ];
  // The patterns come over standard input, so that no search finds itself.
  const search = (...files: string[]) =>
    execa("grep", ["-rlF", "-f", "-", ...files], { input: sentinels.join("\n"), reject: false });
  const local = dirname(dirname(buckets()));
  expect((await search(lab.stateFolder, join(local, "server.log"), join(local, "state.db"))).stdout).toBe("");

  // Arguments of everything that runs while a backup is made.
  const seenEnough = "/run/seen-enough";
  const watching = onMachine(
    `for i in $(seq 600); do cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '; test ! -e ${seenEnough} || break; sleep 0.1; done`,
  );
  await succeeds("backup");
  await onMachine(`touch ${seenEnough}`);
  const seen = await watching;
  expect(seen).toContain("pgbackrest --stanza=shop --log-level-console=info backup --type=diff");
  const written = await onMachine(
    "journalctl --no-pager; cat /var/lib/cloud/instance/user-data.txt /var/log/pgbackrest/* 2>/dev/null || true",
  );
  expect(written).toContain("new backup label");
  for (const sentinel of sentinels) {
    expect(sentinel.length).toBeGreaterThanOrEqual(20);
    expect(seen + written).not.toContain(sentinel);
  }
});

/** Runs `./dukaan`; what it printed. */
async function succeeds(...words: string[]): Promise<string> {
  const result = await lab.dukaan(...words);
  expect(result, `${words.join(" ")}: ${result.stderr}`).toMatchObject({ exitCode: 0 });
  return result.stdout;
}

interface Up {
  changes: Record<string, number>;
  backupWarning?: string;
}

interface Listed {
  state: string;
  archiver: { sent: number; failed: number };
  timeline: number;
  missingWal?: string;
  backups: { type: string; stop: string }[];
}

async function list(): Promise<Listed> {
  return JSON.parse(await succeeds("backup", "--list", "--json")) as Listed;
}

interface Restored {
  aside: string;
  reached: boolean;
  seconds: { total: number; closed: number };
}

async function restore(...options: string[]): Promise<Restored> {
  return JSON.parse(await succeeds("restore", ...options, "--yes", "--json")) as Restored;
}

/** Buyers order for some seconds, while WAL is archived. @returns the journal of what they were told */
async function orders(name: string, seconds = 3): Promise<string> {
  const journal = join(folder, `${name}.jsonl`);
  const mix = { catalogue: 50, product: 10, cart: 10, order: 30 };
  const load = await startLoad({ url, ca, rate: 15, mix, journal });
  await sleep(seconds * 500);
  await sendWal();
  await sleep(seconds * 500);
  const report = await load.stop();
  expect(report.errors, JSON.stringify(report.firstFailures)).toEqual({});
  expect(report.orders.placed).toBeGreaterThan(0);
  return journal;
}

async function takesOrders(name: string): Promise<void> {
  const journal = await orders(name, 2);
  expect((await verify(journal, database)).findings).toEqual([]);
}

/** Makes PostgreSQL send what it has, as it does by itself after a minute, and waits until it is in the storage. */
async function sendWal(): Promise<void> {
  const file = await database("select pg_walfile_name(pg_switch_wal())");
  await expect
    .poll(() => database(`select last_archived_wal >= '${file}' from pg_stat_archiver`), { timeout: 60_000 })
    .toBe("t");
}

/** A line a table: name, rows, checksum of all rows in any order. */
async function fingerprints(): Promise<string[]> {
  const sql = `select string_agg(format(
    'select %L, count(*), md5(coalesce(string_agg(md5(t::text), '''' order by md5(t::text)), '''')) from %I t',
    table_name, table_name), ' union all ' order by table_name)
    from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE' \\gexec`;
  const lines = (await database(sql)).split("\n");
  expect(lines.length).toBeGreaterThan(5);
  return lines.toSorted();
}

/** The machine's time, to the millisecond. */
async function now(): Promise<string> {
  return onMachine("date -u +%Y-%m-%dT%H:%M:%S.%3NZ");
}

/** Whatever the time is: backups that the machine makes by itself would be counted with those of the tests. */
async function makeNoneBySchedule(): Promise<void> {
  for (const type of ["full", "diff"]) {
    const dropIns = `/etc/systemd/system/dukaan-backup-${type}.timer.d`;
    const never = "[Timer]\nOnCalendar=\nOnCalendar=2100-01-01\n";
    await onMachine(`mkdir -p ${dropIns}; cat >${dropIns}/never.conf`, never);
  }
  await onMachine(
    "systemctl daemon-reload; systemctl try-restart dukaan-backup-full.timer dukaan-backup-diff.timer",
  );
}

/** As an accident: behind Pulumi's back, with its disk. */
async function deleteServer(): Promise<void> {
  const servers = async () => (await lab.cloud<{ servers: { id: number }[] }>("GET", "/servers")).servers;
  const [server] = await servers();
  await lab.cloud("DELETE", `/servers/${server!.id}`);
  await expect.poll(servers).toEqual([]);
}

/** Where the local cloud keeps its objects: bucket/key. */
function buckets(): string {
  return join(dirname(dirname(lab.stateFolder)), "local", instance, "objects", "buckets");
}

async function storedObjects(): Promise<string[]> {
  const found = await readdir(buckets(), { recursive: true, withFileTypes: true });
  return found
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(buckets().length + 1))
    .toSorted();
}

/** Without `./dukaan`, which asks Pulumi first: this is called often. */
async function onMachine(script: string, input = ""): Promise<string> {
  const files = join(lab.stateFolder, "ssh");
  const options = ["-i", join(files, "key"), "-o", `UserKnownHostsFile=${join(files, "known_hosts")}`];
  const { stdout } = await execa("ssh", [...options, url.replace("https://", "root@"), script], { input });
  return stdout.trim();
}

async function database(sql: string): Promise<string> {
  return onMachine("cd /; runuser -u postgres -- psql -qAtX -v ON_ERROR_STOP=1 shop", sql);
}

function note(text: string): void {
  process.stderr.write(`  ${text}\n`);
}
