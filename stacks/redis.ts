import type { StagePlan } from "./plan.js";
import { tcp } from "./ground.js";
import { replicas } from "./replicas.js";

/** Stage 5: a read-through cache before the database, invalidated by its events. Losing it costs speed, not data. */
export const redis: StagePlan = {
  ...replicas,
  stage: "redis",
  services: [...replicas.services, { name: "redis", tier: "cache" }],
  flows: [
    ...replicas.flows,
    tcp("api", "redis", 6379, "cache"),
    tcp("redis", "redis", 6379, "replication"),
    tcp("redis", "redis", 26379, "election of the primary"),
  ],
};
