import { html } from "ghtml";
import type { Curve, Swing } from "../sensitivity.js";
import { money } from "./text.js";

/** Charts as SVG: numbers in the picture, nothing to load, readable in black and white. */

const width = 760;
const colours = { "aws-managed": "#b45309", "aws-self-run": "#1d4ed8", hetzner: "#15803d" } as const;
const dashes = { "aws-managed": "none", "aws-self-run": "7 4", hetzner: "2 3" } as const;

/** Bars from the total at an input's low value to that at its high one, around the total as it is. */
export function tornadoChart(swings: readonly Swing[], total: number, currency: string): string {
  const rows = swings.slice(0, 10);
  const left = 190;
  const bar = 26;
  const values = [total, ...rows.flatMap(({ low, high }) => [low.total, high.total])];
  const x = scale([Math.min(...values), Math.max(...values)], [left + 60, width - 70]);
  const height = rows.length * bar + 40;
  return html`<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="Inputs that move the total most">
    !${rows.map((swing, index) => tornadoRow(swing, index * bar + 8, x, left, currency))}
    <line class="axis" x1="${x(total)}" x2="${x(total)}" y1="0" y2="${rows.length * bar + 8}" />
    <text x="${x(total)}" y="${height - 10}" text-anchor="middle">${money(total, currency)}</text>
  </svg>`;
}

function tornadoRow(
  { input, low, high }: Swing,
  y: number,
  x: (value: number) => number,
  left: number,
  currency: string,
): string {
  const from = Math.min(low.total, high.total);
  const to = Math.max(low.total, high.total);
  return html`<g class="swing">
    <text x="${left}" y="${y + 13}" text-anchor="end"
      >${input} ${compact(low.value)}–${compact(high.value)}</text
    >
    <rect x="${x(from)}" y="${y}" width="${Math.max(1, x(to) - x(from))}" height="18" />
    <text x="${x(from) - 4}" y="${y + 13}" text-anchor="end">${money(from, currency)}</text>
    <text x="${x(to) + 4}" y="${y + 13}">${money(to, currency)}</text>
  </g>`;
}

/** Lines of the targets; cost is logarithmic, and so is the other axis if asked for. Open dots: something has no price. */
export function curveChart(
  curves: readonly Curve[],
  options: { label: string; xLabel: string; logarithmic: boolean; currency: string },
): string {
  const height = 340;
  const points = curves.flatMap((curve) => curve.points).filter(({ total }) => total > 0);
  const log = (value: number) => (options.logarithmic ? Math.log10(value) : value);
  const x = scale(range(points.map((point) => log(point.x))), [80, width - 140]);
  const y = scale(range(points.map(({ total }) => Math.log10(total))), [height - 50, 16]);
  const at = (point: Curve["points"][number]) => [x(log(point.x)), y(Math.log10(point.total))] as const;
  const decades = ticks(range(points.map(({ total }) => Math.log10(total))));
  const xs = [...new Set(points.map((point) => point.x))];
  const shown = options.logarithmic ? xs.filter((value) => Number.isInteger(Math.log10(value))) : xs;
  const labels = apart(curves.map(({ points: all }) => at(all.at(-1)!)[1]));
  return html`<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${options.label}">
    !${decades.map(
      (decade) =>
        html`<line class="grid" x1="80" x2="${width - 140}" y1="${y(decade)}" y2="${y(decade)}" />
          <text x="74" y="${y(decade) + 4}" text-anchor="end"
            >${money(10 ** decade, options.currency)}</text
          >`,
    )}
    !${shown.map(
      (value) =>
        html`<text x="${x(log(value))}" y="${height - 30}" text-anchor="middle">${compact(value)}</text>`,
    )}
    <text x="${(width - 60) / 2}" y="${height - 8}" text-anchor="middle">${options.xLabel}</text>
    !${curves.map(({ target, points: all }, index) => {
      const last = all.at(-1)!;
      return html`<g class="curve" stroke="${colours[target]}" fill="${colours[target]}">
        <polyline
          fill="none"
          stroke-dasharray="${dashes[target]}"
          points="${all.map((point) => at(point).join(",")).join(" ")}"
        />
        !${all
          .filter(({ complete }) => !complete)
          .map((point) => html`<circle cx="${at(point)[0]}" cy="${at(point)[1]}" r="3" fill="white" />`)}
        <text x="${at(last)[0] + 8}" y="${labels[index]! + 4}" stroke="none">
          ${target}${last.complete ? "" : " (part)"}
        </text>
      </g>`;
    })}
  </svg>`;
}

function scale([from, to]: readonly [number, number], [start, end]: readonly [number, number]) {
  const span = to - from || 1;
  return (value: number) => Math.round((start + ((value - from) / span) * (end - start)) * 10) / 10;
}

function range(values: readonly number[]): [number, number] {
  return [Math.min(...values), Math.max(...values)];
}

/** 1, 2 and 5 of every decade within the range, as logarithms. */
function ticks([from, to]: readonly [number, number]): number[] {
  const decades = Array.from(
    { length: Math.ceil(to) - Math.floor(from) + 1 },
    (_, index) => Math.floor(from) + index,
  );
  const marks = decades.flatMap((decade) => [1, 2, 5].map((step) => decade + Math.log10(step)));
  return marks.filter((mark) => mark >= from - 0.01 && mark <= to + 0.01);
}

function compact(value: number): string {
  return Intl.NumberFormat("en-US", { notation: "compact", maximumSignificantDigits: 3 }).format(value);
}

/** Moves positions down until each is a line's height below the one above it. */
function apart(positions: readonly number[]): number[] {
  const moved = [...positions];
  let above = -Infinity;
  const order = positions.map((_, index) => index).toSorted((a, b) => positions[a]! - positions[b]!);
  for (const index of order) {
    above = Math.max(positions[index]!, above + 15);
    moved[index] = above;
  }
  return moved;
}
