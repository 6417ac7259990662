import type { Settings } from "../src/settings/schema.js";
import { type BuiltStage, isBuilt } from "../src/topology/stages.js";
import type { Topology } from "../src/topology/topology.js";
import { droplet } from "./droplet.js";

const byStage: Record<BuiltStage, (settings: Settings) => Topology> = { droplet };

/**
 * What a stack with these settings consists of. Pure: the same settings give the same value, byte for byte.
 * @throws RangeError for a stage that is not built; settings have been checked before
 */
export function topologyOf(settings: Settings): Topology {
  if (!isBuilt(settings.stage)) throw new RangeError(`stage ${settings.stage} is not built`);
  return byStage[settings.stage](settings);
}
