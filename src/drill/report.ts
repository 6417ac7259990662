import { escape, type Line, type Mark, page, plot, table } from "../load/plot.js";
import type { Report } from "../load/report.js";
import { textTable } from "../text-table.js";
import { goals, type Look, type LossResult, rotationChanges } from "./judge.js";
import { descriptions } from "./losses.js";

/** One loss with what happened second by second. Moments are Unix time in milliseconds. */
export interface RecordedLoss {
  result: LossResult;
  load: Report;
  brokenAt: number;
  mendedAt: number;
  looks: readonly Look[];
}

/** What `drill app-loss` has found. */
export interface DrillReport {
  drill: "app-loss";
  stack: string;
  url: string;
  /** Visits a second. */
  rate: number;
  startedAt: string;
  goalsMet: boolean;
  /** Why it ended before it was through. */
  interrupted?: string;
  losses: RecordedLoss[];
}

/** The report for other programs: without every look at the balancers, but with every change that they showed. */
export function reportData({ losses, ...rest }: DrillReport): object {
  return {
    ...rest,
    goals,
    losses: losses.map(({ result, load, brokenAt, mendedAt, looks }) => ({
      ...result,
      description: descriptions[result.loss],
      brokenAt: new Date(brokenAt).toISOString(),
      mendedAt: new Date(mendedAt).toISOString(),
      rotation: rotationChanges(looks, result.server).map(({ at, inRotation }) => ({
        at: new Date(at).toISOString(),
        inRotation,
      })),
      load,
    })),
  };
}

/** A line a loss, and what was missed. */
export function summary({ losses }: DrillReport): string {
  const head = ["loss", "out after", "failed", "in the first second", "back after", "slowest", "goals"];
  const missed = losses.flatMap(({ result }) => result.missed.map((text) => `${result.loss}: ${text}`));
  return [
    textTable({ head, rows: losses.map(({ result }) => cells(result)) }),
    ...(missed.length > 0 ? ["", ...missed] : []),
  ].join("\n");
}

function cells(result: LossResult): string[] {
  const { loss, outMs, backMs, failed, firstSecond, slowestMs, missed } = result;
  return [
    loss,
    outMs === undefined ? "stayed in" : `${outMs} ms`,
    `${failed}`,
    `of ${firstSecond}`,
    outMs === undefined ? "" : backMs === undefined ? "not back" : `${(backMs / 1000).toFixed(1)} s`,
    `${slowestMs} ms`,
    missed.length === 0 ? "met" : "MISSED",
  ];
}

/** The report as one page with a timeline of every loss. */
export function reportHtml(report: DrillReport): string {
  const { stack, url, rate, startedAt, losses, interrupted } = report;
  return page(`Loss of an app server: ${stack}`, [
    `<h1>Loss of an app server: ${escape(stack)}</h1>`,
    `<p>${escape(url)}, ${rate} visits a second; ${escape(startedAt)}. Goals: out of rotation within ${goals.outMs} ms, ` +
      `failed requests at most ${goals.failedShare * 100} % of those of the first second, back only when ready, ` +
      `no write sent to a second server, every order there once.</p>`,
    ...(interrupted === undefined ? [] : [`<p><b>Ended early:</b> ${escape(interrupted)}</p>`]),
    table(
      ["", "out after", "failed", "in the first second", "back after", "slowest", "goals"],
      losses.map(({ result }) => cells(result)),
    ),
    ...losses.flatMap(lossSection),
  ]);
}

function lossSection(loss: RecordedLoss): string[] {
  const { result, load } = loss;
  const { logged, orders, missed } = result;
  const series = (
    name: string,
    color: string,
    of: (second: Report["perSecond"][number]) => number,
  ): Line => ({
    name,
    color,
    points: load.perSecond.map((second) => [second.second, of(second)]),
  });
  const marks = marksOf(loss);
  return [
    `<h2>${escape(result.loss)}: ${escape(result.server)}, ${escape(descriptions[result.loss])}</h2>`,
    table(
      ["", ""],
      [
        ["requests", `${load.requests} in ${load.seconds} s, ${load.failed} failed ${errorsOf(load)}`],
        ["tried again while it was broken", `${result.returns} times`],
        ["reads that reached two servers", `${logged.readsRepeated} of ${logged.reads}`],
        ["writes that reached two servers", `${logged.writesRepeated} of ${logged.writes}`],
        [
          "orders",
          `${orders.placed} placed, ${orders.inDatabase} in the database, ${orders.open} unanswered`,
        ],
        ["goals", missed.length === 0 ? "met" : missed.join("; ")],
      ],
    ),
    plot(
      "Requests a second",
      "seconds",
      [
        series("all", "#2563eb", ({ requests }) => requests),
        series("failed", "#dc2626", ({ failed }) => failed),
      ],
      { marks },
    ),
    plot(
      "Latency in ms",
      "seconds",
      [
        series("p50", "#16a34a", ({ p50 }) => p50),
        series("p99", "#d97706", ({ p99 }) => p99),
        series("max", "#9333ea", ({ max }) => max),
      ],
      { logarithmic: true, marks },
    ),
    plot("Requests a second, by server", "seconds", linesByServer(loss), { marks }),
  ];
}

function errorsOf({ errors }: Report): string {
  const parts = Object.entries(errors).map(([kind, times]) => `${times} × ${kind}`);
  return parts.length === 0 ? "" : `(${parts.join(", ")})`;
}

function marksOf({ result, load, brokenAt, mendedAt }: RecordedLoss): Mark[] {
  const start = Date.parse(load.startedAt);
  const mark = (name: string, at: number): Mark => ({ name, x: (at - start) / 1000 });
  return [
    mark("broken", brokenAt),
    ...(result.outMs === undefined ? [] : [mark("out", brokenAt + result.outMs)]),
    mark("mended", mendedAt),
    ...(result.backMs === undefined ? [] : [mark("back", mendedAt + result.backMs)]),
  ];
}

const colors = ["#2563eb", "#d97706", "#16a34a", "#9333ea", "#dc2626", "#0891b2"];

/** What balancers sent to each server, by second; a balancer's counters begin anew with its process. */
function linesByServer({ looks, load }: RecordedLoss): Line[] {
  const start = Date.parse(load.startedAt);
  const sent = new Map<string, Map<number, number>>();
  const before = new Map<string, Look>();
  for (const look of looks) {
    const last = before.get(look.balancer);
    before.set(look.balancer, look);
    const second = Math.floor((look.at - start) / 1000);
    if (second < 0) continue;
    for (const [server, { requests }] of Object.entries(look.servers)) {
      const bySecond = sent.get(server) ?? new Map<number, number>();
      sent.set(server, bySecond);
      const more = Math.max(0, requests - (last?.servers[server]?.requests ?? requests));
      bySecond.set(second, (bySecond.get(second) ?? 0) + more);
    }
  }
  return [...sent].map(([name, bySecond], index) => ({
    name,
    color: colors[index % colors.length]!,
    points: [...bySecond],
  }));
}
