import type { StagePlan } from "./plan.js";
import { groundFlows, tcp } from "./ground.js";

/** Stage 2: the database has a server of its own, so that CPU and disk no longer fight on one. */
export const split: StagePlan = {
  stage: "split",
  entry: "nginx",
  services: [
    { name: "nginx", tier: "app" },
    { name: "api", tier: "app" },
    { name: "pgbouncer", tier: "app" },
    { name: "postgresql", tier: "database", stateful: true },
  ],
  flows: [
    ...groundFlows("nginx"),
    { from: "nginx", to: "api", protocol: "unix", socket: "/run/dukaan/api.sock", purpose: "requests" },
    {
      from: "api",
      to: "pgbouncer",
      protocol: "unix",
      socket: "/run/pgbouncer/.s.PGSQL.6432",
      purpose: "queries",
    },
    tcp("pgbouncer", "postgresql", 5432, "queries"),
    tcp("api", "postgresql", 5432, "migrations"),
  ],
};
