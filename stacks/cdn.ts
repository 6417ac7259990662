import type { StagePlan } from "./plan.js";
import { groundFlows, tcp } from "./ground.js";
import { search } from "./search.js";

/** Stage 8: caches at the edge answer for pages and images, so that far users and the egress bill feel the origin less. */
export const cdn: StagePlan = {
  ...search,
  stage: "cdn",
  entry: "edge-cache",
  services: [...search.services, { name: "edge-cache", tier: "cdn" }],
  flows: [
    ...groundFlows("edge-cache"),
    ...search.flows.filter(({ from, to }) => from !== "world" && from !== "operators" && to !== "world"),
    tcp("edge-cache", "haproxy", 443, "what is not cached"),
  ],
};
