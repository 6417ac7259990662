import { type RegionPlan, type TierSize, fewest } from "../../stacks/plan.js";
import type { Tier } from "../topology/addresses.js";
import { location, serverType } from "../topology/catalog.js";
import { type Stage, stages } from "../topology/stages.js";
import type { Capacity } from "../settings/capacity.js";
import { type Usage, volumesOf } from "./usage.js";

/** What a tier needs in the busiest hour, all its machines together. */
export interface Need {
  cores: number;
  memoryGiB: number;
  /** What each machine must have, however many there are. */
  machineGiB: number;
  /** To the public, in Gbit a second. */
  gbit: number;
}

export interface Sized {
  plan: RegionPlan;
  /** Tiers whose largest machine is too small: the stage cannot carry this usage. */
  overloaded: string[];
}

/**
 * Sizes of server, small to large. Stateless ones run on shared cores, data larger than those on dedicated ones; at
 * Hetzner the last two stages use dedicated servers where there are any (Europe). AWS has every size everywhere, so that
 * its machines are chosen by need alone.
 */
const ladders = {
  europe: ["cx23", "cx33", "cx43", "cx53"],
  memory: ["cx23", "cx33", "cx43", "ccx33", "ccx43", "ccx63"],
  metal: ["AX42-1", "AX102-1"],
  america: ["cpx11", "cpx21", "cpx31", "cpx41", "cpx51"],
  asia: ["cpx22", "cpx32", "cpx42", "cpx52", "cpx62"],
} as const;

/** Only one machine of these can take the work: they grow in size, not in number. */
const growsInSize: ReadonlySet<Tier> = new Set(["database", "cache"]);

/**
 * How many machines of which size a stage needs in one region.
 * @param share of the usage that the region serves, 0 to 1
 */
export function sizeRegion(
  stage: Stage,
  usage: Usage,
  capacity: Capacity,
  share: number,
  where: { location: string; market?: string },
  cloud: "hetzner" | "aws",
): Sized {
  const needs = needsOf(stage, usage, capacity, share);
  const overloaded: string[] = [];
  const sizes: Partial<Record<Tier, TierSize>> = {};
  for (const [name, count] of Object.entries(fewest[stage])) {
    const tier = name as Tier;
    const ladder = ladderOf(stage, tier, cloud === "hetzner" ? where.location : undefined);
    const need = needs[tier] ?? { cores: 0.1, memoryGiB: 2, machineGiB: 2, gbit: 0 };
    const single = growsInSize.has(tier) || stage === "droplet";
    const size = single
      ? growInSize(need, ladder, count, capacity)
      : growInNumber(need, ladder, count, capacity);
    if (size.overloaded) overloaded.push(tier);
    const volumeGB = isMetal(size.serverType) ? undefined : volumeOf(stage, tier, usage, share);
    sizes[tier] = {
      count: size.count,
      serverType: size.serverType,
      ...(volumeGB !== undefined && { volumeGB }),
    };
  }
  return { plan: { ...where, sizes }, overloaded };
}

/** What the tiers of a stage need. Source of each term: the plan of the stage says which service runs in which tier. */
export function needsOf(
  stage: Stage,
  usage: Usage,
  capacity: Capacity,
  share: number,
): Partial<Record<Tier, Need>> {
  const has = (other: Stage) => stages.indexOf(stage) >= stages.indexOf(other);
  const { peakPages, peakOrders, egressGB } = volumesOf(usage, share);
  const { memoryGiB } = capacity;
  const cores = (perSecond: number, ms: number) => (perSecond * ms) / 1000 / capacity.utilisation;

  const origin = has("cdn") ? peakPages * (1 - usage.edgeHitRate) : peakPages;
  const rendered = has("redis") ? origin * (1 - usage.cacheHitRate) : origin;
  const searches = peakPages * usage.searchesPerPage;

  const atEdge = (pages: number) => cores(pages * usage.requestsPerPage, capacity.edgeMs);
  const app =
    cores(rendered, capacity.appMs) +
    cores(origin - rendered, capacity.appCachedMs) +
    cores(peakOrders, capacity.appMs);
  const reads =
    cores(rendered, capacity.databaseReadMs) +
    (has("search") ? 0 : cores(searches, capacity.databaseSearchMs));
  const writes = cores(peakOrders, capacity.databaseOrderMs);
  const events = cores(peakOrders * usage.eventsPerOrder, capacity.workerMs);

  const part = (name: keyof Capacity["memoryGiB"], needed: number, memory = 0): Need => ({
    cores: needed,
    memoryGiB: Math.max(memoryGiB[name], memory),
    machineGiB: memoryGiB[name],
    gbit: 0,
  });
  const gbit = gbitOf(egressGB, usage.peakFactor);
  const edge = { ...part("edge", atEdge(origin)), gbit: has("cdn") ? gbit * (1 - usage.edgeHitRate) : gbit };
  const forApp = has("fleet") ? part("app", app) : { ...part("app", app + atEdge(peakPages)), gbit };
  const database = part(
    "database",
    // From stage 4 on its members share the reads; each replays every write.
    has("replicas") ? writes + reads / 3 : writes + reads,
    usage.databaseGB * share * capacity.databaseHotShare,
  );
  const cache = part("cache", cores(origin, 0.1), usage.cacheGB * share);
  const broker = part("broker", events);
  const worker = part("worker", events);
  const search = part("search", cores(searches, capacity.searchMs), usage.indexGB * share);
  const cdn = { ...part("edge", atEdge(peakPages)), gbit };

  if (stage === "droplet") return { app: sum([forApp, database]) };
  if (!has("kubernetes")) return { app: forApp, database, edge, cache, broker, worker, search, cdn };
  const parts = sum([edge, forApp, cache, broker, worker, search, part("node", 0)]);
  const node = { ...parts, machineGiB: memoryGiB.node };
  return { database, cdn, node, control: { cores: 1, memoryGiB: 4, machineGiB: 4, gbit: 0 } };
}

/** @param egressGB of a month; binary GB are 8.59 Gbit */
function gbitOf(egressGB: number, peakFactor: number): number {
  return (egressGB * 8 * 1.024 ** 3 * peakFactor) / (730 * 3600);
}

function sum(needs: readonly Need[]): Need {
  return needs.reduce((a, b) => ({
    cores: a.cores + b.cores,
    memoryGiB: a.memoryGiB + b.memoryGiB,
    machineGiB: a.machineGiB + b.machineGiB,
    gbit: a.gbit + b.gbit,
  }));
}

interface Choice {
  count: number;
  serverType: string;
  overloaded: boolean;
}

/** How many of a size carry a need; no number of them when each is too small. */
function neededOf(need: Need, name: string, { gbitPerMachine }: Capacity): number {
  const { cores, memoryMiB } = serverType(name);
  if (memoryMiB < need.machineGiB * 1024) return Infinity;
  const ratios = [need.cores / cores, need.memoryGiB / (memoryMiB / 1024), need.gbit / gbitPerMachine];
  return Math.max(1, ...ratios.map(Math.ceil));
}

function growInSize(need: Need, ladder: readonly string[], count: number, capacity: Capacity): Choice {
  const found = ladder.find((name) => neededOf(need, name, capacity) === 1);
  return { count, serverType: found ?? ladder.at(-1)!, overloaded: found === undefined };
}

/** One more than the load needs, where there are several: one may fail. */
function growInNumber(need: Need, ladder: readonly string[], least: number, capacity: Capacity): Choice {
  const spare = least > 1 ? 1 : 0;
  const found = ladder.find((name) => neededOf(need, name, capacity) + spare <= least);
  if (found !== undefined) return { count: least, serverType: found, overloaded: false };
  // A single balancer cannot be multiplied; everything else can, by the smallest size that needs the fewest.
  const fewestOf = Math.min(...ladder.map((name) => neededOf(need, name, capacity)));
  if (least === 1 || fewestOf === Infinity) {
    return { count: least, serverType: ladder.at(-1)!, overloaded: true };
  }
  const smallest = ladder.find((name) => neededOf(need, name, capacity) === fewestOf)!;
  return { count: fewestOf + spare, serverType: smallest, overloaded: false };
}

/** @param where absent: a cloud with every size everywhere */
function ladderOf(stage: Stage, tier: Tier, where: string | undefined): readonly string[] {
  const zone = where === undefined ? undefined : location(where).zone;
  if (zone === "ap-southeast") return ladders.asia;
  if (zone === "us-east" || zone === "us-west") return ladders.america;
  const metal = zone !== undefined && (stage === "kubernetes" || stage === "anycast");
  if (metal && (tier === "node" || tier === "database")) return ladders.metal;
  return growsInSize.has(tier) ? ladders.memory : ladders.europe;
}

function isMetal(type: string): boolean {
  return (ladders.metal as readonly string[]).includes(type);
}

/** Room for twice what is there; Hetzner's smallest volume has 10 GB. */
function volumeOf(stage: Stage, tier: Tier, usage: Usage, share: number): number | undefined {
  const { eventsGB } = volumesOf(usage, share);
  const kept = (eventsGB * usage.eventDays) / 30;
  const data: Partial<Record<Tier, number>> = {
    database: usage.databaseGB * share,
    broker: kept,
    search: usage.indexGB * share,
    // The nodes keep the log of events and the index between them.
    node: kept + usage.indexGB * share,
  };
  const gigabytes = stage === "droplet" ? undefined : data[tier];
  return gigabytes === undefined ? undefined : Math.max(10, Math.ceil(gigabytes * 2));
}
