// How many requests a second a fleet answers with 99 of 100 within 200 ms, with 1, 2 and 4 app servers, and what is full
// then. App servers get a small share of a core each, so that a computer of two cores has room for four of them beside
// the balancer, the database and the visitors: what is shown is how the fleet scales, not what a server can do.
// A local cloud of its own, removed at the end. Needs root: node dist/test/bench/fleet-capacity.js [picture.svg]
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { cpus, loadavg } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { type ControlGroups, detectControlGroups } from "../../local/machines/cgroups.js";
import { startLoad } from "../../src/load/load.js";
import type { Report } from "../../src/load/report.js";
import { textTable } from "../../src/text-table.js";
import { createLab, type Lab } from "../e2e/lab.js";
import { capacityPlot, type Measured } from "./capacity-plot.js";

const goalMs = 200;
const seconds = Number(process.env["SECONDS"] ?? 20);
/** Of a core, for each app server. */
const share = Number(process.env["SHARE"] ?? 0.25);
const counts = (process.env["SERVERS"] ?? "1,2,4").split(",").map(Number);
const mostLoad = Number(process.env["MOST_LOAD"] ?? 4);
const instance = "capacity";

/** Control groups of the lab's machines, by name: "app-1". */
type Machines = ReadonlyMap<string, string>;

const [load = 0] = loadavg();
if (load >= mostLoad) {
  process.stderr.write(
    `this computer is busy (load ${load.toFixed(1)}): figures would be about that. Wait, or set MOST_LOAD.\n`,
  );
  process.exit(1);
}
const note = (message: string) => process.stderr.write(`${message}\n`);
const groups = await detectControlGroups();
const lab = await createLab(instance);
const measured: Measured[] = [];
try {
  for (const appServers of counts) {
    await lab.set({ "dukaan:stage": "fleet", "dukaan:appServers": appServers });
    const { url, ca } = JSON.parse(await succeeds("up", "--json")) as { url: string; ca: string };
    if (measured.length === 0) await succeeds("seed", "--stores", "20", "--products", "50");
    const machines = await machinesOf(lab);
    for (const [name, group] of machines) if (name.startsWith("app-")) await give(groups, group, share);
    const ask = async (rate: number): Promise<boolean> => {
      const one = await measure({ url, ca: await readFile(ca, "utf8") }, machines, appServers, rate);
      measured.push(one);
      note(describe(one));
      return isGood(one);
    };
    await ask(10 * appServers); // what is compiled and cached at first is no one's latency later
    measured.pop();
    await findLimit(ask, 20 * appServers);
  }
} finally {
  await lab.remove();
}
const [picture] = process.argv.slice(2);
const about = `${new Date().toISOString().slice(0, 10)}, ${cpus().length} cores (${cpus()[0]?.model.trim()}), ${share} of a core an app server, ${seconds} s a point`;
if (picture !== undefined) await writeFile(picture, capacityPlot(measured, { goalMs, about }));
process.stdout.write(`${about}; load before: ${load.toFixed(1)}\n\n${table()}\n`);

async function succeeds(...words: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await lab.dukaan(...words);
  if (exitCode !== 0) throw new Error(`./dukaan ${words.join(" ")}:\n${stderr}`);
  return stdout;
}

async function machinesOf({ cloud }: Lab): Promise<Machines> {
  const { servers } = await cloud<{ servers: { id: number; name: string }[] }>("GET", "/servers?per_page=50");
  return new Map(servers.map(({ id, name }) => [name.replace(/^lab-/, ""), `${instance}/${id}`]));
}

/** In turns of 10 ms: with the usual 100 ms a request would wait for most of its goal each time the share is used up. */
async function give(known: ControlGroups, group: string, cores: number): Promise<void> {
  const periodUs = 10_000;
  const folder = known.folder(group, "cpu");
  const quota = String(Math.round(cores * periodUs));
  if (existsSync(`${folder}/cpu.max`)) await writeFile(`${folder}/cpu.max`, `${quota} ${periodUs}`);
  else {
    await writeFile(`${folder}/cpu.cfs_period_us`, String(periodUs));
    await writeFile(`${folder}/cpu.cfs_quota_us`, quota);
  }
}

/** More by a third each time until it is too much, then between the last two. */
async function findLimit(ask: (rate: number) => Promise<boolean>, first: number): Promise<void> {
  let [good, bad] = [0, Number.POSITIVE_INFINITY];
  for (let rate = first; bad === Number.POSITIVE_INFINITY && rate < 2000; rate = Math.round(rate * 1.33)) {
    // One slow moment of this computer is not the fleet's limit.
    if ((await ask(rate)) || (await ask(rate))) good = rate;
    else bad = rate;
  }
  for (let step = 0; step < 2; step++) {
    const rate = Math.round((good + bad) / 2);
    if (await ask(rate)) good = rate;
    else bad = rate;
  }
}

async function measure(
  { url, ca }: { url: string; ca: string },
  machines: Machines,
  appServers: number,
  rate: number,
): Promise<Measured> {
  const visitors = await startLoad({ url, ca, rate, seed: measured.length + 1 });
  const before = await usage(machines);
  await sleep(seconds * 1000);
  const after = await usage(machines);
  const report: Report = await visitors.stop();
  const elapsed = after.at - before.at;
  const cores = (name: string) => ((after.cpu.get(name) ?? 0) - (before.cpu.get(name) ?? 0)) / elapsed;
  const apps = [...machines.keys()].filter((name) => name.startsWith("app-"));
  return {
    appServers,
    rate,
    perSecond: report.requests / report.seconds,
    p50: report.latency.p50,
    p99: report.latency.p99,
    failed: report.failed,
    used: {
      "app servers": apps.reduce((sum, name) => sum + cores(name), 0) / (apps.length * share),
      balancer: cores("edge-1"),
      database: cores("database-1"),
      visitors: report.generator.cpu,
      computer: (after.busy - before.busy) / (after.all - before.all),
    },
    load: loadavg()[0] ?? 0,
  };
}

/** Seconds of processor time that each machine has used up to now, and this computer, busy and altogether. */
async function usage(machines: Machines) {
  const at = performance.now() / 1000;
  const used = [...machines].map(async ([name, group]): Promise<[string, number]> => [
    name,
    (await groups.cpuSeconds(group)) ?? 0,
  ]);
  // proc(5): user nice system idle iowait irq softirq steal
  const [, user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, soft = 0, steal = 0] = (
    await readFile("/proc/stat", "utf8")
  )
    .split("\n")[0]!
    .split(/\s+/)
    .map(Number);
  const busy = user + nice + system + irq + soft + steal;
  return { at, cpu: new Map(await Promise.all(used)), busy, all: busy + idle + wait };
}

function isGood({ p99, failed }: Measured): boolean {
  return p99 <= goalMs && failed === 0;
}

function describe({ appServers, perSecond, p50, p99, failed, used, load: now }: Measured): string {
  const parts = Object.entries(used).map(([name, part]) => `${name} ${(part * 100).toFixed(0)} %`);
  return `${appServers} app servers, ${perSecond.toFixed(0)}/s: p50 ${p50} ms, p99 ${p99} ms, ${failed} failed; ${parts.join(", ")}; load ${now.toFixed(1)}`;
}

/** The most that each number of app servers answered well, as Markdown. */
function table(): string {
  const best = counts.flatMap((count) => {
    const good = measured.filter((one) => one.appServers === count && isGood(one));
    const [most] = good.toSorted((one, other) => other.perSecond - one.perSecond);
    return most ? [most] : [];
  });
  const names = Object.keys(best[0]?.used ?? {});
  const head = ["app servers", "requests/s", "p50 ms", "p99 ms", ...names, "load"];
  const percent = (part: number) => `${(part * 100).toFixed(0)} %`;
  const rows = best.map(({ appServers, perSecond, p50, p99, used, load: now }) =>
    [String(appServers), perSecond.toFixed(0), String(p50), String(p99)].concat(
      Object.values(used).map(percent),
      now.toFixed(1),
    ),
  );
  return textTable({ head, rows });
}
