import type { StagePlan } from "./plan.js";
import { tcp } from "./ground.js";
import { kubernetes } from "./kubernetes.js";

/**
 * Stage 10: regions that each serve their own market, whole, from metal where there is some; one address announced from
 * all of them leads a buyer to the nearest. Events travel between the regions. The nodes carry the control plane.
 */
export const anycast: StagePlan = {
  ...kubernetes,
  stage: "anycast",
  anycast: true,
  services: [
    ...kubernetes.services.map((service) =>
      service.tier === "control" ? { ...service, tier: "node" as const } : service,
    ),
    { name: "bgp", tier: "cdn" },
  ],
  flows: [
    ...kubernetes.flows,
    tcp("kafka", "kafka", 9095, "events of the other regions"),
    tcp("bgp", "world", 179, "announcement of the address"),
  ],
};
