import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { LossResult } from "../../src/drill/judge.js";
import { type Loss, losses } from "../../src/drill/losses.js";
import type { Report } from "../../src/load/report.js";
import { createLab, type Lab } from "./lab.js";

// App servers of a shop that is used are lost on purpose. The short form leaves out what takes long and has never been a
// surprise; `./dukaan test --drills` runs the long one.

const long = process.env["DUKAAN_DRILLS"] === "1";
const chosen: readonly Loss[] = long ? losses : ["killed", "frozen", "errors"];
const extent = long ? ["--rate", "200", "--seconds", "12"] : ["--rate", "100", "--seconds", "2"];

let lab: Lab;

beforeAll(async () => {
  lab = await createLab("drill");
  await succeeds("up", "--stage", "fleet");
  await succeeds("seed", "--stores", "20", "--products", "50");
});
afterAll(async () => lab?.remove());

it("costs nobody a read, sends no write twice, and loses no order, whichever way an app server goes", async () => {
  const page = join(lab.folder, "report.html");
  const all: LossResult[] = [];
  let late: Loss[] = [...chosen];
  // A busy computer makes a balancer late and never early: what is late every time is late by itself.
  for (let attempt = 0; attempt < 3 && late.length > 0; attempt++) {
    const results = await drilled(late, page);
    all.push(...results);
    late = results.filter(({ missed }) => missed.some((text) => isLate.test(text))).map(({ loss }) => loss);
  }
  expect(late).toEqual([]);
  const sum = (of: (result: LossResult) => number) => all.reduce((total, result) => total + of(result), 0);
  // Three for the losses that were chosen; more of them were seen when some were tried again.
  const few = (3 * all.length) / chosen.length;
  expect(sum(({ failed }) => failed)).toBeLessThanOrEqual(
    Math.max(few, 0.005 * sum((each) => each.firstSecond)),
  );
  expect(await readFile(page, "utf8")).toContain("<svg");
});

const isLate = /^out of rotation after \d+ ms/;

/** What losses have cost; fails when it was more than time and writes that were under way. @param page of the report */
async function drilled(which: readonly Loss[], page: string): Promise<LossResult[]> {
  const only = ["--only", which.join(","), "--report", page];
  const drill = await lab.dukaan("drill", "app-loss", "--json", ...only, ...extent);
  expect([0, 1], drill.stderr).toContain(drill.exitCode);
  const report = JSON.parse(drill.stdout) as { goalsMet: boolean; losses: (LossResult & { load: Report })[] };
  expect(report.goalsMet).toBe(drill.exitCode === 0);
  expect(report.losses.map(({ loss }) => loss)).toEqual(which);

  for (const { loss, outMs, backMs, returns, failed, firstSecond, missed, logged, load } of report.losses) {
    const { catalogue, product, checkout, receipt } = load.byKind;
    note(
      `${loss}: out after ${outMs} ms, back after ${backMs} ms, ${failed} failed (${firstSecond} a second)`,
    );
    // A write that was under way can fail: it is not sent again. Whether one was is a matter of luck.
    expect(
      missed.filter((text) => !/requests failed; of/.test(text) && !isLate.test(text)),
      loss,
    ).toEqual([]);
    for (const reads of [catalogue, product, checkout, receipt])
      expect(reads?.failed ?? 0, `${loss}: ${JSON.stringify(load.firstFailures)}`).toBe(0);
    expect(logged).toMatchObject({ writesRepeated: 0 });
    expect(logged.writes, loss).toBeGreaterThan(0);
    expect(returns, loss).toBe(0);
  }
  return report.losses;
}

it("makes good what it has broken when it is interrupted", async () => {
  const running = lab.start("drill", "app-loss", "--only", "frozen", "--rate", "20", "--seconds", "60");
  const ended = new Promise((resolve) => {
    running.once("exit", resolve);
  });
  const said = await new Promise<string>((resolve) => {
    let text = "";
    running.stderr.setEncoding("utf8").on("data", (part: string) => {
      text += part;
      if (text.includes("losing app-2")) resolve(text);
    });
    running.once("exit", () => resolve(text));
  });
  expect(said).toContain("losing app-2");
  const states = [
    'for pid in $(systemctl show --property MainPID --value "dukaan-api@*.service")',
    'do [ "$pid" = 0 ] || ps -o state= -p "$pid"',
    "done",
  ].join("; ");
  await expect.poll(() => succeeds("ssh", "app-2", "--", states)).toContain("T");
  process.kill(-running.pid!, "SIGINT");
  expect(await ended).toBe(130);
  const left = await succeeds(
    "ssh",
    "app-2",
    "--",
    `${states}; test ! -e /run/dukaan-drill && echo nothing left`,
  );
  // D: it waits for the disk.
  expect(left.trim().split("\n")).toEqual([expect.stringMatching(/^[SRD]/), "nothing left"]);
});

async function succeeds(...args: string[]): Promise<string> {
  const result = await lab.dukaan(...args);
  expect(result, result.stderr).toMatchObject({ exitCode: 0 });
  return result.stdout;
}

function note(text: string): void {
  process.stderr.write(`  ${text}\n`);
}
