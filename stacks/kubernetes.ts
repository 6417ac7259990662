import type { PlannedService, StagePlan } from "./plan.js";
import { cdn } from "./cdn.js";
import { tcp } from "./ground.js";

/** What stays outside of the cluster: data that must outlive it, and the edge before it. */
const outside = new Set(["postgresql", "patroni", "etcd", "edge-cache"]);

/** Stage 9: everything without a disk of its own, and what can rebuild its data, runs in a cluster. */
export const kubernetes: StagePlan = {
  ...cdn,
  stage: "kubernetes",
  services: [
    ...cdn.services.map((service): PlannedService =>
      outside.has(service.name) ? service : { ...service, tier: "node" },
    ),
    { name: "kubelet", tier: "node" },
    { name: "kubernetes-api", tier: "control", stateful: true },
  ],
  // HAProxy is the cluster's ingress now.
  balanced: "haproxy",
  flows: [
    ...cdn.flows,
    tcp("kubelet", "kubernetes-api", 6443, "cluster"),
    tcp("kubernetes-api", "kubelet", 10250, "logs and commands"),
    tcp("kubernetes-api", "kubernetes-api", 2379, "consensus"),
    { from: "kubelet", to: "kubelet", protocol: "udp", port: 51820, purpose: "pods of other nodes" },
  ],
};
