import type { Stage } from "../topology/stages.js";
import { stages } from "../topology/stages.js";
import type { Assumptions } from "./assumptions.js";
import { type Estimate, type Target, estimate, targets } from "./estimate.js";
import { type Category, categories } from "./item.js";
import type { Bill, Pricing } from "./price.js";
import { type Usage, type UsageName } from "./usage.js";

/** One stage and usage at every target. */
export interface Comparison {
  stage: Stage;
  usage: UsageName;
  estimates: Record<Target, Estimate>;
}

export interface Basis {
  assumptions: Assumptions;
  pricing: Pricing;
  freeTiers: boolean;
}

/** Every stage at every usage and target. */
export function compareAll(usages: Readonly<Partial<Record<UsageName, Usage>>>, basis: Basis): Comparison[] {
  return Object.entries(usages).flatMap(([name, usage]) =>
    stages.map((stage) => ({
      stage,
      usage: name as UsageName,
      estimates: Object.fromEntries(
        targets.map((target) => [target, estimate({ ...basis, stage, target, usage })]),
      ) as Record<Target, Estimate>,
    })),
  );
}

/** Where the difference between two bills comes from. */
export interface Ratio {
  category: Category | "total";
  dear: number;
  cheap: number;
  /** Absent when the cheap one has nothing in the category, or a total is withheld. */
  ratio?: number;
  /** Of the whole difference, 0 to 1 when every category differs in the same direction. */
  shareOfDifference?: number;
}

/** Ratio by category, and which part of the difference each makes. A withheld total has no ratio. */
export function ratios(dear: Bill, cheap: Bill): Ratio[] {
  const complete = dear.total !== undefined && cheap.total !== undefined;
  const difference = dear.priced - cheap.priced;
  const row = (category: Ratio["category"], a: number, b: number): Ratio => ({
    category,
    dear: a,
    cheap: b,
    ...(b > 0 && (category !== "total" || complete) && { ratio: a / b }),
    ...(complete && difference !== 0 && { shareOfDifference: (a - b) / difference }),
  });
  return [
    ...categories
      .map((category) => row(category, dear.byCategory[category], cheap.byCategory[category]))
      .filter(({ dear: a, cheap: b }) => a > 0 || b > 0),
    row("total", dear.priced, cheap.priced),
  ];
}

/** Names of what has no price, by stage and target, over the given comparisons; sorted, each once. */
export function notPricedIn(comparisons: readonly Comparison[]): string[] {
  const lines = comparisons.flatMap(({ stage, estimates }) =>
    targets.flatMap((target) => estimates[target].bill.notPriced.map((sku) => `${stage} ${target} ${sku}`)),
  );
  return [...new Set(lines)].toSorted();
}
