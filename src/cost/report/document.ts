import { memoryParameters, workParameters } from "../../settings/capacity.js";
import { markets } from "../../topology/regions.js";
import type { Stage } from "../../topology/stages.js";
import { defaultAssumptions } from "../assumptions.js";
import { type Comparison, compareAll, notPricedIn, ratios } from "../compare.js";
import { type Estimate, type Target, estimate, targets } from "../estimate.js";
import type { Pricing } from "../price.js";
import { breakEvens, costByRegions, costByTraffic, tornado } from "../sensitivity.js";
import { type Usage, usageNames, usages } from "../usage.js";
import { howTo } from "./how-to.js";
import { money, ratiosTable, short, totalOf } from "./text.js";

/** The bill of the book, in dollars a month. */
const bookBill = 80_000;

/**
 * docs/cost.md: every figure in it comes from the model, with the default assumptions.
 * @param pricing in dollars, at the catalogue's own day, so that the page changes only with the model and the prices
 */
export function costDocument(pricing: Pricing): string {
  const comparisons = compareAll(usages, { pricing, assumptions: defaultAssumptions, freeTiers: false });
  return `${[
    "# What a stage costs",
    "<!-- Written by `./dukaan cost --markdown docs/cost.md`; a test compares it with the model. Do not edit. -->",
    `List prices a month without tax, in US dollars; one euro is $${pricing.eurUsd} (${pricing.catalogue.eurUsd.date}). Prices were gathered by ${pricing.catalogue.asOf}.`,
    "## All stages",
    ...usageNames.flatMap((name) => [`Usage ${name}:`, stageTable(comparisons, name)]),
    "“withheld”: something has no known price, so there is no total; what is missing stands below. “!”: the stage cannot carry this usage, its largest machine is too small. The dollars are those of the attempt.",
    ...bookCase(pricing),
    ...sensitivity(pricing),
    ...regionMap(),
    ...assumptionTables(),
    ...doubts(comparisons),
    howTo,
  ].join("\n\n")}\n`;
}

function stageTable(comparisons: readonly Comparison[], usage: string): string {
  return markdown(
    ["stage", ...targets],
    comparisons
      .filter((comparison) => comparison.usage === usage)
      .map(({ stage, estimates }) =>
        [stage as string].concat(targets.map((target) => totalOf(estimates[target]))),
      ),
  );
}

/** The book says that a bill of $80,000 became 10 to 20 times smaller. */
function bookCase(pricing: Pricing): string[] {
  const at = (stage: Stage, target: Target, usage: Usage) =>
    estimate({ stage, target, usage, assumptions: defaultAssumptions, pricing });
  const usageOf = (stage: Stage): Usage => {
    const pageViews = trafficFor(
      bookBill,
      (views) => at(stage, "aws-managed", { ...usages.high, pageViews: views }).bill.priced,
    );
    return { ...usages.high, pageViews };
  };
  const one = usageOf("kubernetes");
  const dear = at("kubernetes", "aws-managed", one);
  const middle = at("kubernetes", "aws-self-run", one);
  const cheap = at("kubernetes", "hetzner", one);
  const many = usageOf("anycast");
  const spread = at("anycast", "aws-managed", many);
  const metal = at("anycast", "hetzner", many);
  const usd = (amount: number) => money(amount, "USD");
  const factor = (a: Estimate, b: Estimate) => (a.bill.priced / b.bill.priced).toFixed(1);
  const rows = ratios(dear.bill, cheap.bill);
  const ratioTable = ratiosTable(dear.bill, cheap.bill, ["aws-managed", "hetzner"]);
  const biggest = rows
    .filter(({ category, shareOfDifference = 0 }) => category !== "total" && shareOfDifference > 0)
    .toSorted((a, b) => b.shareOfDifference! - a.shareOfDifference!);
  const named = (count: number) =>
    biggest
      .slice(0, count)
      .map(({ category, shareOfDifference }) => `${category} (${percent(shareOfDifference!)})`)
      .join(", ");
  const withoutDelivery = ({ bill }: Estimate) =>
    bill.priced - bill.byCategory.transfer - bill.byCategory.requests;
  const machines = dear.bill.byCategory.compute / cheap.bill.byCategory.compute;
  const rest = (divisor: number) => bookBill / divisor - metal.bill.priced;
  return [
    "## The book's case: $80,000, and 10 to 20 times less",
    `The model is asked for the traffic at which AWS, managed, costs ${usd(bookBill)} a month: sizes of data and shape of a page are those of usage “high”. No factor stands anywhere in it.`,
    `**One region, stage \`kubernetes\`.** That is ${short(one.pageViews)} page views a month. The same traffic costs ${usd(middle.bill.priced)} self-run on EC2 and ${usd(cheap.bill.priced)} at Hetzner: ${factor(dear, cheap)} times less than managed, ${factor(middle, cheap)} times less than self-run.`,
    markdown(ratioTable.head, ratioTable.rows),
    `**Nine regions, stage \`anycast\`.** ${short(many.pageViews)} page views a month cost ${usd(spread.bill.priced)} on AWS. At Hetzner the total is withheld: ${metal.bill.notPriced.length} things have no known price, larger servers in the USA and the announcement of the address among them. What has a price comes to ${usd(metal.bill.priced)}.`,
    "What holds at these prices, and what does not:",
    [
      `- The factor is ${dear.bill.priced / cheap.bill.priced >= 10 ? "at least the book's" : "smaller than the book's"} for a shop whose bill is mostly delivery. Most of the difference is ${named(3)}.`,
      `- Machines alone do not give it: compute is ${machines.toFixed(1)} times dearer on AWS here. All that is neither transfer nor requests together is ${(withoutDelivery(dear) / withoutDelivery(cheap)).toFixed(1)} times dearer.`,
      "- The transfer's factor assumes that Hetzner's edge servers deliver all of it at €1 a TB, as its list says, and that nobody far away minds being served from there. With AWS's CDN in front of Hetzner's servers most of the difference would be gone. Committed-use discounts, which a bill of this size gets, are not in the catalogue: none of their prices is known here.",
      "- A core is counted as a core. Hetzner's small servers share theirs with other customers, EC2's c6i and m6i do not; where that matters the machines' factor is smaller.",
      `- For nine regions the book's lower end (÷ 10) is true if all that has no price costs at most ${usd(Math.max(0, rest(10)))} a month; its upper end (÷ 20) if it costs at most ${usd(Math.max(0, rest(20)))}${rest(20) < 0 ? ", i.e. it is not true: what has a price is more already" : ""}.`,
      `- People are not in it. At the assumed hours their time costs ${usd(dear.people)} a month with managed services and ${usd(cheap.people)} at Hetzner; for a small shop that is more than the servers.`,
      "- Hetzner's prices rose in April and June 2026; with the prices of the book's years their machines' part of the factor was larger.",
    ].join("\n"),
  ];
}

/** Page views a month at which a bill reaches an amount; the bill rises with them. */
function trafficFor(amount: number, billOf: (pageViews: number) => number): number {
  let [low, high] = [0, 12];
  for (let step = 0; step < 40; step++) {
    const middle = (low + high) / 2;
    if (billOf(10 ** middle) < amount) low = middle;
    else high = middle;
  }
  return 10 ** high;
}

function sensitivity(pricing: Pricing): string[] {
  const ask = { stage: "search", usage: usages.expected, assumptions: defaultAssumptions, pricing } as const;
  const rows = targets.flatMap((target) =>
    tornado({ ...ask, target })
      .slice(0, 3)
      .map(({ input, low, high }) => [
        target,
        `${input} ${short(low.value)} – ${short(high.value)}`,
        `${money(low.total, "USD")} – ${money(high.total, "USD")}`,
      ]),
  );
  const crossings = breakEvens(costByTraffic(ask)).map(
    ({ cheaper, than, from }) =>
      `- ${cheaper} is cheaper than ${than} from ${short(from)} page views a month on.`,
  );
  const regions = costByRegions({ usage: usages.high, assumptions: defaultAssumptions, pricing });
  const [first] = regions;
  return [
    "## What moves the total most",
    "Stage `search`, usage expected; each input alone, from half to double, rates by a tenth.",
    markdown(["target", "input", "total"], rows),
    "With people's time in it, by traffic (stage `search`):",
    crossings.length > 0 ? crossings.join("\n") : "- The curves do not cross.",
    "## From 9 to 100 regions",
    "Stage `anycast`, usage high, the same traffic over more regions; the map's regions repeat. Parts with a price only where “+” stands.",
    markdown(
      ["regions", ...targets],
      first!.points.map(({ x }, index) =>
        [String(x)].concat(
          regions.map(({ points }) => {
            const { total, complete } = points[index]!;
            return `${money(total, "USD")}${complete ? "" : " +"}`;
          }),
        ),
      ),
    ),
  ];
}

function regionMap(): string[] {
  return [
    "## Regions of the last stage",
    "Our reading of the book's nine; `regions` in an assumptions file takes fewer or others of them.",
    markdown(
      ["region", "AWS", "Hetzner", ""],
      markets.map(({ name, aws, hetzner, remark = "" }) => [name, aws, hetzner, remark]),
    ),
  ];
}

function assumptionTables(): string[] {
  const { capacity: _capacity, regions: _regions, ...others } = defaultAssumptions;
  const { buyers, ...shape } = usages.low;
  return [
    "## Assumptions",
    "None of them is measured on the servers that are priced. Replace them by your own with `--assumptions FILE`; those of machines also with `dukaan:capacity` in a stack's settings (`./dukaan cost --stack NAME`).",
    markdown(
      ["usage", ...usageNames],
      Object.keys(shape).map((name) =>
        [name].concat(usageNames.map((usage) => short(usages[usage][name as keyof typeof shape]))),
      ),
    ),
    `Buyers: ${Object.entries(buyers)
      .map(([name, share]) => `${name} ${percent(share)}`)
      .join(", ")}.`,
    "What machines can do (`dukaan:capacity`; CPU time of one core, memory of one machine):",
    markdown(
      ["capacity", "value", "source"],
      [
        ...Object.entries(workParameters).map(([name, { value, source }]) => [name, String(value), source]),
        ...Object.entries(memoryParameters).map(([name, { value, source }]) => [
          `memoryGiB.${name}`,
          String(value),
          source,
        ]),
      ],
    ),
    markdown(["others", "value"], flatten(others, "")),
  ];
}

function flatten(value: object, prefix: string): string[][] {
  return Object.entries(value).flatMap(([key, part]: [string, unknown]) => {
    const name = prefix === "" ? key : `${prefix}.${key}`;
    return typeof part === "object" && part !== null ? flatten(part, name) : [[name, String(part)]];
  });
}

function doubts(comparisons: readonly Comparison[]): string[] {
  const marked = new Map<string, Set<string>>();
  for (const { estimates } of comparisons) {
    for (const { service, sku, marks } of targets.flatMap((target) => estimates[target].bill.items)) {
      for (const mark of marks) marked.set(mark, (marked.get(mark) ?? new Set()).add(`${service} ${sku}`));
    }
  }
  return [
    "## Doubts",
    "Not priced:",
    notPricedIn(comparisons)
      .map((line) => `- ${line}`)
      .join("\n"),
    "Prices to doubt:",
    [...marked]
      .toSorted(([a], [b]) => a.localeCompare(b))
      .map(([mark, skus]) => `- ${mark}: ${[...skus].toSorted().join(", ")}`)
      .join("\n"),
  ];
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (row: readonly string[]) => `| ${row.join(" | ")} |`;
  return [
    line(head),
    `|${head.map((_, column) => (column === 0 ? "---|" : "---:|")).join("")}`,
    ...rows.map(line),
  ].join("\n");
}
