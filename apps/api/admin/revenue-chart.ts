import { html } from "ghtml";
import { formatDay } from "../indian-time.js";
import { formatRupees } from "../money.js";
import type { DaySales } from "./revenue.js";

// In units of the drawing; it is as wide as its place on the page.
const WIDTH = 600;
const HEIGHT = 180;
const TOP = 22;
const BOTTOM = 24;
const PLOT = HEIGHT - TOP - BOTTOM;

/**
 * Revenue by day as a picture (SVG without script or inline style) and as a table with the same numbers.
 * @param days at least one, oldest first
 */
export function revenueChart(days: readonly DaySales[]): string {
  const total = days.reduce((sum, day) => sum + day.revenuePaise, 0);
  const most = Math.max(...days.map((day) => day.revenuePaise));
  const top = niceCeiling(most);
  const slot = WIDTH / days.length;
  const bars = days.map(({ day, revenuePaise }, index) => {
    const height = top === 0 ? 0 : Math.max(revenuePaise > 0 ? 1 : 0, (revenuePaise / top) * PLOT);
    return html`<rect
      class="bar"
      x="${round(index * slot + slot * 0.15)}"
      y="${round(TOP + PLOT - height)}"
      width="${round(slot * 0.7)}"
      height="${round(height)}"
      rx="2"
    >
      <title>${formatDay(day)}: ${formatRupees(revenuePaise)}</title>
    </rect>`;
  });
  const summary = `${formatRupees(total)} in ${days.length} days; the best day brought ${formatRupees(most)}.`;
  return html`<figure class="chart">
    <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-labelledby="chart-title chart-summary">
      <title id="chart-title">Revenue of the last ${days.length} days</title>
      <desc id="chart-summary">${summary}</desc>
      <text class="label" x="0" y="14">${formatRupees(top)}</text>
      <line class="grid-line" x1="0" x2="${WIDTH}" y1="${TOP}" y2="${TOP}" />
      <line class="grid-line" x1="0" x2="${WIDTH}" y1="${TOP + PLOT / 2}" y2="${TOP + PLOT / 2}" />
      !${bars}
      <line class="axis" x1="0" x2="${WIDTH}" y1="${TOP + PLOT}" y2="${TOP + PLOT}" />
      !${dayLabels(days, slot)}
    </svg>
    <figcaption>${summary}</figcaption>
    <details>
      <summary>The same as a table</summary>
      !${salesTable(days)}
    </details>
  </figure>`;
}

/** The first day, the one in the middle, and today. */
function dayLabels(days: readonly DaySales[], slot: number): string {
  const label = (index: number, anchor: "start" | "middle" | "end", x: number) =>
    html`<text class="label" x="${round(x)}" y="${HEIGHT - 6}" text-anchor="${anchor}">
      ${formatDay(days[index]!.day)}
    </text>`;
  const middle = Math.floor(days.length / 2);
  return (
    label(0, "start", 0) +
    (days.length > 2 ? label(middle, "middle", (middle + 0.5) * slot) : "") +
    (days.length > 1 ? label(days.length - 1, "end", WIDTH) : "")
  );
}

function salesTable(days: readonly DaySales[]): string {
  return html`<table>
    <thead>
      <tr>
        <th scope="col">Day</th>
        <th scope="col" class="number">Orders</th>
        <th scope="col" class="number">Revenue</th>
      </tr>
    </thead>
    <tbody>
      !${days.toReversed().map(
        ({ day, orders, revenuePaise }) =>
          html`<tr>
            <th scope="row">${formatDay(day)}</th>
            <td class="number">${orders}</td>
            <td class="number">${formatRupees(revenuePaise)}</td>
          </tr>`,
      )}
    </tbody>
  </table>`;
}

/** The next amount that is 1, 2 or 5 times a power of ten, in whole rupees; 0 for 0. */
export function niceCeiling(paise: number): number {
  if (paise === 0) return 0;
  const power = 10 ** Math.max(2, Math.floor(Math.log10(paise)));
  const factor = [1, 2, 5, 10].find((candidate) => candidate * power >= paise) ?? 10;
  return factor * power;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
