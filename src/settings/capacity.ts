import type { Problem } from "./schema.js";
import { fromJson, isRecord } from "./structured.js";

/**
 * What one piece of work costs, and what the parts need: sizes of machines follow from it. CPU time is that of one core,
 * in milliseconds; memory is in GiB.
 */
export interface Capacity {
  /** A page rendered with data from the database. */
  appMs: number;
  /** A page taken from Redis. */
  appCachedMs: number;
  /** A request through nginx, TLS included. */
  edgeMs: number;
  /** The database's part of a rendered page. */
  databaseReadMs: number;
  /** The database's part of an order. */
  databaseOrderMs: number;
  /** A search by SQL. */
  databaseSearchMs: number;
  /** A search by the search engine. */
  searchMs: number;
  /** An event handled. */
  workerMs: number;
  /** How busy a core may be in the busiest hour, 0 to 1. */
  utilisation: number;
  /** Towards the public, of one machine. */
  gbitPerMachine: number;
  /** Share of the database that should fit into memory, 0 to 1. */
  databaseHotShare: number;
  /** What a machine of each class needs at least. */
  memoryGiB: Record<MachineClass, number>;
}

export const machineClasses = [
  "app",
  "edge",
  "database",
  "cache",
  "broker",
  "search",
  "worker",
  "node",
] as const;

export type MachineClass = (typeof machineClasses)[number];

/** A default, where it comes from, and what else is allowed. */
export interface Parameter {
  value: number;
  least: number;
  most: number;
  source: string;
}

const bench = "`test/bench/capacity.ts` (virtual AMD EPYC core, 20,000 products, all in memory)";
const ms = (value: number, source: string): Parameter => ({ value, least: 0, most: 60_000, source });
const share = (value: number, source: string): Parameter => ({ value, least: 0.05, most: 1, source });
const memory = (value: number, source: string): Parameter => ({ value, least: 0.25, most: 1024, source });

/** Every parameter but memory, with its default. Measured ones are doubled: cores of small servers are shared. */
export const workParameters: Readonly<Record<Exclude<keyof Capacity, "memoryGiB">, Parameter>> = {
  appMs: ms(1.5, `twice 0.72 ms: Node.js and PgBouncer for a shop's page, ${bench}`),
  appCachedMs: ms(
    0.6,
    "not measured: less than half of a rendered page, as neither SQL nor rendering is left",
  ),
  edgeMs: ms(0.15, "not measured: TLS on connections that stay open, and one hop"),
  databaseReadMs: ms(
    1,
    `twice 0.45 ms, and room for reads from disk: PostgreSQL for a shop's page, ${bench}`,
  ),
  databaseOrderMs: ms(4, `twice 1.9 ms: PostgreSQL for an order, without waiting for the disk, ${bench}`),
  databaseSearchMs: ms(60, "not measured: a scan of some ten thousand rows by ILIKE"),
  searchMs: ms(8, "not measured"),
  workerMs: ms(1, "not measured: about what an order's part in the app takes"),
  utilisation: share(
    0.6,
    "convention: above it waiting times grow faster than the load (M/M/1: 1.5 × the work)",
  ),
  gbitPerMachine: {
    value: 2,
    least: 0.05,
    most: 400,
    source: "not measured: Hetzner's cloud guarantees no rate",
  },
  databaseHotShare: share(0.2, "convention: most reads are for a fifth of the data"),
};

/** What a machine of each class needs at least, with its default. */
export const memoryParameters: Readonly<Record<MachineClass, Parameter>> = {
  app: memory(
    2,
    "measured: 143 MB a process under full load (apps/README.md), two while releasing, one a core",
  ),
  edge: memory(1, "not measured: nginx holds buffers only"),
  database: memory(2, "not measured: connections and what the system needs; the hot share comes on top"),
  cache: memory(1, "not measured: Redis beside its data"),
  broker: memory(4, "Kafka's own advice is a heap of some GB and as much page cache; for small logs"),
  search: memory(4, "OpenSearch's own advice: half of the memory for the heap; for small indexes"),
  worker: memory(2, "not measured: as app, whose code base it shares"),
  node: memory(8, "not measured: kubelet, network and monitoring, and room for a pod to move"),
};

export const defaultCapacity: Capacity = {
  ...valuesOf(workParameters),
  memoryGiB: valuesOf(memoryParameters),
};

const path = "dukaan:capacity";

/**
 * Checks `dukaan:capacity`; what it does not name keeps its default.
 * @param given an object, or text, as Pulumi hands structured settings over; absent: all defaults
 */
export function parseCapacity(given: unknown): { capacity?: Capacity; problems: Problem[] } {
  if (given === undefined) return { problems: [] };
  const value = typeof given === "string" ? fromJson(given) : given;
  if (!isRecord(value)) return { problems: [noObject(path)] };
  const { memoryGiB = {}, ...work } = value;
  const problems = [
    ...problemsOf(work, workParameters, path, ["memoryGiB"]),
    ...(isRecord(memoryGiB)
      ? problemsOf(memoryGiB, memoryParameters, `${path}.memoryGiB`)
      : [noObject(`${path}.memoryGiB`)]),
  ];
  if (problems.length > 0) return { problems };
  return {
    capacity: {
      ...defaultCapacity,
      ...(work as Partial<Capacity>),
      memoryGiB: { ...defaultCapacity.memoryGiB, ...(memoryGiB as Partial<Capacity["memoryGiB"]>) },
    },
    problems,
  };
}

function problemsOf(
  value: Record<string, unknown>,
  parameters: Readonly<Record<string, Parameter>>,
  where: string,
  others: readonly string[] = [],
): Problem[] {
  return Object.entries(value).flatMap(([name, given]): Problem[] => {
    if (!Object.hasOwn(parameters, name)) {
      const known = [...Object.keys(parameters), ...others].join(", ");
      return [
        { path: `${where}.${name}`, reason: `is not a setting; there are ${known}`, remedy: "Remove it." },
      ];
    }
    const { least, most, value: usual } = parameters[name]!;
    if (typeof given === "number" && given >= least && given <= most) return [];
    const reason = `is ${JSON.stringify(given).slice(0, 80)}, not a number from ${least} to ${most}`;
    return [{ path: `${where}.${name}`, reason, remedy: `Use e.g. ${usual}, the default.` }];
  });
}

function noObject(where: string): Problem {
  return { path: where, reason: "is no object", remedy: `Use e.g. ${JSON.stringify({ appMs: 3 })}.` };
}

function valuesOf<Name extends string>(parameters: Readonly<Record<Name, Parameter>>): Record<Name, number> {
  return Object.fromEntries(
    (Object.entries(parameters) as [Name, Parameter][]).map(([name, { value }]) => [name, value]),
  ) as Record<Name, number>;
}
