import type { StagePlan } from "./plan.js";
import { fleet } from "./fleet.js";
import { tcp } from "./ground.js";

/** Stage 4: streaming standbys serve reads, and one of them takes over when the primary fails (Patroni, etcd). */
export const replicas: StagePlan = {
  ...fleet,
  stage: "replicas",
  services: [
    ...fleet.services,
    { name: "patroni", tier: "database" },
    { name: "etcd", tier: "database", stateful: true },
  ],
  flows: [
    ...fleet.flows,
    tcp("postgresql", "postgresql", 5432, "replication"),
    tcp("patroni", "etcd", 2379, "leader lock"),
    tcp("etcd", "etcd", 2380, "consensus"),
    tcp("patroni", "patroni", 8008, "state of the members"),
  ],
};
