import { groundFlows } from "./ground.js";
import type { StagePlan } from "./plan.js";

/**
 * Stage 1: one server with everything on it. nginx ends TLS and hands requests to the app over a Unix socket; the app
 * reaches PostgreSQL through PgBouncer, also over Unix sockets. Nothing is redundant: the right start.
 */
export const droplet: StagePlan = {
  stage: "droplet",
  entry: "nginx",
  services: [
    { name: "nginx", tier: "app" },
    { name: "api", tier: "app" },
    { name: "pgbouncer", tier: "app" },
    { name: "postgresql", tier: "app", stateful: true },
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
    {
      from: "pgbouncer",
      to: "postgresql",
      protocol: "unix",
      socket: "/run/postgresql/.s.PGSQL.5432",
      purpose: "queries",
    },
    {
      from: "api",
      to: "postgresql",
      protocol: "unix",
      socket: "/run/postgresql/.s.PGSQL.5432",
      purpose: "migrations",
    },
  ],
};
