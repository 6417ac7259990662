import { readFile } from "node:fs/promises";
import { parse } from "yaml";
import { catalogueFile } from "../budget.js";
import { type Assumptions, defaultAssumptions, override } from "../cost/assumptions.js";
import { type Currency, parseCatalogue } from "../cost/catalogue/catalogue.js";
import { InputError } from "../cost/check.js";
import type { Pricing } from "../cost/price.js";
import { type Usage, type UsageName, usageNames, usages } from "../cost/usage.js";
import { type Capacity, defaultCapacity, parseCapacity } from "../settings/capacity.js";
import { describeProblems } from "../settings/parse.js";
import { CliError, ExitCode } from "./errors.js";
import { stackFileInTree } from "./stack.js";

/** The options that say what figures rest on. */
export interface GroundOptions {
  /** Whose settings say what machines can do. */
  stack?: string;
  prices?: string;
  assumptions?: string;
  eurusd?: string;
  currency: Currency;
  hours: string;
  commitment?: string;
}

/** What all of the command's answers rest on. */
export interface Ground {
  pricing: Pricing;
  usages: Record<UsageName, Usage>;
  assumptions: Assumptions;
}

/** @throws InputError, CliError (usage) that name what is wrong */
export async function readGround(options: GroundOptions): Promise<Ground> {
  const { assumptions: file } = options;
  const changes = file === undefined ? {} : await readStructured(file);
  const base = { ...defaultAssumptions, capacity: await capacityOf(options.stack) };
  const overridden = usageNames.map((name) => override(usages[name], base, changes, file ?? "assumptions"));
  const { assumptions } = overridden[0]!;
  return {
    pricing: { ...(await readPricing(options)), setupMonths: assumptions.setupMonths },
    usages: Object.fromEntries(
      usageNames.map((name, index) => [name, overridden[index]!.usage]),
    ) as Ground["usages"],
    assumptions,
  };
}

/** The catalogue and its rate as they are, or as the options say. */
async function readPricing(options: GroundOptions): Promise<Pricing> {
  const file = options.prices ?? catalogueFile;
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
    ...(options.commitment !== undefined && { commitment: options.commitment }),
  };
}

/** What a stack's settings say of its machines, or the defaults. */
async function capacityOf(stack: string | undefined): Promise<Capacity> {
  if (stack === undefined) return defaultCapacity;
  const config = await configOf(stackFileInTree(stack));
  const { capacity = defaultCapacity, problems } = parseCapacity(config["dukaan:capacity"]);
  if (problems.length === 0) return capacity;
  throw new InputError(
    describeProblems(stack, problems),
    "Correct them all, then run the same command again.",
  );
}

/** The settings in a `Pulumi.<stack>.yaml`, by full key. */
export async function configOf(file: string): Promise<Record<string, unknown>> {
  const settings = (await readStructured(file)) as { config?: Record<string, unknown> } | null;
  return settings?.config ?? {};
}

/** @returns what is in a YAML or JSON file */
export async function readStructured(file: string): Promise<unknown> {
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
