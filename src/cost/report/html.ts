import { html } from "ghtml";
import type { Comparison } from "../compare.js";
import { type Estimate, type Target, targets } from "../estimate.js";
import type { Crossing, Curve, Swing } from "../sensitivity.js";
import type { Table } from "../../text-table.js";
import { curveChart, tornadoChart } from "./charts.js";
import { categoriesTable, comparisonTables, notesText, ratiosTable, short } from "./text.js";

/** Everything that the report shows; computed by the caller. */
export interface Report {
  /** The stage and usage that are looked at in detail. */
  title: string;
  estimates: Record<Target, Estimate>;
  comparisons: Comparison[];
  tornado: { target: Target; swings: Swing[] }[];
  traffic: Curve[];
  crossings: Crossing[];
  regions: Curve[];
  eurUsd: { rate: number; date: string };
  asOf: string;
}

const style = `
:root { color-scheme: light; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 0 auto; max-width: 60rem; padding: 1rem; color: #1c1917; background: #fff; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: 0.875rem; }
th, td { padding: 0.3rem 0.6rem; text-align: right; border-bottom: 1px solid #d6d3d1; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; } tfoot td, .sum td { font-weight: 600; }
.withheld { color: #b91c1c; } svg { width: 100%; height: auto; } svg text { font-size: 12px; fill: #1c1917; }
.curve text { fill: inherit; } .curve polyline { stroke-width: 2.5; } .grid { stroke: #e7e5e4; }
.axis { stroke: #1c1917; stroke-dasharray: 3 3; } .swing rect { fill: #a8a29e; }
ul { font-size: 0.875rem; padding-left: 1.2rem; overflow-wrap: anywhere; } footer { font-size: 0.875rem; color: #57534e; margin-top: 3rem; }
`;

/** @returns a page that stands by itself: no script, nothing to load */
export function htmlReport(report: Report): string {
  const { estimates, comparisons } = report;
  const { currency } = estimates.hetzner.bill;
  const all = comparisons.flatMap((comparison) => targets.map((target) => comparison.estimates[target]));
  const notes = notesText([...all, ...targets.map((target) => estimates[target])]);
  return `<!doctype html>\n${html`<html lang="en">
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <title>${report.title}</title>
      <style>
        ${style}
      </style>
    </head>
    <body>
      <h1>${report.title}</h1>
      <p>
        List prices a month without tax, in ${currency}. One euro is $${report.eurUsd.rate}
        (${report.eurUsd.date}). Prices gathered by ${report.asOf}.
      </p>
      <h2>By category</h2>
      !${drawn("categories", categoriesTable(estimates))}
      <h2>Where the factor comes from</h2>
      !${drawn("ratios", ratiosTable(estimates["aws-managed"].bill, estimates.hetzner.bill, ["aws-managed", "hetzner"]))}
      !${report.tornado.map(
        ({ target, swings }) =>
          html`<h2>
              What moves it most:
              ${target}${estimates[target].bill.total === undefined ? ", of what has a price" : ""}
            </h2>
            <figure class="tornado">
              !${tornadoChart(swings, estimates[target].bill.priced, currency)}
            </figure>`,
      )}
      <h2>By traffic, people's time included</h2>
      <figure>
        !${curveChart(report.traffic, {
          label: "Cost by page views a month",
          xLabel: "page views a month",
          logarithmic: true,
          currency,
        })}
      </figure>
      <ul class="crossings">
        !${report.crossings.map(
          ({ cheaper, than, from }) =>
            html`<li>${cheaper} is cheaper than ${than} from ${short(from)} page views a month on</li>`,
        )}
        !${report.crossings.length === 0 ? html`<li>${noCrossing(report.traffic)}</li>` : ""}
      </ul>
      <h2>Last stage from 9 to 100 regions</h2>
      <figure>
        !${curveChart(report.regions, {
          label: "Cost by number of regions",
          xLabel: "regions",
          logarithmic: false,
          currency,
        })}
      </figure>
      <h2>All stages</h2>
      !${comparisonTables(comparisons).map((table) => drawn("comparison", table))}
      <h2>What to know before believing it</h2>
      <ul class="notes">
        !${notes.split("\n").map((line) => html`<li>${line}</li>`)}
      </ul>
      <footer>
        “withheld”: something has no known price, so there is no total. “!”: the stage cannot carry this
        usage.
      </footer>
    </body>
  </html>`}\n`;
}

function noCrossing(curves: readonly Curve[]): string {
  return curves.every(({ points }) => points.every(({ complete }) => complete))
    ? "The curves do not cross: one target is cheapest everywhere."
    : "Lines with open dots leave out what has no price: nothing is said of where they cross.";
}

function drawn(name: string, { head, rows }: Table): string {
  return html`<div class="wide">
    <table class="${name}">
      <thead>
        <tr>
          !${head.map((cell) => html`<th scope="col">${cell}</th>`)}
        </tr>
      </thead>
      <tbody>
        !${rows.map(
          (row) =>
            html`<tr class="${row[0] === "total" ? "sum" : "row"}">
              !${row.map((cell) => html`<td class="${cell.startsWith("withheld") ? "withheld" : "cell"}">${cell}</td>`)}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}
