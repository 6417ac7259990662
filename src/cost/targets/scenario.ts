import type { Region, Topology } from "../../topology/topology.js";
import { type Geography, awsRegions } from "../../topology/regions.js";
import type { Assumptions } from "../assumptions.js";
import type { Category, Item } from "../item.js";
import { type Usage, type Volumes, volumesOf } from "../usage.js";

/** What a bill of materials is made from. */
export interface Scenario {
  topology: Topology;
  usage: Usage;
  assumptions: Assumptions;
  /** Share of the usage that each region serves, by its name. */
  shares: Readonly<Record<string, number>>;
  /** Take AWS's free tiers off. */
  freeTiers: boolean;
  hours: number;
}

/** One region of the topology with what happens in it in a month. */
export interface Place {
  region: Region;
  /** Name of AWS's region. */
  aws: string;
  /** Where its buyers are; absent when it serves all. */
  geography?: Geography;
  volumes: Volumes;
  share: number;
}

export function placesOf({ topology, usage, assumptions, shares }: Scenario): Place[] {
  return topology.regions.map((region) => {
    const market = assumptions.regions.find(({ name }) => region.market?.replace(/-\d+$/, "") === name);
    const share = shares[region.name] ?? 0;
    return {
      region,
      aws: market?.aws ?? awsRegions[region.location]!,
      ...(market && { geography: market.geography }),
      volumes: volumesOf(usage, share),
      share,
    };
  });
}

/** Makes the items of one provider and region shorter to write down. */
export function inRegion(provider: string, region: string) {
  return (
    category: Category,
    service: string,
    sku: string,
    quantity: number,
    unit: string,
    what: string,
    base?: Item["base"],
  ): Item => ({ provider, region, category, service, sku, quantity, unit, what, ...(base && { base }) });
}

/** Images, backups and compressed logs: what the object storage holds, in GB. */
export function storedGB({ usage, assumptions }: Scenario, logsGB: number) {
  return {
    images: usage.imagesGB,
    backups: usage.databaseGB * usage.backupCopies,
    logs: logsGB * assumptions.logCompression,
  };
}
