import type { Flow } from "../src/topology/topology.js";
import { groundFlows, tcp } from "./ground.js";
import type { StagePlan } from "./plan.js";
import { split } from "./split.js";

/** Where app servers take requests from HAProxy, over TLS. */
export const balancedPort = 8443;
/** Where they take those of the provider's load balancer, which ends TLS and speaks plain HTTP in the private network. */
export const managedPort = 8080;
/** The provider's load balancer, as flows name it. */
export const managedBalancer = "load-balancer";

/** What goes on between the stack's own services, whoever is before them. */
const inside: readonly Flow[] = split.flows.filter(
  ({ from, to }) => from !== "world" && from !== "operators" && to !== "world",
);

/** Stage 3: HAProxy balances from a server of its own, over as many app servers as the traffic needs. */
export const fleet: StagePlan = {
  ...split,
  stage: "fleet",
  entry: "haproxy",
  services: [{ name: "haproxy", tier: "edge" }, ...split.services],
  flows: [...groundFlows("haproxy"), ...inside, tcp("haproxy", "nginx", balancedPort, "requests")],
};

/** The same behind the provider's load balancer: no machine of ours is before the app servers. */
export const managedFleet: StagePlan = {
  ...split,
  stage: "fleet",
  entry: managedBalancer,
  balanced: "nginx",
  managed: managedBalancer,
  flows: [...groundFlows(managedBalancer), ...inside, tcp(managedBalancer, "nginx", managedPort, "requests")],
};
