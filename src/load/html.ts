import type { Report } from "./report.js";
import type { Verdict } from "./verify.js";

const WIDTH = 900;
const HEIGHT = 220;
const LEFT = 60;
const BOTTOM = 30;

interface Line {
  name: string;
  color: string;
  points: readonly (readonly [x: number, y: number])[];
}

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
    ["generator", `at worst ${generator.latestMs} ms late, ${(generator.cpu * 100).toFixed(1)} % of a core`],
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
      true,
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
      true,
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
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Load report</title><style>
body{font:15px/1.5 system-ui,sans-serif;max-width:${WIDTH}px;margin:2rem auto;padding:0 1rem;color:#1f2937}
table{border-collapse:collapse;margin:1rem 0}td,th{padding:.2rem .8rem .2rem 0;text-align:left;vertical-align:top}
svg{width:100%;height:auto}svg text{font:12px system-ui,sans-serif;fill:#4b5563}
</style>${body.join("\n")}</html>\n`;
}

function describeErrors({ errors }: Report): string {
  const parts = Object.entries(errors).map(([kind, times]) => `${times} × ${kind}`);
  return parts.length === 0 ? "" : ` (${parts.join(", ")})`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const title = head.some((cell) => cell !== "") ? row(head, "th") : "";
  return `<table>${title}${rows.map((cells) => row(cells, "td")).join("")}</table>`;
}

function row(cells: readonly string[], tag: "td" | "th"): string {
  return `<tr>${cells.map((cell) => `<${tag}>${escape(cell)}</${tag}>`).join("")}</tr>`;
}

/** @param logarithmic whether the y axis is; it then begins at 1 */
function plot(title: string, xTitle: string, lines: readonly Line[], logarithmic = false): string {
  const all = lines.flatMap(({ points }) => points);
  const xMax = Math.max(1, ...all.map(([x]) => x));
  const yMax = Math.max(logarithmic ? 10 : 1, ...all.map(([, y]) => y));
  const xAt = (x: number) => LEFT + (x / xMax) * (WIDTH - LEFT - 10);
  const share = (y: number) => (logarithmic ? Math.log10(Math.max(1, y)) / Math.log10(yMax) : y / yMax);
  const yAt = (y: number) => HEIGHT - BOTTOM - share(y) * (HEIGHT - BOTTOM - 10);
  const ticks = logarithmic ? [1, 10, 100, 1000, 10_000].filter((tick) => tick <= yMax) : [0, yMax / 2, yMax];
  const grid = ticks.map(
    (tick) =>
      `<path d="M${LEFT} ${yAt(tick).toFixed(1)}H${WIDTH - 10}" stroke="#e5e7eb"/>` +
      `<text x="${LEFT - 8}" y="${(yAt(tick) + 4).toFixed(1)}" text-anchor="end">${Math.round(tick)}</text>`,
  );
  const curves = lines.map(
    ({ color, points }) =>
      `<polyline fill="none" stroke="${color}" stroke-width="1.5" points="${points
        .map(([x, y]) => `${xAt(x).toFixed(1)},${yAt(y).toFixed(1)}`)
        .join(" ")}"/>`,
  );
  const legend = lines.map(
    ({ name, color }, index) =>
      `<text x="${LEFT + 8 + index * 80}" y="20" style="fill:${color}">${escape(name)}</text>`,
  );
  return (
    `<h2>${escape(title)}</h2><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escape(title)}">` +
    [...grid, ...curves, ...legend].join("") +
    `<text x="${LEFT}" y="${HEIGHT - 8}">0</text>` +
    `<text x="${WIDTH - 10}" y="${HEIGHT - 8}" text-anchor="end">${Math.round(xMax * 10) / 10} (${escape(xTitle)})</text></svg>`
  );
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
