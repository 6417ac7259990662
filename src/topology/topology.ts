import type { Tier } from "./addresses.js";
import type { Image, Provider } from "./catalog.js";
import type { Stage } from "./stages.js";

/**
 * What a stack consists of, as one plain value: immutable, JSON-serialisable, the same for the same settings. Resources,
 * firewalls, diagrams, costs and drills are all derived from it.
 */
export interface Topology {
  stack: string;
  stage: Stage;
  regions: readonly Region[];
  machines: readonly Machine[];
  services: readonly Service[];
  flows: readonly Flow[];
  /** Who is meant by the parties of flows that are no service: CIDRs, IPv4 and IPv6. */
  outside: Readonly<Record<Outside, readonly string[]>>;
  entries: readonly PublicEntry[];
  volumes: readonly Volume[];
  /** Addresses that go from one machine to another. */
  floatingAddresses?: readonly FloatingAddress[];
  /** App servers that the provider starts and ends as the load asks for. */
  groups?: readonly MachineGroup[];
  /** The provider runs the database; absent: machines of the stack do. */
  managedDatabase?: ManagedDatabase;
  /** The provider's own load balancers, before a cluster. */
  loadBalancers?: readonly LoadBalancer[];
  /** Between regions: each carries the events of one to the other. */
  links?: readonly Link[];
  /** One address, announced from every region, leads to the nearest. */
  anycast?: true;
}

export interface Region {
  /** Unique in the stack; part of URNs. */
  name: string;
  provider: Provider;
  location: string;
  /** Its private network does not reach beyond it. */
  zone: string;
  /** The /16 of its private network. */
  range: string;
  /** Whom it stands near to, when the stack has several regions; see ./regions.ts. */
  market?: string;
  /** One /24 a tier that has machines; on AWS one in each of two availability zones. */
  subnets: readonly Subnet[];
  /** AWS: how machines without a public IPv4 address reach the internet; absent: all of them have one. */
  nat?: "instance" | "gateway";
}

export interface Subnet {
  tier: Tier;
  range: string;
  /** Its availability zone, where the provider has such. */
  zone?: string;
}

export interface Machine {
  /** Unique in the stack; part of URNs, so it stays the same at every stage: tier and number. */
  name: string;
  /** Name at the provider and host name; unique among the stacks of an account. */
  hostname: string;
  region: string;
  /** Its availability zone, where the provider has such. */
  zone?: string;
  tier: Tier;
  /** Provider's name of its size. */
  serverType: string;
  /** A dedicated server instead of a virtual one. */
  metal?: true;
  cores: number;
  memoryMiB: number;
  diskGB: number;
  image: Image;
  privateAddress: string;
  publicIpv4: boolean;
  publicIpv6: boolean;
  /** Names in its certificate beside its addresses. */
  dnsNames: readonly string[];
}

/**
 * Machines that the provider starts and ends by itself, beside one that is always there: each is as that one is, in its
 * tier, and runs the same services. They have no names, and their addresses come and go.
 */
export interface MachineGroup {
  /** Unique in the stack; part of URNs. */
  name: string;
  /** The machine beside which they are. */
  like: string;
  /** How many there are at least. */
  least: number;
  /** And at most. */
  most: number;
}

export interface Service {
  /** e.g. "nginx"; flows refer to it. */
  name: string;
  machines: readonly string[];
  /** Keeps data that must survive: its machines and volumes are stateful. */
  stateful?: true;
}

/** Parties outside of the stack. */
export type Outside = "world" | "operators";

/** Who may talk to whom. Declared once; every firewall, network policy and diagram follows from it. */
export type Flow = {
  /** A service or a party outside. */
  from: string;
  /** A service or a party outside. */
  to: string;
  purpose: string;
} & (
  | { protocol: "tcp" | "udp"; port: number }
  | { protocol: "icmp" }
  /** Between machines alone (RFC 5798): 112 among the protocols of IP, without ports. */
  | { protocol: "vrrp" }
  /** Inside one machine. */
  | { protocol: "unix"; socket: string }
);

/** Between machines, or with a party outside. */
export type NetworkFlow = Exclude<Flow, { protocol: "unix" }>;

/** Where the public comes in. */
export interface PublicEntry {
  name: string;
  service: string;
  scheme: "https" | "http";
  port: number;
  /** Absent: the machine's own addresses. */
  domain?: string;
}

export interface Volume {
  name: string;
  machine: string;
  sizeGB: number;
}

/** A database that the provider runs: flows come to its service, and no machine of the stack has it. */
export interface ManagedDatabase {
  /** Unique in the stack; part of URNs. */
  name: string;
  region: string;
  /** Whose subnets it is in, and whose security group it has. */
  tier: Tier;
  /** The service that it is, in flows. */
  service: string;
  /** Major version of PostgreSQL. */
  version: string;
  /** Provider's name of its size, e.g. "db.t3.medium". */
  instanceClass: string;
  cores: number;
  memoryMiB: number;
  storageGB: number;
  /** A standby in another availability zone takes over when its own is lost. */
  multiAz: boolean;
  /** How far back it can be restored to a moment. */
  backupDays: number;
}

export interface FloatingAddress {
  /** Unique in the stack; part of URNs. */
  name: string;
  region: string;
  /** One of the machines of this service has it, and each can take it. */
  service: string;
}

export interface LoadBalancer {
  name: string;
  region: string;
  /** Hands connections to this service. */
  service: string;
  /** In the private network, from where it asks. Absent, as are ranges: it is the cluster's own affair. */
  privateAddress?: string;
  /** Instead: the subnets in which it has addresses that come and go. */
  privateRanges?: readonly string[];
}

export interface Link {
  from: string;
  to: string;
}

/** Freezes a value with everything in it. */
export function deepFreeze<Value>(value: Value): Value {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const part of Object.values(value)) deepFreeze(part);
  }
  return value;
}

export function isNetworkFlow(flow: Flow): flow is NetworkFlow {
  return flow.protocol !== "unix";
}

/** Whether a party of a flow is no service of the stack. */
export function isOutside(party: string): party is Outside {
  return party === "world" || party === "operators";
}

/** @throws Error when there is no such machine */
export function machineNamed(topology: Topology, name: string): Machine {
  const found = topology.machines.find((machine) => machine.name === name);
  if (!found) throw new Error(`no machine ${name} in the topology`);
  return found;
}

/** The machines that a service runs on. @throws Error when there is no such service */
export function machinesOf(topology: Topology, service: string): Machine[] {
  const found = topology.services.find(({ name }) => name === service);
  if (!found) throw new Error(`no service ${service} in the topology`);
  return found.machines.map((name) => machineNamed(topology, name));
}

/**
 * The addresses or ranges in the private network from which a load balancer of the provider asks. With some its name is a
 * flow's party, and the public comes by it; with none it is a cluster's own affair.
 */
export function askingFrom({ privateAddress, privateRanges }: LoadBalancer): readonly string[] {
  return privateRanges ?? (privateAddress === undefined ? [] : [privateAddress]);
}

/** What a service asks from in the private network: its machines' addresses, or what the provider's load balancer has. */
export function privateAddressesOf(topology: Topology, service: string): string[] {
  const balancers = (topology.loadBalancers ?? []).filter(({ name }) => name === service);
  return [
    ...machinesOf(topology, service).map(({ privateAddress }) => privateAddress),
    ...balancers.flatMap(askingFrom),
  ];
}

/** Whether the public comes to a service by itself, and not only through another one. */
export function isEntry({ flows }: Pick<Topology, "flows">, service: string): boolean {
  return flows.some((flow) => flow.from === "world" && flow.to === service && "port" in flow);
}

/** The names of the services that a machine runs, or each machine of a group. */
export function servicesOn({ services, groups }: Topology, machine: string): string[] {
  const like = groups?.find(({ name }) => name === machine)?.like ?? machine;
  return services.filter(({ machines }) => machines.includes(like)).map(({ name }) => name);
}

/**
 * What the machines of a group have in common, as if it were a machine. It listens on whichever address it has: EC2 translates
 * public ones, so there is none but the private one.
 * @throws Error when the machine that they are like is not in the topology
 */
export function memberOf(topology: Topology, { name, like }: MachineGroup): Machine {
  const { zone: _zone, ...machine } = machineNamed(topology, like);
  return { ...machine, name, hostname: `${topology.stack}-${name}`, privateAddress: "0.0.0.0" };
}
