import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import { type Assumptions, defaultAssumptions, override } from "../../cost/assumptions.js";
import { parseBom } from "../../cost/bom.js";
import { type Currency, InputError, parseCatalogue } from "../../cost/catalogue/catalogue.js";
import { compareAll, notPricedIn } from "../../cost/compare.js";
import { type Estimate, type Target, estimate, targets } from "../../cost/estimate.js";
import { previewDifference } from "../../cost/preview.js";
import { type Pricing, priceItems } from "../../cost/price.js";
import { costDocument } from "../../cost/report/document.js";
import { htmlReport } from "../../cost/report/html.js";
import {
  categoriesText,
  comparisonText,
  itemsText,
  money,
  notesText,
  ratiosText,
  totalOf,
  tornadoText,
} from "../../cost/report/text.js";
import { breakEvens, costByRegions, costByTraffic, tornado } from "../../cost/sensitivity.js";
import { type Usage, type UsageName, usageNames, usages } from "../../cost/usage.js";
import { projectRoot } from "../../project.js";
import type { Stage } from "../../topology/stages.js";
import { CliError, ExitCode } from "../errors.js";

export interface CostOptions {
  stage?: Stage;
  target?: Target;
  usage: UsageName;
  compare?: boolean;
  json?: boolean;
  html?: string;
  markdown?: string;
  prices?: string;
  assumptions?: string;
  bom?: string;
  diff?: string;
  local?: boolean;
  eurusd?: string;
  currency: Currency;
  hours: string;
  freeTiers?: boolean;
}

/** What all of the command's answers rest on. */
interface Ground {
  pricing: Pricing;
  usages: Record<UsageName, Usage>;
  assumptions: Assumptions;
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

/** The catalogue and its date as they are, or as the options say. */
export async function readPricing(
  options: Pick<CostOptions, "prices" | "eurusd" | "hours" | "currency">,
): Promise<Pricing> {
  const file = options.prices ?? join(projectRoot, "src", "cost", "catalogue", "prices.json");
  const catalogue = parseCatalogue(await readStructured(file), file);
  return {
    catalogue,
    currency: options.currency,
    eurUsd:
      options.eurusd === undefined
        ? catalogue.eurUsd.rate
        : numberOption("--eurusd", options.eurusd, 0.1, 10),
    hours: numberOption("--hours", options.hours, 1, 744),
    setupMonths: defaultAssumptions.setupMonths,
    today: new Date().toISOString().slice(0, 10),
  };
}

async function readGround(options: CostOptions): Promise<Ground> {
  const pricing = await readPricing(options);
  const file = options.assumptions;
  const changes = file === undefined ? {} : await readStructured(file);
  const overridden = usageNames.map((name) =>
    override(usages[name], defaultAssumptions, changes, file ?? "assumptions"),
  );
  const { assumptions } = overridden[0]!;
  return {
    pricing: { ...pricing, setupMonths: assumptions.setupMonths },
    usages: Object.fromEntries(
      usageNames.map((name, index) => [name, overridden[index]!.usage]),
    ) as Ground["usages"],
    assumptions,
  };
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
          categoriesText(estimates),
          ratiosText(estimates["aws-managed"].bill, estimates.hetzner.bill, ["aws-managed", "hetzner"]),
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

async function ownBill(file: string, { pricing }: Ground, options: CostOptions): Promise<void> {
  const bom = parseBom(await readStructured(file), file, pricing.catalogue, pricing.hours);
  const bill = priceItems(bom.items, pricing);
  if (options.json) return print({ name: bom.name, ...bill });
  const missing = bill.notPriced.map((sku) => `not priced: ${sku}`);
  write([`${bom.name}: ${totalOf({ bill, overloaded: [] })} a month`, itemsText(bill), ...missing]);
}

/** What `pulumi up` would change on the bill: what is charged by the month, not by use. */
async function difference(stack: string, { pricing }: Ground, options: CostOptions): Promise<void> {
  const { openSession } = await import("../session.js");
  const { query } = await import("../pulumi.js");
  const { pulumi } = await openSession({ stack, ...(options.local && { local: true }) }, (message) =>
    process.stderr.write(`${message}\n`),
  );
  const preview: unknown = JSON.parse(await query(pulumi, ["preview", "--json"]));
  const location = await stackLocation(pulumi.stack.configFile);
  const { before, after, unknown } = previewDifference(preview, location);
  const [now, then] = [priceItems(before, pricing), priceItems(after, pricing)];
  if (options.json) return print({ before: now, after: then, unknown });
  const change =
    now.total === undefined || then.total === undefined
      ? "withheld: not everything has a price"
      : `${then.total >= now.total ? "+" : ""}${money(then.total - now.total, pricing.currency)} a month`;
  write([
    `Stack ${stack}: ${totalOf({ bill: now, overloaded: [] })} → ${totalOf({ bill: then, overloaded: [] })} (${change}), without traffic and object storage`,
    ratiosText(then, now, ["after", "before"]),
    ...[...now.notPriced, ...then.notPriced, ...unknown].map((sku) => `not priced: ${sku}`),
    ...(pulumi.stack.local ? ["It runs on the local cloud: this is what Hetzner would charge."] : []),
  ]);
}

async function stackLocation(configFile: string): Promise<string> {
  const settings = (await readStructured(configFile)) as { config?: Record<string, unknown> } | null;
  const found = settings?.config?.["dukaan:location"];
  return typeof found === "string" ? found : "fsn1";
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

/** @returns what is in a YAML or JSON file */
async function readStructured(file: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new InputError(`${file} cannot be read: ${reason}`, "Give the path of a YAML or JSON file.");
  }
  try {
    return (file.endsWith(".json") ? JSON.parse(text) : parse(text)) as unknown;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new InputError(
      `${file} is not ${file.endsWith(".json") ? "JSON" : "YAML"}: ${reason}`,
      "Correct it.",
    );
  }
}

function numberOption(name: string, given: string, from: number, to: number): number {
  const value = Number(given);
  if (given.trim() !== "" && value >= from && value <= to) return value;
  throw new CliError(
    `${name} is ${JSON.stringify(given)}`,
    `Give a number from ${from} to ${to}.`,
    ExitCode.usage,
  );
}

function print(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, undefined, 2)}\n`);
}

function write(parts: readonly string[]): void {
  process.stdout.write(`${parts.filter((part) => part !== "").join("\n\n")}\n`);
}
