import { escape, type Line, page, plot, table } from "./plot.js";
import type { Report } from "./report.js";
import type { Verdict } from "./verify.js";

/** A report as one page that needs nothing else: tables, and plots as SVG. */
export function reportPage(report: Report, verdict?: Verdict): string {
  const { perSecond, latency, orders, generator, rate } = report;
  const series = (name: string, color: string, of: (second: (typeof perSecond)[number]) => number): Line => ({
    name,
    color,
    points: perSecond.map((second) => [second.second, of(second)]),
  });
  const facts = [
    ["visits a second", `${rate.arrived} (asked for ${rate.wanted})`],
    ["requests", `${report.requests} in ${report.seconds} s`],
    ["failed", `${report.failed}${describeErrors(report)}`],
    ["latency p50 / p90 / p99 / p99.9 / max", `${Object.values(latency).join(" / ")} ms`],
    ["longest silence", `${report.longestSilenceMs} ms without a good answer`],
    ["orders", `${orders.placed} placed, ${orders.refused} refused, ${orders.unknown} without an answer`],
    [
      "generator",
      `at worst ${generator.latestMs} ms late, ${(generator.cpu * 100).toFixed(1)} % of a core; orders waited for their journal ${generator.journalMs} ms at worst`,
    ],
    ...(verdict ? [["journal against database", verdict.ok ? "agree" : "DIFFER"]] : []),
  ];
  const body = [
    `<h1>Load on ${escape(report.url)}</h1>`,
    `<p>${escape(report.startedAt)}; latency counts from when a request was meant to be sent.</p>`,
    table(["", ""], facts),
    plot("Requests a second", "seconds", [
      series("all", "#2563eb", ({ requests }) => requests),
      series("failed", "#dc2626", ({ failed }) => failed),
    ]),
    plot(
      "Latency in ms, by second",
      "seconds",
      [
        series("p50", "#16a34a", ({ p50 }) => p50),
        series("p99", "#d97706", ({ p99 }) => p99),
        series("max", "#9333ea", ({ max }) => max),
      ],
      { logarithmic: true },
    ),
    plot(
      "Latency in ms, by share of requests",
      "nines: 1 is 90 %, 2 is 99 %, 3 is 99.9 %",
      [
        {
          name: "latency",
          color: "#2563eb",
          points: report.distribution
            .filter(({ share }) => share < 1)
            .map(({ share, ms }) => [-Math.log10(1 - share), ms]),
        },
      ],
      { logarithmic: true },
    ),
    table(
      ["", "requests", "failed", "p50", "p90", "p99", "p99.9", "max"],
      Object.entries(report.byKind).map(([kind, numbers]) =>
        [kind].concat(Object.values(numbers).map(String)),
      ),
    ),
    ...(report.firstFailures.length > 0
      ? [
          "<h2>First failures</h2>",
          table(
            ["when", "request", "error", "ms"],
            report.firstFailures.map(({ at, kind, error, ms }) => [at, kind, error, String(ms)]),
          ),
        ]
      : []),
    ...(verdict && !verdict.ok
      ? [
          "<h2>Findings</h2>",
          table(
            ["", ""],
            verdict.findings.map(({ kind, message }) => [kind, message]),
          ),
        ]
      : []),
  ];
  return page("Load report", body);
}

function describeErrors({ errors }: Report): string {
  const parts = Object.entries(errors).map(([kind, times]) => `${times} × ${kind}`);
  return parts.length === 0 ? "" : ` (${parts.join(", ")})`;
}
