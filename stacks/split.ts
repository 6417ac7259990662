import { droplet } from "./droplet.js";
import { tcp } from "./ground.js";
import type { StagePlan } from "./plan.js";

/** Stage 2: the database has a server of its own, so that CPU and disk no longer fight on one. */
export const split: StagePlan = {
  ...droplet,
  stage: "split",
  services: droplet.services.map((service) =>
    service.name === "postgresql" ? { ...service, tier: "database" as const } : service,
  ),
  flows: [
    ...droplet.flows.filter(({ to }) => to !== "postgresql"),
    tcp("pgbouncer", "postgresql", 5432, "queries"),
    tcp("api", "postgresql", 5432, "migrations"),
  ],
};
