import type { Tier } from "../topology/addresses.js";
import type { Box } from "./graph.js";

// How tiers are drawn.

/** Rows from the public downwards. What is asked by two tiers stands between them, so that no lines cross. */
export const rowOf: Readonly<Record<Tier | "balancer", number>> = {
  cdn: 1,
  balancer: 2,
  edge: 2,
  app: 3,
  node: 3,
  cache: 4,
  database: 4,
  search: 4,
  control: 4,
  worker: 5,
  broker: 6,
};

export const titles: Readonly<Record<Tier, string>> = {
  cdn: "Edge caches",
  edge: "Load balancer",
  app: "App",
  database: "Database",
  cache: "Cache",
  search: "Search",
  worker: "Workers",
  broker: "Event log",
  control: "Control plane",
  node: "Cluster nodes",
};

export const kinds: Readonly<Record<Tier, Box["kind"]>> = {
  cdn: "edge",
  edge: "edge",
  app: "app",
  node: "app",
  database: "data",
  cache: "data",
  search: "data",
  worker: "events",
  broker: "events",
  control: "control",
};

export function coresText(cores: number): string {
  return `${cores} core${cores === 1 ? "" : "s"}`;
}
