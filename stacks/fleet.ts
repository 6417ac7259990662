import { groundFlows, tcp } from "./ground.js";
import type { StagePlan } from "./plan.js";
import { split } from "./split.js";

/** Where app servers take requests from the balancer, over TLS. */
export const balancedPort = 8443;

/** Stage 3: HAProxy balances from a server of its own, over as many app servers as the traffic needs. */
export const fleet: StagePlan = {
  ...split,
  stage: "fleet",
  entry: "haproxy",
  services: [{ name: "haproxy", tier: "edge" }, ...split.services],
  flows: [
    ...groundFlows("haproxy"),
    ...split.flows.filter(({ from, to }) => from !== "world" && from !== "operators" && to !== "world"),
    tcp("haproxy", "nginx", balancedPort, "requests"),
  ],
};
