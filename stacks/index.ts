import type { Settings } from "../src/settings/schema.js";
import type { Tier } from "../src/topology/addresses.js";
import { type Stage, isBuilt } from "../src/topology/stages.js";
import type { Topology } from "../src/topology/topology.js";
import { anycast } from "./anycast.js";
import { cdn } from "./cdn.js";
import { droplet } from "./droplet.js";
import { fleet, managedFleet } from "./fleet.js";
import { floating } from "./floating.js";
import { joining } from "./joining.js";
import { kafka } from "./kafka.js";
import { kubernetes } from "./kubernetes.js";
import { leaving } from "./leaving.js";
import { layOut } from "./layout.js";
import { managedDatabase } from "./managed-database.js";
import { type RegionPlan, type Sizes, type StagePlan, fewest } from "./plan.js";
import { redis } from "./redis.js";
import { replicas } from "./replicas.js";
import { search } from "./search.js";
import { split } from "./split.js";

const plans: Record<Stage, StagePlan> = {
  droplet,
  split,
  fleet,
  replicas,
  redis,
  kafka,
  search,
  cdn,
  kubernetes,
  anycast,
};

/** The plan of a stage, as the settings want it. */
function planOf(stage: Stage, settings: Settings): StagePlan {
  const { loadBalancer, managed } = settings;
  const plan = stage === "fleet" && loadBalancer === "managed" ? managedFleet : plans[stage];
  // The first stage has everything on one machine.
  const own = managed && stage !== "droplet" ? managedDatabase(plan) : plan;
  return { ...own, ...groupOf(stage, settings) };
}

/** All app servers but the first, where the provider starts them as the load asks for. */
function groupOf(stage: Stage, { appServers, appServersMost: most }: Settings): Pick<StagePlan, "group"> {
  if (most === undefined || (fewest[stage].app ?? 0) < 2) return {};
  return { group: { tier: "app", least: appServers - 1, most: most - 1 } };
}

/**
 * What a stack with these settings consists of. Pure: the same settings give the same value, byte for byte.
 * @throws RangeError for a stage that is not built; settings have been checked before
 */
export function topologyOf(settings: Settings): Topology {
  if (!isBuilt(settings.stage)) throw new RangeError(`stage ${settings.stage} is not built`);
  const { stage, joining: next, leaving: last, location } = settings;
  const own = planOf(stage, settings);
  const kept = last === undefined ? own : leaving(own, planOf(last, settings));
  const joined = next === undefined ? kept : joining(kept, plans[next], settings.playbook);
  const plan = settings.floatingIp ? floating(joined, settings.failover) : joined;
  const sizes = [next, last, stage].reduce<Sizes>(
    (some, name) => (name === undefined ? some : larger(some, sizesOf(name, settings))),
    {},
  );
  return layOut(settings, plan, [{ location, sizes }]);
}

/** Room for both: while a stack is on its way, no machine of either stage is missing. */
function larger(some: Sizes, more: Sizes): Sizes {
  const counted = Object.entries(more).map(([tier, size]) => {
    const count = Math.max(size.count, some[tier as Tier]?.count ?? 0);
    return [tier, { ...size, count }];
  });
  return { ...some, ...(Object.fromEntries(counted) as Sizes) };
}

/** As few machines as the stage can have, but as many balancers and app servers, and of the sizes, that the settings name. */
function sizesOf(stage: Stage, settings: Settings): Sizes {
  const { serverType, databaseServerType, databaseVolume, appServers, loadBalancers } = settings;
  const plan = planOf(stage, settings);
  const named = plan.group ? 1 : appServers;
  const managed = new Set(plan.services.filter((service) => service.managed).map(({ tier }) => tier));
  const tiers = (Object.entries(fewest[stage]) as [Tier, number][]).filter(
    ([tier]) => !managed.has(tier) && (tier !== "edge" || plan.managed === undefined),
  );
  const database = {
    serverType: databaseServerType,
    ...(databaseVolume !== undefined && { volumeGB: databaseVolume }),
  };
  return Object.fromEntries(
    tiers.map(([tier, count]) => [
      tier,
      {
        count: tier === "app" && count > 1 ? named : tier === "edge" ? loadBalancers : count,
        ...(tier === "database" ? database : { serverType }),
      },
    ]),
  );
}

/**
 * The topology of any stage, also of those that cannot be provisioned yet: for costs and diagrams.
 * @param regions the home first
 * @throws RangeError when there is no region, or a service of the stage has no machine
 */
export function plannedTopology(
  settings: Settings,
  regions: readonly [RegionPlan, ...RegionPlan[]],
): Topology {
  // Sizes say how many machines there are: none comes or goes.
  const { group: _group, ...plan } = planOf(settings.stage, settings);
  if (plan.managed === undefined) return layOut(settings, plan, regions);
  const withoutEdge = regions.map((region) => {
    const { edge: _edge, ...sizes } = region.sizes;
    return { ...region, sizes };
  });
  return layOut(settings, plan, withoutEdge);
}
