import { createHash } from "node:crypto";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { projectRoot } from "../../src/project.js";
import { startLoad } from "../load/load.js";
import type { Report } from "../load/report.js";
import { verify } from "../load/verify.js";
import { createLab, type Lab } from "./lab.js";

// Releases under 50 visits a second: no request may fail, whatever the release does, and every order must be there once.
// The tests build on one another.

const RATE = 50;

let lab: Lab;
let folder: string;
let url: string;
let ca: string;
/** The release that the last test left serving. */
let serving: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dukaan-releases-"));
  lab = await createLab("releases");
  const first = await up();
  ({ url, release: serving } = first);
  ca = await readFile(first.ca, "utf8");
  await lab.dukaan("seed", "--stores", "20", "--products", "50");
});
afterAll(async () => {
  delete process.env["DUKAAN_API_BUNDLE"];
  await lab?.remove();
  await rm(folder, { recursive: true, force: true });
});

it("cannot be left while there is no earlier one; it serves on", async () => {
  const back = await lab.dukaan("rollback");
  expect(back.exitCode).toBe(1);
  expect(back.stderr).toMatch(/no earlier release of api on this machine/);
  expect(await served()).toBe(serving);
});

describe("a good release, a line changed", () => {
  it("is deployed without a failed request, and moves less than 3 MB", async () => {
    await build("good", (source) => `${source}\nconsole.error("a line more");\n`);
    let moved = 0;
    const report = await underLoad("good", async () => {
      const before = await receivedBytes();
      const { release, changes } = await up();
      moved = (await receivedBytes()) - before;
      expect(release).not.toBe(serving);
      expect(changes).toMatchObject({ update: 1 });
      expect(await served()).toBe(release);
      await sleep(2000);
    });
    // Visitors' requests are in it as well.
    expect(moved).toBeLessThan(3_000_000);
    note(`good release: ${(moved / 1e6).toFixed(2)} MB moved; ${figures(report)}`);
  });

  it("is left by ./dukaan rollback within 10 seconds, and up does not bring it back silently", async () => {
    const report = await underLoad("rollback", async () => {
      const back = await lab.dukaan("rollback", "--json");
      expect(back, back.stderr).toMatchObject({ exitCode: 0 });
      const told = JSON.parse(back.stdout) as { release: string; switchedAfter: number };
      expect(told.release).toBe(serving);
      expect(await served()).toBe(serving);
      expect(told.switchedAfter).toBeLessThan(10);
      note(
        `rollback: serves after ${told.switchedAfter.toFixed(1)} s, done after ${back.seconds.toFixed(1)} s`,
      );
    });
    note(`rollback: ${figures(report)}`);

    const again = await lab.dukaan("up");
    expect(again, again.stderr).toMatchObject({ exitCode: 0 });
    expect(again.stderr).toContain("no changes");
    expect(again.stdout).toContain(`stays at release ${serving} since a rollback`);
    expect(await served()).toBe(serving);
  });

  it("comes back with up --release latest", async () => {
    const { release } = await up("--release", "latest");
    expect(release).not.toBe(serving);
    expect(await served()).toBe(release);
    serving = release;
  });
});

describe("a bad release costs no request, changes nothing, and the one before serves on", () => {
  it("when it never becomes ready", async () => {
    await build("unready", (source) => refusingReadiness + source);
    const report = await underLoad("unready", async () => {
      await refusedUp(/failed at step "readyz"[^]*did not become ready within 30 s/);
    });
    expect(report.failed).toBe(0);
    note(`never ready: ${figures(report)}`);
  });

  it("when its migration fails", async () => {
    const bundle = await build("unmigratable", (source) => source);
    await writeFile(
      join(bundle, "migrations/0999_half-done.sql"),
      "CREATE TABLE half_done (id bigint);\nSELECT * FROM no_such_table;\n",
    );
    const report = await underLoad("unmigratable", async () => {
      await refusedUp(/failed at step "migrate"[^]*relation "no_such_table" does not exist/);
    });
    expect(await database("SELECT to_regclass('half_done') IS NULL")).toBe("t");
    expect(await database("SELECT count(*) FROM migrations WHERE name ~ 'half-done'")).toBe("0");
    expect(report.failed).toBe(0);
    note(`failed migration: ${figures(report)}`);
  });

  it("when it crashes a while after it was deployed", async () => {
    await build("crashing", (source) => crashing + source);
    const report = await underLoad("crashing", async () => {
      const { release } = await up();
      expect(await served()).toBe(release);
      await expect.poll(served, { timeout: 40_000, interval: 500 }).toBe(serving);
      await sleep(2000);
    });
    expect(report.failed).toBe(0);
    note(`crash: ${figures(report)}`);
    // nginx turns to the standby at once; the machine has gone back for good when it says so here.
    await expect
      .poll(() => onMachine("cat /opt/dukaan/releases/api/.failed 2>&1 || true"), { timeout: 40_000 })
      .toMatch(/ended by itself \(exited 1\)/);

    // The stack still wants it, and says what happened instead of trying again.
    const again = await lab.dukaan("up");
    expect(again.exitCode).toBe(1);
    expect(again.stderr).toMatch(new RegExp(`release ${serving} serves it.*went back by itself`));
    const preview = await lab.pulumi("preview", "--refresh", "--diff", "--non-interactive");
    expect(preview.stdout).toContain(serving);

    // A rollback then goes no further back: it settles on what serves.
    const settled = await lab.dukaan("rollback", "--json");
    expect(settled, settled.stderr).toMatchObject({ exitCode: 0 });
    expect(JSON.parse(settled.stdout)).toMatchObject({ release: serving });
    expect(await served()).toBe(serving);
  });
});

const refusingReadiness = `import { Server } from "node:http";
const emit = Server.prototype.emit;
Server.prototype.emit = function (event, request, response) {
  if (event === "request" && request.url === "/readyz") return response.writeHead(503).end("not today");
  return emit.apply(this, arguments);
};
`;

const crashing = `setTimeout(() => { throw new Error("a fault that takes its time"); }, 15_000);\n`;

/** Makes a bundle like the one that is built, but for its server, and deploys it from now on. */
async function build(name: string, change: (source: string) => string): Promise<string> {
  const bundle = join(folder, name, "api");
  await mkdir(join(folder, name));
  await cp(join(projectRoot, "dist/bundles/api"), bundle, { recursive: true });
  const source = change(await readFile(join(bundle, "server.mjs"), "utf8"));
  await writeFile(join(bundle, "server.mjs"), source);
  const digest = createHash("sha256").update(name).update(source).digest("hex");
  await writeFile(`${bundle}.json`, JSON.stringify({ digest }));
  process.env["DUKAAN_API_BUNDLE"] = bundle;
  return bundle;
}

interface Up {
  url: string;
  ca: string;
  release: string;
  changes: Record<string, number>;
}

async function up(...options: string[]): Promise<Up> {
  const result = await lab.dukaan("up", "--json", ...options);
  expect(result, result.stderr).toMatchObject({ exitCode: 0 });
  return JSON.parse(result.stdout) as Up;
}

/** An up that must fail with these words, and leave the machine as it was. */
async function refusedUp(words: RegExp): Promise<void> {
  const state =
    "ls /opt/dukaan/releases/api /run/dukaan; systemctl list-unit-files 'dukaan-api@*' | grep enabled";
  const before = await onMachine(state);
  const result = await lab.dukaan("up");
  expect(result.exitCode).toBe(1);
  expect(result.stderr).toMatch(words);
  expect(await onMachine(state)).toBe(before);
  expect(await served()).toBe(serving);
}

/** Does something under load; fails when a request did, or when an order is not as it should be. */
async function underLoad(name: string, work: () => Promise<void>): Promise<Report> {
  const journal = join(folder, `${name}.jsonl`);
  const load = await startLoad({ url, ca, rate: RATE, journal });
  let report: Report;
  try {
    await sleep(1000);
    await work();
  } finally {
    report = await load.stop();
  }
  expect(report.errors, JSON.stringify(report.firstFailures)).toEqual({});
  expect(report.rate.arrived).toBeGreaterThan(RATE * 0.8);
  expect(report.generator.cpu).toBeLessThan(1 / 3);
  const { findings, orders } = await verify(journal, database);
  expect(findings).toEqual([]);
  expect(orders.placed).toBe(report.orders.placed);
  return report;
}

function figures({ requests, failed, latency: { p50, p99, max }, generator, orders }: Report): string {
  return `${failed} of ${requests} requests failed, p50 ${p50} ms, p99 ${p99} ms, max ${max} ms, ${orders.placed} orders, generator ${(generator.cpu * 100).toFixed(0)} % of a core`;
}

function note(text: string): void {
  process.stderr.write(`  ${text}\n`);
}

/** The release that answers. */
async function served(): Promise<string> {
  const body = await new Promise<string>((resolve, reject) => {
    const asking = request(`${url}/readyz`, { ca, agent: false }, (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (part: string) => (text += part));
      answer.on("end", () => resolve(text));
    });
    asking.on("error", reject);
    asking.end();
  });
  return (JSON.parse(body) as { release: string }).release;
}

/** Without `./dukaan`, which asks Pulumi first: this is called often. */
async function onMachine(script: string): Promise<string> {
  const files = join(lab.stateFolder, "ssh");
  const options = ["-i", join(files, "key"), "-o", `UserKnownHostsFile=${join(files, "known_hosts")}`];
  const { stdout } = await execa("ssh", [...options, url.replace("https://", "root@"), script]);
  return stdout;
}

async function receivedBytes(): Promise<number> {
  const device = "$(ip -o route get 203.0.113.1 | grep -o 'dev [^ ]*' | cut -d ' ' -f 2)";
  return Number(await onMachine(`cat /sys/class/net/${device}/statistics/rx_bytes`));
}

async function database(sql: string): Promise<string> {
  const result = await onMachine(`runuser -u postgres -- psql -qAtX shop -c "${sql.replaceAll('"', '\\"')}"`);
  return result.trim();
}
