import { formatDay } from "../indian-time.js";
import { formatRupees } from "../money.js";
import { html } from "../pages/html.js";
import type { DaySales } from "./revenue.js";

// In units of the drawing, which is stretched to its place on the page. Words stand beside it: they must not stretch.
const WIDTH = 600;
const HEIGHT = 100;

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
    const height = top === 0 ? 0 : Math.max(revenuePaise > 0 ? 1 : 0, (revenuePaise / top) * HEIGHT);
    return html`<rect
      class="bar"
      x="${round(index * slot + slot * 0.15)}"
      y="${round(HEIGHT - height)}"
      width="${round(slot * 0.7)}"
      height="${round(height)}"
    >
      <title>${formatDay(day)}: ${formatRupees(revenuePaise)}</title>
    </rect>`;
  });
  const summary = `${formatRupees(total)} in ${days.length} days; the best day brought ${formatRupees(most)}.`;
  const line = (className: string, y: number) =>
    html`<line class="${className}" x1="0" x2="${WIDTH}" y1="${y}" y2="${y}" />`;
  const labelled = [...new Set([days[0], days[Math.floor(days.length / 2)], days.at(-1)])];
  return html`<figure class="chart">
      <p class="scale" aria-hidden="true">${formatRupees(top)}</p>
      <svg
        viewBox="0 0 ${WIDTH} ${HEIGHT}"
        preserveAspectRatio="none"
        role="img"
        aria-labelledby="chart-title chart-summary"
      >
        <title id="chart-title">Revenue of the last ${days.length} days</title>
        <desc id="chart-summary">${summary}</desc>
        !${line("grid-line", 0)} !${line("grid-line", HEIGHT / 2)} !${bars} !${line("axis", HEIGHT)}
      </svg>
      <p class="scale" aria-hidden="true">
        !${labelled.map((day) => (day ? html`<span>${formatDay(day.day)}</span>` : ""))}
      </p>
      <figcaption>${summary}</figcaption>
    </figure>
    <details>
      <summary>The same as a table</summary>
      !${salesTable(days)}
    </details>`;
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
