import { type Tier, providerRange } from "./addresses.js";
import {
  type Machine,
  type NetworkFlow,
  type Outside,
  type Topology,
  isNetworkFlow,
  isOutside,
  privateAddressesOf,
  servicesOn,
} from "./topology.js";

/**
 * Firewalls, derived from the flows. The public side of a machine is the cloud firewall's, the private side the
 * machine's own (nftables): Hetzner's cloud firewalls do not filter private networks. AWS's: ./security-groups.ts.
 */

/** A rule of a cloud firewall; replies pass by themselves. */
export interface CloudRule {
  direction: "in" | "out";
  protocol: "tcp" | "udp" | "icmp";
  /** Absent for icmp. */
  port?: number;
  /** The other side: sources for `in`, destinations for `out`. */
  remotes: readonly string[];
  description: string;
}

/** A rule of a machine's own firewall for what arrives on its private address; replies pass by themselves. */
export interface PrivateRule {
  protocol: "tcp" | "udp" | "icmp" | "vrrp";
  /** Absent where there are no ports. */
  port?: number;
  /** Private addresses of the machines that may; ranges for the provider's load balancer and for {@link arrivalRules}. */
  sources: readonly string[];
}

/** For machines at whose private address everything arrives, whoever sends it. */
export interface ArrivalRules {
  /** For what comes from the stack's networks. */
  inside: readonly PrivateRule[];
  /** For what comes from anywhere else. */
  outside: readonly PrivateRule[];
}

type PublicFlow = Exclude<NetworkFlow, { protocol: "vrrp" }>;

/** What the machines of one tier may exchange with parties outside of the stack, on their public interfaces. */
export function cloudRules(topology: Topology, tier: Tier): CloudRule[] {
  const services = new Set(
    topology.machines
      .filter((machine) => machine.tier === tier)
      .flatMap(({ name }) => servicesOn(topology, name)),
  );
  return topology.flows
    .filter(isNetworkFlow)
    .filter(isPublicFlow)
    .flatMap((flow): CloudRule[] => {
      const rule = (direction: "in" | "out", party: Outside): CloudRule => ({
        direction,
        protocol: flow.protocol,
        ...(flow.protocol === "icmp" ? {} : { port: flow.port }),
        remotes: topology.outside[party],
        description: flow.purpose,
      });
      if (isOutside(flow.from) && services.has(flow.to)) return [rule("in", flow.from)];
      if (isOutside(flow.to) && services.has(flow.from)) return [rule("out", flow.to)];
      return [];
    });
}

/** What may reach a machine on its private address: only flows between services on different machines. */
export function privateRules(topology: Topology, machine: Machine): PrivateRule[] {
  const here = new Set(servicesOn(topology, machine.name));
  return topology.flows.filter(isNetworkFlow).flatMap((flow): PrivateRule[] => {
    if (isOutside(flow.from) || isOutside(flow.to) || !here.has(flow.to)) return [];
    const sources = privateAddressesOf(topology, flow.from).filter(
      (address) => address !== machine.privateAddress,
    );
    if (sources.length === 0) return [];
    return [{ protocol: flow.protocol, ...("port" in flow && { port: flow.port }), sources }];
  });
}

/**
 * What may reach a machine on AWS, whose public addresses are translated into its private one before anything gets to it:
 * flows between services as everywhere, operators out of the subnet where their door is, and the public from outside.
 * IPv6, which nothing translates and no flow between machines uses, is the security groups' alone.
 * @throws Error when the machine's region is not in the topology
 */
export function arrivalRules(topology: Topology, machine: Machine): ArrivalRules {
  const region = topology.regions.find(({ name }) => name === machine.region);
  if (!region) throw new Error(`no region ${machine.region} in the topology`);
  const here = new Set(servicesOn(topology, machine.name));
  const from = (party: Outside, sources: readonly string[]) =>
    topology.flows.filter(isNetworkFlow).flatMap((flow): PrivateRule[] => {
      if (flow.from !== party || !here.has(flow.to)) return [];
      return [{ protocol: flow.protocol, ...("port" in flow && { port: flow.port }), sources }];
    });
  const world = topology.outside.world.filter((range) => !range.includes(":"));
  return {
    inside: [
      ...privateRules(topology, machine),
      // It takes any free address there.
      ...from("operators", [providerRange(region.range, 0)]),
    ],
    outside: from("world", world),
  };
}

/**
 * Private addresses from which certain services connect to a service on a machine, over the network.
 * @param from names of the connecting services
 * @param to the service on `machine`
 */
export function addressesOf(
  topology: Topology,
  machine: Machine,
  from: readonly string[],
  to: readonly string[],
): string[] {
  const flows = topology.flows
    .filter(isNetworkFlow)
    .filter((flow) => from.includes(flow.from) && to.includes(flow.to));
  const addresses = flows.flatMap((flow) => privateAddressesOf(topology, flow.from));
  return [...new Set(addresses)].filter((address) => address !== machine.privateAddress);
}

function isPublicFlow(flow: NetworkFlow): flow is PublicFlow {
  return flow.protocol !== "vrrp";
}
