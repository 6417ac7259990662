import type { StagePlan } from "./plan.js";
import { tcp } from "./ground.js";
import { split } from "./split.js";

/** Stage 3: nginx balances from a server of its own, over as many app servers as the traffic needs. */
export const fleet: StagePlan = {
  ...split,
  stage: "fleet",
  services: split.services.map((service) =>
    service.name === "nginx" ? { ...service, tier: "edge" as const } : service,
  ),
  flows: [
    ...split.flows.filter(({ from, to }) => from !== "nginx" || to !== "api"),
    tcp("nginx", "api", 8443, "requests"),
  ],
};
