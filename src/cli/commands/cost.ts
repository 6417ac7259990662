import { writeFile } from "node:fs/promises";
import { parseBom } from "../../cost/bom.js";
import { InputError } from "../../cost/check.js";
import { compareAll, notPricedIn } from "../../cost/compare.js";
import { type Estimate, type Target, estimate, targets } from "../../cost/estimate.js";
import { previewDifference } from "../../cost/preview/preview.js";
import { type Pricing, priceItems } from "../../cost/price.js";
import { costDocument } from "../../cost/report/document.js";
import { htmlReport } from "../../cost/report/html.js";
import {
  billsTable,
  categoriesTable,
  comparisonText,
  itemsText,
  money,
  notesText,
  ratiosTable,
  totalOf,
  tornadoText,
} from "../../cost/report/text.js";
import { breakEvens, costByRegions, costByTraffic, tornado } from "../../cost/sensitivity.js";
import { textTable } from "../../text-table.js";
import type { UsageName } from "../../cost/usage.js";
import { awsRegions } from "../../topology/regions.js";
import type { Stage } from "../../topology/stages.js";
import { type Ground, type GroundOptions, configOf, readGround, readStructured } from "../cost-inputs.js";
import { CliError, ExitCode } from "../errors.js";

export interface CostOptions extends GroundOptions {
  stage?: Stage;
  target?: Target;
  usage: UsageName;
  compare?: boolean;
  json?: boolean;
  html?: string;
  markdown?: string;
  bom?: string;
  diff?: string;
  local?: boolean;
  freeTiers?: boolean;
}

/** Says what a stage costs, or somebody's own list, or what a pending preview would change. Changes nothing. */
export async function cost(options: CostOptions): Promise<void> {
  try {
    const ground = await readGround(options);
    if (options.bom !== undefined) return await ownBill(options.bom, ground, options);
    if (options.diff !== undefined) return await difference(options.diff, ground, options);
    if (options.html !== undefined) return await report(options.html, ground, options);
    if (options.markdown !== undefined) return await document(options.markdown, ground);
    if (options.stage === undefined || options.compare) return compare(ground, options);
    return oneStage(options.stage, ground, options);
  } catch (error) {
    if (error instanceof InputError) throw new CliError(error.message, error.remedy, ExitCode.usage);
    throw error;
  }
}

function oneStage(stage: Stage, { pricing, usages: all, assumptions }: Ground, options: CostOptions): void {
  const freeTiers = options.freeTiers ?? false;
  const ask = (target: Target) => ({
    stage,
    target,
    usage: all[options.usage],
    assumptions,
    pricing,
    freeTiers,
  });
  const wanted = options.target === undefined ? targets : [options.target];
  const estimates = Object.fromEntries(targets.map((target) => [target, estimate(ask(target))])) as Record<
    Target,
    Estimate
  >;
  if (options.json) {
    return print(
      wanted.map((target) => ({
        ...asJson(estimates[target], options.usage),
        tornado: tornado(ask(target)),
      })),
    );
  }
  const head = `Stage ${stage}, usage ${options.usage}: list prices a month without tax${ratesText(pricing)}`;
  const details = wanted.flatMap((target) => [
    `${target}: ${totalOf(estimates[target])}`,
    ...(options.target === undefined ? [] : [itemsText(estimates[target].bill)]),
    tornadoText(tornado(ask(target)), pricing.currency),
  ]);
  const side =
    options.target === undefined
      ? [
          textTable(categoriesTable(estimates), 1),
          textTable(
            ratiosTable(estimates["aws-managed"].bill, estimates.hetzner.bill, ["aws-managed", "hetzner"]),
            1,
          ),
        ]
      : [];
  write([head, ...side, ...details, notesText(wanted.map((target) => estimates[target]))]);
}

function compare(ground: Ground, options: CostOptions): void {
  const { pricing, assumptions } = ground;
  const asked = options.compare ? ground.usages : { [options.usage]: ground.usages[options.usage] };
  const comparisons = compareAll(asked, { pricing, assumptions, freeTiers: options.freeTiers ?? false });
  const shown = comparisons.filter(({ stage }) => options.stage === undefined || stage === options.stage);
  const estimates = shown.flatMap((comparison) => targets.map((target) => comparison.estimates[target]));
  if (options.json) {
    return print({
      asOf: pricing.catalogue.asOf,
      eurUsd: pricing.eurUsd,
      estimates: shown.flatMap((comparison) =>
        targets.map((target) => asJson(comparison.estimates[target], comparison.usage)),
      ),
      notPriced: notPricedIn(shown),
    });
  }
  write([
    `List prices a month without tax${ratesText(pricing)}`,
    comparisonText(shown),
    notesText(estimates),
    "More: ./dukaan cost --stage <stage> [--target <target>], --html FILE; assumptions: docs/cost.md",
  ]);
}

/** Somebody's own bill; beside it, when a stage is named, what that costs at every target. */
async function ownBill(file: string, ground: Ground, options: CostOptions): Promise<void> {
  const { pricing, usages: all, assumptions } = ground;
  const bom = parseBom(await readStructured(file), file, pricing.catalogue, pricing.hours);
  const own = { bill: priceItems(bom.items, pricing), overloaded: [] };
  const { stage } = options;
  const freeTiers = options.freeTiers ?? false;
  const usage = all[options.usage];
  const ours = (stage === undefined ? [] : targets).map((target) =>
    estimate({ stage: stage!, target, usage, assumptions, pricing, freeTiers }),
  );
  if (options.json) {
    const beside = ours.map((one) => asJson(one, options.usage));
    return print({ name: bom.name, ...own.bill, ...(stage !== undefined && { beside }) });
  }
  const bills = Object.fromEntries(ours.map((one) => [one.target, one]));
  write([
    `${bom.name}: ${totalOf(own)} a month`,
    itemsText(own.bill),
    ...(stage === undefined
      ? []
      : [
          `Beside stage ${stage}, usage ${options.usage}:`,
          textTable(billsTable({ [bom.name]: own, ...bills }), 1),
        ]),
    ...own.bill.notPriced.map((sku) => `not priced: ${sku}`),
    notesText(ours),
  ]);
}

/** What `pulumi up` would change on the bill: what is charged by the month, not by use. */
async function difference(stack: string, { pricing }: Ground, options: CostOptions): Promise<void> {
  const { openSession } = await import("../session.js");
  const { query } = await import("../pulumi.js");
  const { pulumi } = await openSession({ stack, ...(options.local && { local: true }) }, (message) =>
    process.stderr.write(`${message}\n`),
  );
  const preview: unknown = JSON.parse(await query(pulumi, ["preview", "--json"]));
  const { "dukaan:location": set } = await configOf(pulumi.stack.configFile);
  const location = typeof set === "string" ? set : "fsn1";
  const place = { hetzner: location, aws: awsRegions[location] ?? "eu-central-1", hours: pricing.hours };
  const { before, after, unknown } = previewDifference(preview, place);
  const [now, then] = [priceItems(before, pricing), priceItems(after, pricing)];
  if (options.json) return print({ before: now, after: then, unknown });
  const change =
    now.total === undefined || then.total === undefined || unknown.length > 0
      ? "withheld: not everything has a price"
      : `${then.total >= now.total ? "+" : ""}${money(then.total - now.total, pricing.currency)} a month`;
  write([
    `Stack ${stack}: ${totalOf({ bill: now, overloaded: [] })} → ${totalOf({ bill: then, overloaded: [] })} (${change}), without traffic and object storage`,
    textTable(ratiosTable(then, now, ["after", "before"]), 1),
    ...[...now.notPriced, ...then.notPriced, ...unknown].map((sku) => `not priced: ${sku}`),
    ...(pulumi.stack.local ? ["It runs on the local cloud: this is what Hetzner would charge."] : []),
  ]);
}

async function report(
  file: string,
  { pricing, usages: all, assumptions }: Ground,
  options: CostOptions,
): Promise<void> {
  const stage = options.stage ?? "search";
  const freeTiers = options.freeTiers ?? false;
  const usage = all[options.usage];
  const ask = { stage, usage, assumptions, pricing, freeTiers };
  const traffic = costByTraffic(ask);
  const page = htmlReport({
    title: `What stage ${stage} costs, usage ${options.usage}`,
    estimates: Object.fromEntries(targets.map((target) => [target, estimate({ ...ask, target })])) as Record<
      Target,
      Estimate
    >,
    comparisons: compareAll(all, { pricing, assumptions, freeTiers }),
    tornado: targets.map((target) => ({ target, swings: tornado({ ...ask, target }) })),
    traffic,
    crossings: breakEvens(traffic),
    regions: costByRegions(ask),
    eurUsd: { rate: pricing.eurUsd, date: rateDate(pricing) },
    asOf: pricing.catalogue.asOf,
  });
  await writeFile(file, page);
  write([`Wrote ${file}`]);
}

/** The project's own page; its figures are those of the catalogue's day. */
async function document(file: string, { pricing }: Ground): Promise<void> {
  await writeFile(file, costDocument({ ...pricing, today: pricing.catalogue.asOf }));
  write([`Wrote ${file}`]);
}

function asJson({ topology: _topology, ...rest }: Estimate, usage: UsageName): object {
  return { usage, ...rest };
}

function ratesText(pricing: Pricing): string {
  return `; prices gathered by ${pricing.catalogue.asOf}, 1 € = $${pricing.eurUsd} (${rateDate(pricing)})`;
}

function rateDate({ catalogue, eurUsd }: Pricing): string {
  return eurUsd === catalogue.eurUsd.rate ? catalogue.eurUsd.date : "as given";
}

function print(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, undefined, 2)}\n`);
}

function write(parts: readonly string[]): void {
  process.stdout.write(`${parts.filter((part) => part !== "").join("\n\n")}\n`);
}
