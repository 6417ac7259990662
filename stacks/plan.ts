import type { Tier } from "../src/topology/addresses.js";
import type { Stage } from "../src/topology/stages.js";
import type { Flow } from "../src/topology/topology.js";

/** What a stage consists of, before anybody says how many machines of which size: services, where they run, who talks. */
export interface StagePlan {
  stage: Stage;
  services: readonly PlannedService[];
  flows: readonly Flow[];
  /** The service that the public reaches. */
  entry: string;
  /** A load balancer of the provider stands before this service. */
  balanced?: string;
  /** That load balancer is the entry, by this name: it is in the private network, and flows name it as they do a service. */
  managed?: string;
  /** The provider starts machines beside the first of a tier, as the load asks for, and ends them. */
  group?: { tier: Tier; least: number; most: number };
  /** The public comes to this service by an address that goes from one of its machines to another. */
  floating?: string;
  /** One address for all regions. */
  anycast?: true;
}

export interface PlannedService {
  name: string;
  /** It runs on every machine of this tier. */
  tier: Tier;
  stateful?: true;
  /** The provider runs it, in the tier's subnets: no machine does. */
  managed?: true;
}

/** How many machines a tier has in one region, and of which size. */
export interface TierSize {
  count: number;
  /** A name of src/topology/catalog.ts; a dedicated server's counts as well. */
  serverType: string;
  /** Of a volume on each machine; absent: its own disk is enough. */
  volumeGB?: number;
}

/** By tier; a tier that is not here has no machines. */
export type Sizes = Readonly<Partial<Record<Tier, TierSize>>>;

/** One region with its machines. */
export interface RegionPlan {
  location: string;
  /** Name of a market, when there are several regions. */
  market?: string;
  sizes: Sizes;
}

/**
 * How few machines each tier of a stage can have: one where losing it is accepted, two where another takes over, three
 * where a majority decides (Patroni with etcd, Kafka's and the search engine's quorum, a cluster's control plane).
 */
export const fewest: Readonly<Record<Stage, Readonly<Partial<Record<Tier, number>>>>> = (() => {
  const split = { app: 1, database: 1 };
  const fleet = { ...split, edge: 1, app: 2 };
  const replicas = { ...fleet, database: 3 };
  const redis = { ...replicas, cache: 2 };
  const kafka = { ...redis, broker: 3, worker: 2 };
  const search = { ...kafka, search: 3 };
  const cdn = { ...search, cdn: 2 };
  const kubernetes = { cdn: 2, control: 3, node: 3, database: 3 };
  const anycast = { cdn: 2, node: 3, database: 3 };
  return { droplet: { app: 1 }, split, fleet, replicas, redis, kafka, search, cdn, kubernetes, anycast };
})();
