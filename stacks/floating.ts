import type { Settings } from "../src/settings/schema.js";
import { tcp } from "./ground.js";
import type { StagePlan } from "./plan.js";

/**
 * A stage whose load balancers share an address, if it has any: each looks whether the other is there, and whoever takes
 * over tells the cloud.
 * @param failover where the cloud is told; the way to port 443 is open anyway
 */
export function floating(stage: StagePlan, failover: Settings["failover"]): StagePlan {
  const balancer = stage.services.find(({ name }) => name === "haproxy");
  if (!balancer) return stage;
  const port = failover && new URL(failover.endpoint).port;
  return {
    ...stage,
    floating: balancer.name,
    services: [...stage.services, { name: "keepalived", tier: balancer.tier }],
    flows: [
      ...stage.flows,
      { from: "keepalived", to: "keepalived", protocol: "vrrp", purpose: "who has the address" },
      ...(port ? [tcp("keepalived", "world", Number(port), "the cloud's API")] : []),
    ],
  };
}
