import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseCatalogue } from "../../src/cost/catalogue/catalogue.js";
import type { Pricing } from "../../src/cost/price.js";
import { projectRoot } from "../../src/project.js";

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
