import type { Provider } from "../topology/catalog.js";
import type { Topology } from "../topology/topology.js";
import type { Platform } from "./platform.js";

/** The clouds of a stack; regions of one stack may be on different ones. */
export type Platforms = Readonly<Partial<Record<Provider, Platform>>>;

/**
 * Loads the clouds that a topology's regions are on, and only these: AWS's SDK alone has 84 MB.
 * @param protect refuse that anything be deleted which holds data, or an address that others know
 */
export async function loadPlatforms(topology: Topology, protect: boolean): Promise<Platforms> {
  const context = { stack: topology.stack, protect };
  const aws = topology.regions.filter(({ provider }) => provider === "aws");
  const hetzner = topology.regions.some(({ provider }) => provider === "hetzner");
  return {
    ...(hetzner && { hetzner: (await import("./hetzner/index.js")).hetzner(context) }),
    ...(aws.length > 0 && { aws: (await import("./aws/index.js")).aws({ ...context, regions: aws }) }),
  };
}

/** @throws Error when it has not been loaded */
export function platformOf(platforms: Platforms, provider: Provider): Platform {
  const found = platforms[provider];
  if (!found) throw new Error(`the platform for ${provider} has not been loaded`);
  return found;
}
