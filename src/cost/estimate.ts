import { plannedTopology } from "../../stacks/index.js";
import type { RegionPlan } from "../../stacks/plan.js";
import { anyStack } from "../settings/any-stack.js";
import type { Settings } from "../settings/schema.js";
import { type Market, geographies } from "../topology/regions.js";
import type { Stage } from "../topology/stages.js";
import type { Topology } from "../topology/topology.js";
import type { Assumptions } from "./assumptions.js";
import { type Bill, type Pricing, convert, priceItems } from "./price.js";
import { type Sized, sizeRegion } from "./sizing.js";
import { awsManagedItems } from "./targets/aws-managed.js";
import { awsSelfRunItems } from "./targets/aws.js";
import { hetznerItems } from "./targets/hetzner.js";
import type { Scenario } from "./targets/scenario.js";
import type { Usage } from "./usage.js";
import type { Item } from "./item.js";

export const targets = ["aws-managed", "aws-self-run", "hetzner"] as const;

export type Target = (typeof targets)[number];

export interface Question {
  stage: Stage;
  target: Target;
  usage: Usage;
  assumptions: Assumptions;
  pricing: Pricing;
  /** Take AWS's free tiers off. */
  freeTiers?: boolean;
  /** Of the last stage: how many regions; the map's are repeated. Absent: those of the map. */
  regionCount?: number;
}

/** What a stage costs at a target in one month. Amounts are in the bill's currency. */
export interface Estimate {
  stage: Stage;
  target: Target;
  bill: Bill;
  /** Time of people, not in the bill. */
  people: number;
  /** Absent while the bill has no total, or when there are none. */
  perOrder?: number;
  perThousandPages?: number;
  /** Tiers whose largest machine is too small: the stage cannot carry this usage, and the bill is that of the attempt. */
  overloaded: string[];
  topology: Topology;
  /** Where a region is not where its market is. */
  remarks: string[];
}

/** Prices a stage. Pure; takes about a millisecond. */
export function estimate(question: Question): Estimate {
  const { stage, target, usage, assumptions, pricing } = question;
  const { topology, shares, overloaded } = sizedTopology(question);
  const scenario: Scenario = {
    topology,
    usage,
    assumptions,
    shares,
    freeTiers: question.freeTiers ?? false,
    hours: pricing.hours,
  };
  const bill = priceItems(itemsAt[target](scenario, pricing), pricing);
  const orders = (usage.pageViews * usage.ordersPerThousandPages) / 1000;
  const { dollarsPerHour, hours } = assumptions.people;
  return {
    stage,
    target,
    bill,
    people: convert(dollarsPerHour * hours[target], "USD", pricing.currency, pricing.eurUsd),
    ...(bill.total !== undefined && orders > 0 && { perOrder: bill.total / orders }),
    ...(bill.total !== undefined && { perThousandPages: (bill.total / usage.pageViews) * 1000 }),
    // AWS's own balancers and caches grow by themselves.
    overloaded: overloaded.filter((tier) => target !== "aws-managed" || (tier !== "edge" && tier !== "cdn")),
    topology,
    remarks: target === "hetzner" && stage === "anycast" ? remarksOf(assumptions.regions) : [],
  };
}

const itemsAt: Record<Target, (scenario: Scenario, pricing: Pricing) => Item[]> = {
  "aws-managed": awsManagedItems,
  "aws-self-run": awsSelfRunItems,
  hetzner: (scenario, { catalogue }) => hetznerItems(scenario, catalogue),
};

/**
 * The topology of any stage with the machines that a usage needs.
 * @param stack whose it is; its own stage and sizes do not count
 * @returns also the share of the usage that each region serves, and the tiers whose largest machine is too small
 */
export function sizedTopology(
  { stage, target, usage, assumptions, regionCount }: Omit<Question, "pricing">,
  stack = anyStack,
): Pick<Scenario, "topology" | "shares"> & Pick<Estimate, "overloaded"> {
  const cloud = target === "hetzner" ? "hetzner" : "aws";
  // On AWS machines stand behind NAT gateways, as is usual there; Hetzner has none.
  const settings: Settings = { ...stack, stage, ...(cloud === "aws" && { publicIpv4: "entries" }) };
  const { capacity } = assumptions;
  if (stage !== "anycast") {
    const { location } = settings;
    const { plan, overloaded } = sizeRegion(stage, usage, capacity, 1, { location }, cloud);
    return { topology: plannedTopology(settings, [plan]), shares: { [location]: 1 }, overloaded };
  }
  const regions = repeated(assumptions.regions, regionCount ?? assumptions.regions.length);
  const home = { ...settings, location: regions[0]!.hetzner };
  const sharesOfMarkets = marketShares(regions, usage);
  const sized: Sized[] = regions.map(({ name, hetzner }, index) => {
    const where = { location: hetzner, market: name };
    return sizeRegion(stage, usage, capacity, sharesOfMarkets[index]!, where, cloud);
  });
  const plans = sized.map(({ plan }) => plan) as [RegionPlan, ...RegionPlan[]];
  const topology = plannedTopology(home, plans);
  return {
    topology,
    shares: Object.fromEntries(topology.regions.map(({ name }, index) => [name, sharesOfMarkets[index]!])),
    overloaded: [...new Set(sized.flatMap((region) => region.overloaded))],
  };
}

/** The map's regions again and again, each with a name of its own. */
function repeated(map: readonly Market[], count: number): Market[] {
  return Array.from({ length: count }, (_, index) => {
    const market = map[index % map.length]!;
    const round = Math.floor(index / map.length);
    return round === 0 ? market : { ...market, name: `${market.name}-${round + 1}` };
  });
}

/** Buyers go to the regions of their geography, evenly; those of a geography without one to all, evenly. */
function marketShares(regions: readonly Market[], usage: Usage): number[] {
  const shares = regions.map(() => 0);
  for (const geography of geographies) {
    const near = regions
      .map((market, index) => (market.geography === geography ? index : -1))
      .filter((at) => at >= 0);
    const serving = near.length > 0 ? near : regions.map((_, index) => index);
    for (const at of serving) shares[at]! += usage.buyers[geography] / serving.length;
  }
  return shares;
}

function remarksOf(regions: readonly Market[]): string[] {
  return regions.flatMap(({ name, remark }) => (remark === undefined ? [] : [`${name}: ${remark}`]));
}
