import type { StagePlan } from "./plan.js";
import { tcp } from "./ground.js";
import { kafka } from "./kafka.js";

/** Stage 7: a search engine fed by the same events; SQL search remains for when it is away. */
export const search: StagePlan = {
  ...kafka,
  stage: "search",
  // Its index can be made anew from the events, so it is not stateful.
  services: [...kafka.services, { name: "opensearch", tier: "search" }],
  flows: [
    ...kafka.flows,
    tcp("api", "opensearch", 9200, "search"),
    tcp("storefront", "opensearch", 9200, "search"),
    tcp("workers", "opensearch", 9200, "indexing"),
    tcp("opensearch", "opensearch", 9300, "cluster"),
  ],
};
