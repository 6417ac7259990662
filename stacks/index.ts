import type { Settings } from "../src/settings/schema.js";
import { type BuiltStage, type Stage, isBuilt } from "../src/topology/stages.js";
import type { Topology } from "../src/topology/topology.js";
import { anycast } from "./anycast.js";
import { cdn } from "./cdn.js";
import { droplet } from "./droplet.js";
import { fleet } from "./fleet.js";
import { kafka } from "./kafka.js";
import { kubernetes } from "./kubernetes.js";
import { layOut } from "./layout.js";
import type { RegionPlan, StagePlan } from "./plan.js";
import { redis } from "./redis.js";
import { replicas } from "./replicas.js";
import { search } from "./search.js";
import { split } from "./split.js";

const byStage: Record<BuiltStage, (settings: Settings) => Topology> = { droplet };

const plans: Record<Exclude<Stage, "droplet">, StagePlan> = {
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

/**
 * What a stack with these settings consists of. Pure: the same settings give the same value, byte for byte.
 * @throws RangeError for a stage that is not built; settings have been checked before
 */
export function topologyOf(settings: Settings): Topology {
  if (!isBuilt(settings.stage)) throw new RangeError(`stage ${settings.stage} is not built`);
  return byStage[settings.stage](settings);
}

/**
 * The topology of any stage, also of those that cannot be provisioned yet: for costs and diagrams.
 * @param regions the home first; the droplet takes its server's type from there
 * @throws RangeError when there is no region, or a service of the stage has no machine
 */
export function plannedTopology(
  settings: Settings,
  regions: readonly [RegionPlan, ...RegionPlan[]],
): Topology {
  if (settings.stage === "droplet") {
    const type = regions[0].sizes.app?.serverType ?? settings.serverType;
    return droplet({ ...settings, serverType: type });
  }
  return layOut(settings, plans[settings.stage], regions);
}
