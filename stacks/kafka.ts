import type { StagePlan } from "./plan.js";
import { tcp } from "./ground.js";
import { redis } from "./redis.js";

/** Stage 6: the storefront is a service of its own; events reach it through Debezium and Kafka, to idempotent workers. */
export const kafka: StagePlan = {
  ...redis,
  stage: "kafka",
  services: [
    ...redis.services,
    { name: "storefront", tier: "app" },
    { name: "kafka", tier: "broker", stateful: true },
    { name: "connect", tier: "worker" },
    { name: "workers", tier: "worker" },
  ],
  flows: [
    ...redis.flows,
    {
      from: "nginx",
      to: "storefront",
      protocol: "unix",
      socket: "/run/dukaan/storefront.sock",
      purpose: "requests for pages",
    },
    tcp("storefront", "redis", 6379, "cache"),
    tcp("storefront", "postgresql", 5432, "reads"),
    tcp("connect", "postgresql", 5432, "change data capture"),
    tcp("connect", "kafka", 9093, "events"),
    tcp("workers", "kafka", 9093, "events"),
    tcp("workers", "redis", 6379, "invalidation"),
    tcp("workers", "postgresql", 5432, "what has been handled"),
    tcp("kafka", "kafka", 9093, "replication"),
    tcp("kafka", "kafka", 9094, "quorum"),
  ],
};
