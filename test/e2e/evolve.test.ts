import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { MachineReport } from "../../src/diagnose/report.js";
import { verify } from "../../src/load/verify.js";
import type { NetworkFinding } from "../../src/prove/judge.js";
import type { Lab } from "./lab.js";
import { figures, MovingLab, note } from "./moving-lab.js";
import { openInCloud } from "./network-holes.js";

// A shop that is used moves its database to another machine and back: no order may be lost or doubled, no request may
// fail, and there are never two databases that accept writes. The tests build on one another.

const RATE = 100;
const long = process.env["DUKAAN_LONG"] === "1";

let shop: MovingLab;
let lab: Lab;

beforeAll(async () => {
  shop = await MovingLab.create("evolve");
  lab = shop.lab;
});
afterAll(async () => shop?.remove());

it("says what it would do, and does nothing", async () => {
  const plan = await shop.succeeds("evolve", "split", "--plan");
  expect(plan).toMatch(/makes +database-1/);
  expect(plan).toMatch(/moves +the database from app-1 to database-1/);
  const nothing = await lab.dukaan("evolve", "replicas");
  expect(nothing).toMatchObject({ exitCode: 2 });
  expect(nothing.stderr).toContain("stage replicas is not built yet");
  expect((await shop.outputs()).stage).toBe("droplet");
});

it("can be undone while the standby follows", async () => {
  // Ended hard as soon as the standby is there.
  await shop.killedAtSwitch("app-1", "evolve", "split");
  await expect.poll(() => shop.visit("/")).toBe(200);
  const restored = await lab.dukaan("restore", "--latest", "--yes");
  expect(restored).toMatchObject({ exitCode: 4 });
  expect(restored.stderr).toContain("on its way to stage split");
  const stops = ["The other database has not taken over", "Stage droplet (pulumi up)", "deleting "];
  for (const stop of long ? stops : stops.slice(-1)) {
    await shop.killedAt(stop, "evolve", "split", "--abort");
    expect(await shop.stateOf("app-1")).toBe("primary");
  }
  await shop.succeeds("evolve", "split", "--abort");
  const { stage, services } = await shop.outputs();
  expect({ stage, on: services["postgresql"] }).toEqual({ stage: "droplet", on: ["app-1"] });
  expect(await shop.stateOf("app-1")).toBe("primary");
  const again = await lab.dukaan("evolve", "split", "--abort");
  expect(again).toMatchObject({ exitCode: 4 });
  expect(again.stderr).toContain("nothing is on its way to split");
});

describe("droplet → split", () => {
  it("moves the database under load without a failed request and without a lost order", async () => {
    const report = await shop.underLoad("split", RATE, async () => {
      const told = JSON.parse(await shop.succeeds("evolve", "split", "--json")) as {
        stage: string;
        pausedMillis: number;
        tables: number;
      };
      expect(told.stage).toBe("split");
      expect(told.tables).toBeGreaterThan(5);
      note(`droplet → split: queries waited for ${told.pausedMillis.toFixed(0)} ms`);
    });
    note(`droplet → split: ${figures(report)}`);
  });

  it("leaves one database that accepts writes, also after a reboot of the old one's machine", async () => {
    expect([await shop.stateOf("app-1"), await shop.stateOf("database-1")]).toEqual(["fenced", "primary"]);
    const begun = () => shop.onMachine("app-1", "cut -d ' ' -f 22 /proc/1/stat");
    const before = await begun();
    expect(before).toMatch(/^\d+$/);
    await shop.onMachine("app-1", "systemctl start postgresql@15-main; systemctl reboot");
    // It serves for another moment, and answers nobody for the next one.
    await expect.poll(begun, { timeout: 60_000, interval: 500 }).not.toBeOneOf([before, ""]);
    await expect.poll(() => shop.visit("/"), { timeout: 60_000, interval: 500 }).toBe(200);
    expect(await shop.stateOf("app-1")).toBe("fenced");
    expect(await shop.onMachine("app-1", "pgrep -c postgres || true")).toBe("0");
    expect(await shop.visit("/readyz")).toBe(200);
    const connections =
      "select count(*) > 0 and bool_and(ssl) from pg_stat_ssl join pg_stat_activity using (pid) where usename like 'shop%'";
    expect(await shop.database(connections)).toBe("t");
  });

  it("has nothing left to do, and stays where it is at the next up", async () => {
    expect(await lab.dukaan("evolve", "split")).toMatchObject({ exitCode: 0 });
    const up = await lab.dukaan("up");
    expect(up, up.stderr).toMatchObject({ exitCode: 0 });
    expect(up.stderr).toContain("no changes");
    expect((await shop.outputs()).stage).toBe("split");
  });

  it("changes the database's password without a failed request", async () => {
    const logins = "select string_agg(rolname, ' ' order by rolname) from pg_roles where rolname ~ '^shop_'";
    expect(await shop.database(logins)).toBe("shop_1");
    const report = await shop.underLoad("rotated", RATE / 2, () =>
      shop.succeeds("rotate", "database-password"),
    );
    note(`change of the password on stage split: ${figures(report)}`);
    expect(await shop.database(logins)).toBe("shop_2");
  });

  it("lets pass what is declared and nothing else, and says so when it does not", async () => {
    expect(await proveNetwork("--sample", "100")).toMatchObject({ exitCode: 0, proven: true, findings: [] });

    const closeInCloud = await openInCloud(lab, "lab-fsn1-database", 9200);
    const rule = "nft insert rule inet dukaan private";
    const stranger = "systemd-run -q -u stranger python3 -m http.server 8088";
    await shop.onMachine("app-1", `${rule} udp dport 5353 accept; ${stranger}`);
    await shop.onMachine("database-1", `${rule} tcp dport 5432 drop`);
    const { exitCode, findings } = await proveNetwork("--sample", "0");
    expect(exitCode).toBe(1);
    const found = findings.map(({ kind, from, to, side, what }) => [kind, from, to, side, ...what].join(" "));
    expect(new Set(found)).toEqual(
      new Set([
        "hole outside database-1 public TCP 9200",
        "hole database-1 app-1 private UDP 5353",
        "blocked app-1 database-1 private TCP 5432",
        "listener outside app-1 public TCP 8088",
      ]),
    );

    await closeInCloud();
    await shop.onMachine("app-1", "systemctl stop stranger; systemctl reload nftables");
    await shop.onMachine("database-1", "systemctl reload nftables");
    expect(await proveNetwork("--sample", "0")).toMatchObject({ exitCode: 0, findings: [] });
  });

  it("says how far the app is from its database", async () => {
    const { machines } = JSON.parse((await lab.dukaan("diagnose", "--json")).stdout) as {
      machines: { machine: string; report: MachineReport }[];
    };
    const latency = machines.find(({ machine }) => machine === "app-1")?.report.databaseLatency;
    expect(latency?.query.count).toBe(50);
    expect(latency?.connect?.count).toBe(10);
    for (const { p50, p99 } of [latency!.query, latency!.connect!]) {
      expect(p50).toBeGreaterThan(0);
      expect(p99).toBeGreaterThanOrEqual(p50);
    }
    note(`select 1 through PgBouncer: p50 ${latency!.query.p50} ms, p99 ${latency!.query.p99} ms`);
  });

  it("is restored from backups as the droplet was", async () => {
    const before = await shop.database("select count(*) from orders");
    const restored = JSON.parse(await shop.succeeds("restore", "--latest", "--yes", "--json")) as {
      aside: string;
    };
    expect(await shop.database("select count(*) from orders")).toBe(before);
    await shop.onMachine("database-1", `rm -r ${restored.aside}`);
    await shop.underLoad("restored", RATE, () => sleep(2000));
  });
});

describe("split → droplet", () => {
  it("goes on where it was killed, in the middle of the switch", async () => {
    const early = await lab.dukaan("evolve", "droplet");
    expect(early).toMatchObject({ exitCode: 4 });
    expect(early.stderr).toContain("./dukaan evolve split --finish");
    await shop.succeeds("evolve", "split", "--finish");
    if (long) await undoMidway();
    const journal = join(shop.folder, "back.jsonl");
    const load = await shop.startLoad(journal, RATE / 4);
    try {
      await shop.killedAt("holding queries back", "evolve", "droplet");
      const states = [await shop.stateOf("app-1"), await shop.stateOf("database-1")];
      expect(states.filter((state) => state === "primary").length, states.join()).toBeLessThanOrEqual(1);
      // An `up` by somebody who does not know of the move harms nothing.
      const meddling = await lab.dukaan("up");
      expect([0, 4], meddling.stderr).toContain(meddling.exitCode);
      await shop.succeeds("evolve", "droplet");
    } finally {
      await load.stop();
    }
    expect([await shop.stateOf("app-1"), await shop.stateOf("database-1")]).toEqual(["primary", "fenced"]);
    const { findings, orders } = await verify(journal, (sql) => shop.database(sql));
    expect(findings).toEqual([]);
    expect(orders.placed).toBeGreaterThan(0);
  });

  it("removes the machine that nobody needs when it is told to", async () => {
    await shop.succeeds("evolve", "droplet", "--finish");
    const { stage, addresses } = await shop.outputs();
    expect({ stage, machines: Object.keys(addresses) }).toEqual({ stage: "droplet", machines: ["app-1"] });
    await shop.underLoad("droplet", RATE, () => sleep(2000));
    const up = await lab.dukaan("up");
    expect(up.stderr).toContain("no changes");
  });
});

/** No machine goes with it, which would show that it is not done. */
async function undoMidway() {
  await shop.killedAtSwitch("database-1", "evolve", "droplet");
  await shop.killedAt("deleting dukaan:Role app-1-postgresql", "evolve", "droplet", "--abort");
  await shop.succeeds("evolve", "droplet", "--abort");
  expect([await shop.stateOf("app-1"), await shop.stateOf("database-1")]).toEqual(["none", "primary"]);
  expect(await lab.dukaan("evolve", "droplet", "--abort")).toMatchObject({ exitCode: 4 });
  expect(await shop.visit("/readyz")).toBe(200);
}

async function proveNetwork(...options: string[]) {
  const { exitCode, stdout, stderr } = await lab.dukaan("prove", "network", "--json", ...options);
  expect([0, 1], stderr).toContain(exitCode);
  return { exitCode, ...(JSON.parse(stdout) as { proven: boolean; findings: NetworkFinding[] }) };
}
