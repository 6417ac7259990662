import { readFileSync } from "node:fs";
import { join } from "node:path";
import { defaultAssumptions as assumptions } from "../../src/cost/assumptions.js";
import { parseCatalogue } from "../../src/cost/catalogue/catalogue.js";
import type { Pricing } from "../../src/cost/price.js";
import { projectRoot } from "../../src/project.js";
import type { Capacity } from "../../src/settings/capacity.js";

export const catalogue = parseCatalogue(
  JSON.parse(readFileSync(join(projectRoot, "src/cost/catalogue/prices.json"), "utf8")),
  "prices.json",
);

/** The catalogue's own day and rate, so that results stay the same. */
export const pricing: Pricing = {
  catalogue,
  currency: "USD",
  eurUsd: catalogue.eurUsd.rate,
  hours: 730,
  setupMonths: 24,
  today: catalogue.asOf,
};

/** The default assumptions with other needs of memory. */
export const withMemory = (memoryGiB: Partial<Capacity["memoryGiB"]>) => ({
  ...assumptions,
  capacity: { ...assumptions.capacity, memoryGiB: { ...assumptions.capacity.memoryGiB, ...memoryGiB } },
});
