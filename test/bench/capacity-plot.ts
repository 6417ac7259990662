import { escape } from "../../src/load/plot.js";

/** One rate that was tried on a fleet. */
export interface Measured {
  appServers: number;
  /** Visits a second that were sent. */
  rate: number;
  /** Requests a second. */
  perSecond: number;
  /** Milliseconds from when a request was meant to be sent. */
  p50: number;
  p99: number;
  failed: number;
  /** Shares of what each may use: app servers of their part, the others of a core, the computer of all its cores. */
  used: Readonly<Record<string, number>>;
  /** The computer's load average after it. */
  load: number;
}

const width = 900;
const height = 420;
const frame = { left: 70, right: 30, top: 60, bottom: 70 };
const colors = ["#0284c7", "#7c3aed", "#db2777", "#b45309"];
const ticksMs = [10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000];

/** The 99th percentile over the rate, a curve for each number of app servers, as SVG that needs nothing else. */
export function capacityPlot(
  measured: readonly Measured[],
  { goalMs, about }: { goalMs: number; about: string },
): string {
  const rightmost = Math.max(...measured.map(({ perSecond }) => perSecond));
  const step = 10 ** Math.floor(Math.log10(rightmost)) / 2;
  const xMax = Math.ceil(rightmost / step) * step;
  const yMax = ticksMs.find((tick) => tick >= Math.max(...measured.map(({ p99 }) => p99))) ?? 10_000;
  const x = (rate: number) => frame.left + (rate / xMax) * (width - frame.left - frame.right);
  const y = (ms: number) => {
    const part = Math.log(Math.min(yMax, Math.max(10, ms)) / 10) / Math.log(yMax / 10);
    return height - frame.bottom - part * (height - frame.top - frame.bottom);
  };
  const at = (one: Measured) => `${x(one.perSecond).toFixed(1)} ${y(one.p99).toFixed(1)}`;
  const grid = ticksMs
    .filter((tick) => tick <= yMax)
    .map(
      (tick) =>
        `<path class="grid" d="M${frame.left} ${y(tick).toFixed(1)}H${width - frame.right}"/>` +
        `<text class="end" x="${frame.left - 8}" y="${(y(tick) + 4).toFixed(1)}">${tick}</text>`,
    );
  const rates = Array.from({ length: Math.round(xMax / step) + 1 }, (_, index) => index * step).map(
    (rate) =>
      `<text class="middle" x="${x(rate).toFixed(1)}" y="${height - frame.bottom + 20}">${rate}</text>`,
  );
  const curves = [...Map.groupBy(measured, ({ appServers }) => appServers)].map(([count, some], index) => {
    const sorted = some.toSorted((one, other) => one.perSecond - other.perSecond);
    const color = colors[index % colors.length];
    const dots = sorted.map(
      (one) =>
        `<circle cx="${at(one).replace(" ", '" cy="')}" r="4" fill="${one.failed === 0 ? color : "none"}" stroke="${color}"/>`,
    );
    const label = `${count} app server${count === 1 ? "" : "s"}`;
    return (
      `<path d="M${sorted.map(at).join("L")}" fill="none" stroke="${color}" stroke-width="2"/>${dots.join("")}` +
      `<text x="${frame.left + 10 + index * 130}" y="52" style="fill:${color};font-weight:600">${label}</text>`
    );
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="Latency of a fleet over its requests a second">
<style>
svg { font: 12px system-ui, -apple-system, "Segoe UI", sans-serif; }
.page { fill: #ffffff; } text { fill: #475569; } .title { font-size: 16px; font-weight: 700; fill: #0f172a; }
.grid { stroke: #e2e8f0; } .goal { stroke: #dc2626; stroke-dasharray: 6 4; }
.end { text-anchor: end; } .middle { text-anchor: middle; }
@media (prefers-color-scheme: dark) { .page { fill: #0b1220; } text { fill: #a8b5c7; } .title { fill: #e2e8f0; } .grid { stroke: #1e293b; } }
</style>
<rect class="page" width="${width}" height="${height}"/>
<text class="title" x="${frame.left}" y="28">99th percentile in ms, over requests a second</text>
${[...grid, ...rates, ...curves].join("\n")}
<path class="goal" d="M${frame.left} ${y(goalMs).toFixed(1)}H${width - frame.right}"/>
<text class="end" x="${width - frame.right}" y="${(y(goalMs) - 6).toFixed(1)}" style="fill:#dc2626">goal: ${goalMs} ms</text>
<text x="${frame.left}" y="${height - 20}">${escape(about)}</text>
</svg>
`;
}
