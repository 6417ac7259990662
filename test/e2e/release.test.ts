import { writeFile } from "node:fs/promises";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { atBest } from "../at-best.js";
import { note, ReleaseLab } from "./release-lab.js";
import { passwordRotation } from "./rotation.js";

// Releases and credentials under 50 visits a second: no request may fail, whatever the release does, and every order must
// be there once. The tests build on one another. DUKAAN_LONG=1 takes the time that the short form saves.

const long = process.env["DUKAAN_LONG"] === "1";

let shop: ReleaseLab;
/** The release that the last test left serving. */
let serving: string;

beforeAll(async () => {
  shop = await ReleaseLab.create("releases");
  serving = await shop.served();
});
afterAll(() => shop?.remove());

it("cannot be left while there is no earlier one; it serves on", async () => {
  const back = await shop.lab.dukaan("rollback");
  expect(back.exitCode).toBe(1);
  expect(back.stderr).toMatch(/no earlier release of api on this machine/);
  expect(await shop.served()).toBe(serving);
});

describe("a good release, a line changed", () => {
  it("is deployed without a failed request, and moves less than 3 MB", async () => {
    await shop.build("good", (source) => `${source}\nconsole.error("a line more");\n`);
    let moved = 0;
    await shop.underLoad("good release", async () => {
      const before = await receivedBytes();
      const { release, changes } = await shop.up();
      moved = (await receivedBytes()) - before;
      expect(release).not.toBe(serving);
      expect(changes).toMatchObject({ update: 1 });
      expect(await shop.served()).toBe(release);
      await sleep(2000);
    });
    // Visitors' requests are in it as well.
    expect(moved).toBeLessThan(3_000_000);
    note(`good release: ${(moved / 1e6).toFixed(2)} MB moved`);
  });

  it("is left by ./dukaan rollback within 10 seconds, and up does not bring it back silently", async () => {
    const part = await atBest(
      async (attempt) => {
        if (attempt > 1) await shop.up("--release", "latest");
        return rollback(attempt);
      },
      (share) => share < 1,
    );
    expect(part).toBeLessThan(1);

    const again = await shop.lab.dukaan("up");
    expect(again, again.stderr).toMatchObject({ exitCode: 0 });
    expect(again.stderr).toContain("no changes");
    expect(again.stdout).toContain(`stays at release ${serving} since a rollback`);
    expect(await shop.served()).toBe(serving);
  });

  it("comes back with up --release latest", async () => {
    const { release } = await shop.up("--release", "latest");
    expect(release).not.toBe(serving);
    expect(await shop.served()).toBe(release);
    serving = release;
  });
});

/** Goes back to the release that served before. @returns how long it took, as a part of what it may */
async function rollback(attempt: number): Promise<number> {
  let part = 0;
  await shop.underLoad(`rollback ${attempt}`, async () => {
    const back = await shop.lab.dukaan("rollback", "--json");
    expect(back, back.stderr).toMatchObject({ exitCode: 0 });
    const told = JSON.parse(back.stdout) as { release: string; switchedAfter: number; seconds: number };
    expect(told.release).toBe(serving);
    expect(await shop.served()).toBe(serving);
    note(
      `rollback: serves after ${told.switchedAfter.toFixed(1)} s, done after ${told.seconds.toFixed(1)} s (load ${loadavg()[0]!.toFixed(1)})`,
    );
    // Ten seconds are for a quiet computer; where twice as much is at work as there are processors, for twice as long.
    const busy = Math.max(1, loadavg()[0]! / cpus().length);
    part = Math.max(told.switchedAfter / 10, told.seconds / (10 * busy));
  });
  return part;
}

describe("the database's password", () => {
  passwordRotation(() => shop);
});

describe("a bad release costs no request, changes nothing, and the one before serves on", () => {
  beforeAll(async () => {
    serving = await shop.served();
  });

  it("when it never becomes ready", async () => {
    await shop.build("unready", (source) => refusingReadiness + source);
    const report = await shop.underLoad("never ready", () =>
      refusedUp(/failed at step "readyz"[^]*did not become ready within 30 s/),
    );
    expect(report.failed).toBe(0);
  });

  it("when its migration fails", async () => {
    const bundle = await shop.build("unmigratable", (source) => source);
    await writeFile(
      join(bundle, "migrations/0999_half-done.sql"),
      "CREATE TABLE half_done (id bigint);\nSELECT * FROM no_such_table;\n",
    );
    await shop.underLoad("failed migration", () =>
      refusedUp(/failed at step "migrate"[^]*relation "no_such_table" does not exist/),
    );
    expect(await shop.database("SELECT to_regclass('half_done') IS NULL")).toBe("t");
    expect(await shop.database("SELECT count(*) FROM migrations WHERE name ~ 'half-done'")).toBe("0");
  });

  it("when it crashes a while after it was deployed", async () => {
    // `up` has ended and said that all is well by then; what notices is on the machine.
    const seconds = long ? 60 : 5;
    await shop.build("crashing", (source) => crashingWhenTold + source);
    await shop.underLoad(`crash ${seconds} s after up`, async () => {
      const { release } = await shop.up();
      await sleep(seconds * 1000);
      expect(await shop.served()).toBe(release);
      await shop.onMachine(`systemctl kill --signal=USR2 --kill-whom=main dukaan-api@${release}`);
      await expect.poll(() => shop.served(), { timeout: 60_000, interval: 500 }).toBe(serving);
      await expect
        .poll(() => shop.onMachine(`journalctl --unit dukaan-api@${release} --no-pager`))
        .toContain("a fault that takes its time");
      await sleep(2000);
    });
    // nginx turns to the standby at once; the machine has gone back for good when it says so here.
    await expect
      .poll(() => shop.onMachine("cat /opt/dukaan/releases/api/.failed 2>&1 || true"), { timeout: 60_000 })
      .toMatch(/ended by itself \(exited 1\)/);

    // The stack still wants it, and says what happened instead of trying again.
    const again = await shop.lab.dukaan("up");
    expect(again.exitCode).toBe(1);
    expect(again.stderr).toMatch(new RegExp(`release ${serving} serves it.*went back by itself`));
    const preview = await shop.lab.pulumi("preview", "--refresh", "--diff", "--non-interactive");
    expect(preview.stdout).toContain(serving);

    // A rollback then goes no further back: it settles on what serves.
    const settled = await shop.lab.dukaan("rollback", "--json");
    expect(settled, settled.stderr).toMatchObject({ exitCode: 0 });
    expect(JSON.parse(settled.stdout)).toMatchObject({ release: serving });
    expect(await shop.served()).toBe(serving);
  });
});

const refusingReadiness = `import { Server } from "node:http";
const emit = Server.prototype.emit;
Server.prototype.emit = function (event, request, response) {
  if (event === "request" && request.url === "/readyz") return response.writeHead(503).end("not today");
  return emit.apply(this, arguments);
};
`;

/** Not by a clock, which would go on while a busy computer holds `up` up. */
const crashingWhenTold = `process.once("SIGUSR2", () => { throw new Error("a fault that takes its time"); });\n`;

/** An up that must fail with these words, and leave the machine as it was. */
async function refusedUp(words: RegExp): Promise<void> {
  const state =
    "ls /opt/dukaan/releases/api /run/dukaan; systemctl list-unit-files 'dukaan-api@*' | grep enabled";
  const before = await shop.onMachine(state);
  const result = await shop.lab.dukaan("up");
  expect(result.exitCode).toBe(1);
  expect(result.stderr).toMatch(words);
  expect(await shop.onMachine(state)).toBe(before);
  expect(await shop.served()).toBe(serving);
}

async function receivedBytes(): Promise<number> {
  const device = "$(ip -o route get 203.0.113.1 | grep -o 'dev [^ ]*' | cut -d ' ' -f 2)";
  return Number(await shop.onMachine(`cat /sys/class/net/${device}/statistics/rx_bytes`));
}
