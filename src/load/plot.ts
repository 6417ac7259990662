const WIDTH = 900;
const HEIGHT = 220;
const LEFT = 60;
const BOTTOM = 30;

/** A curve of a plot. */
export interface Line {
  name: string;
  color: string;
  points: readonly (readonly [x: number, y: number])[];
}

/** Something that happened at a moment, as an upright line. */
export interface Mark {
  name: string;
  x: number;
}

/** A page that needs nothing else. @param body HTML */
export function page(title: string, body: readonly string[]): string {
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>${escape(title)}</title><style>
body{font:15px/1.5 system-ui,sans-serif;max-width:${WIDTH}px;margin:2rem auto;padding:0 1rem;color:#1f2937}
table{border-collapse:collapse;margin:1rem 0}td,th{padding:.2rem .8rem .2rem 0;text-align:left;vertical-align:top}
svg{width:100%;height:auto}svg text{font:12px system-ui,sans-serif;fill:#4b5563}
</style>${body.join("\n")}</html>\n`;
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const title = head.some((cell) => cell !== "") ? row(head, "th") : "";
  return `<table>${title}${rows.map((cells) => row(cells, "td")).join("")}</table>`;
}

function row(cells: readonly string[], tag: "td" | "th"): string {
  return `<tr>${cells.map((cell) => `<${tag}>${escape(cell)}</${tag}>`).join("")}</tr>`;
}

/**
 * Curves over one axis, as SVG.
 * @param options.logarithmic whether the y axis is; it then begins at 1
 */
export function plot(
  title: string,
  xTitle: string,
  lines: readonly Line[],
  { logarithmic = false, marks = [] }: { logarithmic?: boolean; marks?: readonly Mark[] } = {},
): string {
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
  const moments = marks.map(
    ({ name, x }, index) =>
      `<path d="M${xAt(x).toFixed(1)} 24V${HEIGHT - BOTTOM}" stroke="#6b7280" stroke-dasharray="3"/>` +
      `<text x="${(xAt(x) + 3).toFixed(1)}" y="${36 + (index % 4) * 13}">${escape(name)}</text>`,
  );
  const legend = lines.map(
    ({ name, color }, index) =>
      `<text x="${LEFT + 8 + index * 80}" y="20" style="fill:${color}">${escape(name)}</text>`,
  );
  return (
    `<h3>${escape(title)}</h3><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escape(title)}">` +
    [...grid, ...curves, ...moments, ...legend].join("") +
    `<text x="${LEFT}" y="${HEIGHT - 8}">0</text>` +
    `<text x="${WIDTH - 10}" y="${HEIGHT - 8}" text-anchor="end">${Math.round(xMax * 10) / 10} (${escape(xTitle)})</text></svg>`
  );
}

export function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
