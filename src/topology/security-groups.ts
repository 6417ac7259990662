import { type NetworkFlow, type Topology, isNetworkFlow, isOutside, servicesOn } from "./topology.js";

/**
 * Security groups, derived from the flows: AWS filters every interface of a machine, the private side too, in both
 * directions. So a flow between two tiers is a rule of each: the one may go out to the other, which lets it in.
 *
 * "World" is every address, the stack's own as well: where one tier may go out to the world and another takes requests
 * from it, the first reaches the second, by whichever address.
 */
export interface SecurityGroup {
  /** A tier, be it of a database that the provider runs; a load balancer of the provider; or {@link operatorsGroup}. */
  name: string;
  rules: readonly SecurityGroupRule[];
}

/** Replies pass by themselves. */
export interface SecurityGroupRule {
  direction: "in" | "out";
  protocol: "tcp" | "udp" | "icmp" | "vrrp";
  /** Absent where there are no ports. */
  port?: number;
  /** The other side: everything in a group, or a range of addresses. */
  remote: { group: string } | { range: string };
  description: string;
}

/** Operators are let in by a door inside the network, which asks who they are; never from an address outside. */
export const operatorsGroup = "operators";

/**
 * The security groups of one region: one a tier that has machines or a database of the provider's, one a load balancer of
 * the provider, and the operators'. Machines of other regions are not in them: nothing leads from one region's network to another's yet.
 */
export function securityGroups(topology: Topology, region: string): SecurityGroup[] {
  const rules = new Map<string, SecurityGroupRule[]>(groupNames(topology, region).map((name) => [name, []]));
  for (const flow of topology.flows.filter(isNetworkFlow)) {
    for (const from of parties(topology, region, flow.from, "from")) {
      for (const to of parties(topology, region, flow.to, "to")) {
        if ("group" in from) add(rules.get(from.group), ruleOf(flow, "out", to));
        if ("group" in to) add(rules.get(to.group), ruleOf(flow, "in", from));
      }
    }
  }
  return [...rules].map(([name, own]) => ({ name, rules: own }));
}

type Remote = SecurityGroupRule["remote"];

function groupNames(topology: Topology, region: string): string[] {
  const tiers = topology.machines.filter((machine) => machine.region === region).map(({ tier }) => tier);
  const databases = databasesIn(topology, region).map(({ tier }) => tier);
  const balancers = balancersIn(topology, region).map(({ name }) => name);
  return [...new Set<string>([...tiers, ...databases, ...balancers, operatorsGroup])];
}

/** Who is meant by a party of a flow. */
function parties(topology: Topology, region: string, party: string, side: "from" | "to"): Remote[] {
  if (party === "operators" && side === "from") return [{ group: operatorsGroup }];
  if (isOutside(party)) return topology.outside[party].map((range) => ({ range }));
  const tiers = topology.machines
    .filter((machine) => machine.region === region && servicesOn(topology, machine.name).includes(party))
    .map(({ tier }) => tier);
  const databases = databasesIn(topology, region).filter(({ service }) => service === party);
  const balancers = balancersIn(topology, region).filter(({ name }) => name === party);
  const groups = [...tiers, ...databases.map(({ tier }) => tier), ...balancers.map(({ name }) => name)];
  return [...new Set<string>(groups)].map((group) => ({ group }));
}

function databasesIn({ managedDatabase }: Topology, region: string) {
  return managedDatabase?.region === region ? [managedDatabase] : [];
}

function balancersIn({ loadBalancers = [] }: Topology, region: string) {
  return loadBalancers.filter((balancer) => balancer.region === region);
}

function ruleOf(flow: NetworkFlow, direction: "in" | "out", remote: Remote): SecurityGroupRule {
  const port = "port" in flow && { port: flow.port };
  return { direction, protocol: flow.protocol, ...port, remote, description: flow.purpose };
}

/** AWS refuses the same rule twice: what two flows have in common is one rule with both their purposes. */
function add(rules: SecurityGroupRule[] | undefined, rule: SecurityGroupRule): void {
  const same = rules?.find((other) => nameOfRule(other) === nameOfRule(rule));
  if (!same) rules?.push(rule);
  else if (!same.description.split(", ").includes(rule.description))
    same.description += `, ${rule.description}`;
}

/** Unique in its group, e.g. "in-tcp-443-any-ipv4" or "out-tcp-5432-database"; without colons, which separate the parts of URNs. */
export function nameOfRule({ direction, protocol, port, remote }: SecurityGroupRule): string {
  return [direction, protocol, ...(port === undefined ? [] : [port]), nameOfRemote(remote)].join("-");
}

function nameOfRemote(remote: Remote): string {
  if ("group" in remote) return remote.group;
  const everywhere: Readonly<Record<string, string>> = { "0.0.0.0/0": "any-ipv4", "::/0": "any-ipv6" };
  return everywhere[remote.range] ?? remote.range.replaceAll(":", "-");
}
