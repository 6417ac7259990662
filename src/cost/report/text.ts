import { type Comparison, type Ratio, ratios } from "../compare.js";
import { type Estimate, type Target, targets } from "../estimate.js";
import { categories } from "../item.js";
import { type Table, textTable } from "../../text-table.js";
import type { Bill, PricedItem } from "../price.js";
import type { Swing } from "../sensitivity.js";

/** An amount for people: whole units from 100 on, cents below, and parts of them below ten cents. */
export function money(amount: number, currency: string): string {
  const size = Math.abs(amount);
  const digits = size >= 100 ? 0 : size >= 0.1 || size < 0.00005 ? 2 : 4;
  const sign = currency === "EUR" ? "€" : "$";
  const number = size.toLocaleString("en-US", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  return `${amount < 0 ? "−" : ""}${sign}${number}`;
}

/** A total, or why there is none. Overloaded stages are marked: they cannot carry the usage. */
export function totalOf({ bill, overloaded }: Pick<Estimate, "bill" | "overloaded">): string {
  const mark = overloaded.length > 0 ? " !" : "";
  if (bill.total !== undefined) return `${money(bill.total, bill.currency)}${mark}`;
  return `withheld (${bill.notPriced.length} not priced)${mark}`;
}

/** Stages by targets, a table for each usage. */
export function comparisonText(comparisons: readonly Comparison[]): string {
  return comparisonTables(comparisons)
    .map((table) => textTable(table, 1))
    .join("\n\n");
}

export function comparisonTables(comparisons: readonly Comparison[]): Table[] {
  const usages = [...new Set(comparisons.map(({ usage }) => usage))];
  return usages.map((usage) => ({
    head: [`usage ${usage}`, ...targets, "managed / hetzner"],
    rows: comparisons
      .filter((comparison) => comparison.usage === usage)
      .map(({ stage, estimates }) =>
        [stage as string].concat(
          targets.map((target) => totalOf(estimates[target])),
          factor(estimates["aws-managed"].bill, estimates.hetzner.bill),
        ),
      ),
  }));
}

function factor(dear: Bill, cheap: Bill): string {
  return dear.total === undefined || cheap.total === undefined
    ? "–"
    : `${(dear.total / cheap.total).toFixed(1)}×`;
}

/** What the signs of the tables mean, and what is in doubt. */
export function notesText(estimates: readonly Estimate[]): string {
  const lines: string[] = [];
  const notPriced = new Map<string, string>();
  for (const { stage, target, bill } of estimates) {
    for (const sku of bill.notPriced) notPriced.set(sku, `${notPriced.get(sku) ?? ""} ${stage}/${target}`);
  }
  for (const [sku, where] of notPriced)
    lines.push(`not priced: ${sku}  (${[...new Set(where.trim().split(" "))].join(", ")})`);
  const overloaded = new Set(
    estimates.flatMap(({ stage, overloaded: tiers }) => tiers.map((tier) => `${stage}: ${tier}`)),
  );
  if (overloaded.size > 0) {
    lines.push(
      `! the stage cannot carry this usage; its largest machine is too small (${[...overloaded].join(", ")})`,
    );
  }
  for (const remark of new Set(estimates.flatMap(({ remarks }) => remarks))) lines.push(remark);
  const marked = new Map<string, string[]>();
  for (const { service, sku, region, marks } of estimates.flatMap(({ bill }) => bill.items)) {
    for (const mark of marks) {
      const skus = marked.get(mark) ?? [];
      const name = `${service}/${sku}@${region}`;
      if (!skus.includes(name)) marked.set(mark, [...skus, name]);
    }
  }
  for (const [mark, skus] of [...marked].toSorted(([a], [b]) => a.localeCompare(b))) {
    lines.push(`${mark}: ${skus.slice(0, 3).join(", ")}${skus.length > 3 ? `, … (${skus.length})` : ""}`);
  }
  return lines.join("\n");
}

/** One stage by category, targets side by side. */
export function categoriesTable(estimates: Readonly<Record<Target, Estimate>>): Table {
  const all = targets.map((target) => estimates[target]);
  const { currency } = all[0]!.bill;
  const unit = (amount: number | undefined) => (amount === undefined ? "–" : money(amount, currency));
  const table = billsTable(Object.fromEntries(targets.map((target) => [target, estimates[target]])));
  return {
    head: table.head,
    rows: [
      ...table.rows,
      ["per order", ...all.map(({ perOrder }) => unit(perOrder))],
      ["per 1,000 page views", ...all.map(({ perThousandPages }) => unit(perThousandPages))],
      ["people's time, apart", ...all.map(({ people }) => money(people, currency))],
    ],
  };
}

/** Bills by category, side by side: somebody's own among them. */
export function billsTable(bills: Readonly<Record<string, Pick<Estimate, "bill" | "overloaded">>>): Table {
  const all = Object.values(bills);
  const used = categories.filter((category) => all.some(({ bill }) => bill.byCategory[category] !== 0));
  return {
    head: ["a month", ...Object.keys(bills)],
    rows: [
      ...used.map((category) =>
        [category as string].concat(all.map(({ bill }) => money(bill.byCategory[category], bill.currency))),
      ),
      ["total", ...all.map(totalOf)],
    ],
  };
}

export function ratiosTable(dear: Bill, cheap: Bill, names: readonly [string, string]): Table {
  return {
    head: ["category", ...names, "ratio", "of the difference"],
    rows: ratios(dear, cheap).map((row) => ratioRow(row, dear.currency)),
  };
}

function ratioRow({ category, dear, cheap, ratio, shareOfDifference }: Ratio, currency: string): string[] {
  const withheld = category === "total" && shareOfDifference === undefined && ratio === undefined;
  return [
    withheld ? "what has a price" : category,
    money(dear, currency),
    money(cheap, currency),
    ratio === undefined ? "–" : `${ratio.toFixed(1)}×`,
    shareOfDifference === undefined ? "–" : `${Math.round(shareOfDifference * 100) + 0} %`,
  ];
}

/** Every line of a bill, dearest first. */
export function itemsText(bill: Bill): string {
  const rows = bill.items
    .toSorted((a, b) => b.amount - a.amount)
    .map((item) => [nameOf(item), amountOf(item), money(item.amount, bill.currency), item.marks.join("; ")]);
  return textTable({ head: ["what", "quantity", "a month", ""], rows }, 1);
}

function nameOf({ what, service, sku, region }: PricedItem): string {
  return `${what} (${service} ${sku}, ${region})`;
}

function amountOf({ quantity, unit }: PricedItem): string {
  return `${quantity.toLocaleString("en-US", { maximumFractionDigits: 2 })} × ${unit}`;
}

export function tornadoText(swings: readonly Swing[], currency: string): string {
  return textTable(
    {
      head: ["moves it most", "from", "to", "a month from", "to"],
      rows: swings
        .slice(0, 3)
        .map(({ input, low, high }) => [
          input,
          short(low.value),
          short(high.value),
          money(low.total, currency),
          money(high.total, currency),
        ]),
    },
    1,
  );
}

export function short(value: number): string {
  return value.toLocaleString("en-US", { maximumSignificantDigits: 3 });
}
