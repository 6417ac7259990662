import { readFileSync } from "node:fs";
import { join } from "node:path";
import { topologyOf } from "../stacks/index.js";
import { defaultAssumptions } from "./cost/assumptions.js";
import { overBudget } from "./cost/budget.js";
import { parseCatalogue } from "./cost/catalogue/catalogue.js";
import { projectRoot } from "./project.js";
import type { Settings } from "./settings/schema.js";

/** The project's own catalogue of prices. */
export const catalogueFile = join(projectRoot, "src", "cost", "catalogue", "prices.json");

/**
 * Why a stack may not be provisioned as it is set: it would cost more than its settings allow. The local cloud costs
 * nothing.
 */
export function whyOverBudget(settings: Settings): string | undefined {
  if (settings.local || settings.monthlyBudget === undefined) return undefined;
  const catalogue = parseCatalogue(JSON.parse(readFileSync(catalogueFile, "utf8")), catalogueFile);
  return overBudget(topologyOf(settings), settings.monthlyBudget, {
    catalogue,
    currency: "EUR",
    eurUsd: catalogue.eurUsd.rate,
    hours: 730,
    setupMonths: defaultAssumptions.setupMonths,
    today: catalogue.asOf,
  });
}
