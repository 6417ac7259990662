import { type Capacity, defaultCapacity } from "../settings/capacity.js";
import { type Market, geographies, markets } from "../topology/regions.js";
import { check } from "./check.js";
import type { Usage } from "./usage.js";

/** Everything that is neither price nor topology. */
export interface Assumptions {
  /** By default that of the settings. */
  capacity: Capacity;
  /** The regions of the last stage; the home first. */
  regions: Market[];
  /** Availability zones that AWS's networks span: one NAT gateway each. */
  zones: number;
  /** Through NAT from each machine: packages, APIs. */
  natGBPerMachine: number;
  /** New connections among requests, 0 to 1. */
  newConnectionShare: number;
  /** Of buyers' resolvers that have not kept the answer. */
  dnsQueriesPerPage: number;
  /** Logs kept compressed, against their size, 0 to 1. */
  logCompression: number;
  /** Root disk of an EC2 instance. */
  rootDiskGB: number;
  /** Months over which setup fees are spread. */
  setupMonths: number;
  /** Free tiers of AWS, taken off when asked for. */
  freeTiers: { internetOutGB: number; edgeOutGB: number; edgeRequests: number };
  /** Time of people, shown apart. */
  people: { dollarsPerHour: number; hours: Record<"aws-managed" | "aws-self-run" | "hetzner", number> };
}

export const defaultAssumptions: Assumptions = {
  capacity: defaultCapacity,
  regions: [...markets],
  zones: 3,
  natGBPerMachine: 5,
  newConnectionShare: 0.1,
  dnsQueriesPerPage: 0.2,
  logCompression: 0.1,
  rootDiskGB: 30,
  setupMonths: 24,
  freeTiers: { internetOutGB: 100, edgeOutGB: 1024, edgeRequests: 10_000_000 },
  people: { dollarsPerHour: 60, hours: { "aws-managed": 20, "aws-self-run": 50, hetzner: 60 } },
};

const rates = new Set([
  "cacheHitRate",
  "edgeHitRate",
  "crossZoneShare",
  "interRegionShare",
  "utilisation",
  "databaseHotShare",
  "newConnectionShare",
  "logCompression",
]);

/** Changes to assumptions and usage, as a file gives them: the same names, only what differs. */
interface Overrides {
  usage?: Partial<Usage>;
  regions?: string[];
  [name: string]: unknown;
}

/**
 * Applies a file of overrides.
 * @param file what was parsed from YAML or JSON, e.g. `{ usage: { pageViews: 5e6 }, regions: ["frankfurt", "mumbai"] }`
 * @throws InputError that names the field and what is allowed
 */
export function override(
  usage: Usage,
  assumptions: Assumptions,
  file: unknown,
  name: string,
): { usage: Usage; assumptions: Assumptions } {
  const { regions: _regions, ...rest } = assumptions;
  const schema = {
    ...schemaOf(rest),
    properties: {
      ...schemaOf(rest).properties,
      usage: schemaOf(usage),
      regions: {
        type: "array",
        items: { enum: markets.map((market) => market.name) },
        minItems: 1,
        uniqueItems: true,
      },
    },
  };
  check(schema, file ?? {}, name);
  const { usage: forUsage = {}, regions, ...others } = (file ?? {}) as Overrides;
  const changed: Usage = { ...usage, ...forUsage, buyers: { ...usage.buyers, ...forUsage.buyers } };
  const sum = geographies.reduce((total, geography) => total + changed.buyers[geography], 0);
  check({ type: "number", minimum: 0.999, maximum: 1.001 }, sum, `${name}: sum of /usage/buyers`);
  return {
    usage: changed,
    assumptions: {
      ...deepMerge(rest, others),
      regions: regions
        ? regions.map((wanted) => markets.find((market) => market.name === wanted)!)
        : assumptions.regions,
    },
  };
}

/** The schema of an object of numbers, at any depth, with nothing required. */
function schemaOf(value: object): { properties: Record<string, object> } & Record<string, unknown> {
  const properties = Object.fromEntries(
    Object.entries(value).map(([key, part]: [string, unknown]) => [
      key,
      typeof part === "object" && part !== null
        ? schemaOf(part)
        : { type: "number", minimum: minimumOf(key), ...(rates.has(key) && { maximum: 1 }) },
    ]),
  );
  return { type: "object", properties, additionalProperties: false };
}

/** What is divided by must not be 0. */
function minimumOf(key: string): number {
  if (key === "utilisation" || key === "gbitPerMachine") return 0.05;
  return key === "setupMonths" || key === "zones" || key === "pageViews" ? 1 : 0;
}

function deepMerge<Value extends object>(value: Value, changes: object): Value {
  const merged = Object.entries(changes).map(([key, change]: [string, unknown]) => {
    const old: unknown = value[key as keyof Value];
    const both = typeof change === "object" && change !== null && typeof old === "object" && old !== null;
    return [key, both ? deepMerge(old, change) : change];
  });
  return { ...value, ...Object.fromEntries(merged) } as Value;
}
