import { memoryText } from "../topology/catalog.js";
import { type Machine, type Topology, askingFrom } from "../topology/topology.js";
import type { Box } from "./graph.js";
import { coresText, kinds, titles } from "./tiers.js";

// What the provider runs itself.

/** Its load balancers in a region. */
export function balancerBoxes({ loadBalancers = [] }: Topology, region: string): Box[] {
  return loadBalancers
    .filter((balancer) => balancer.region === region)
    .map((balancer) => ({
      id: "balancer",
      kind: "balancer" as const,
      title: "Provider's load balancer",
      size: `before ${balancer.service}`,
      volume: "",
      services: [{ name: balancer.name, stateful: false }],
      machines: askingFrom(balancer).map((address) => ({ name: balancer.name, address, publicIpv4: true })),
      inside: [],
    }));
}

/** Its database, where a region has one. */
export function databaseBoxes({ managedDatabase }: Topology, region: string): Box[] {
  if (managedDatabase?.region !== region) return [];
  const { tier, service, version, instanceClass, cores, memoryMiB, storageGB, multiAz } = managedDatabase;
  return [
    {
      id: tier,
      kind: kinds[tier],
      title: `Provider's ${titles[tier].toLowerCase()}`,
      size: `${instanceClass} · ${coresText(cores)} · ${memoryText(memoryMiB)} · ${storageGB} GB disk`,
      volume: multiAz
        ? `${service} ${version}, standby in another zone`
        : `${service} ${version}, in one zone`,
      services: [{ name: service, stateful: true }],
      machines: [],
      inside: [],
    },
  ];
}

/** What the provider adds to a tier's machines. */
export function groupText({ groups = [] }: Topology, own: readonly Machine[]): string {
  return groups
    .filter(({ like }) => own.some(({ name }) => name === like))
    .map(({ name, least, most }) => `and ${least} to ${most} more like it, as the load asks for (${name})`)
    .join();
}
