import * as fc from "fast-check";
import { type Tier, machineAddress } from "../../src/topology/addresses.js";
import type { Flow, Machine, ManagedDatabase, Outside, Topology } from "../../src/topology/topology.js";

const tiers: Tier[] = ["edge", "app", "database", "cache"];
const services = ["nginx", "api", "postgresql", "redis", "system"];
export const partyRanges: Record<Outside, string[]> = {
  world: ["0.0.0.0/0", "::/0"],
  operators: ["198.51.100.7/32"],
};
export const parties: Outside[] = ["world", "operators"];
export const ports = [22, 53, 443, 5432, 6379];

const protocol = fc.oneof(
  fc.record({ protocol: fc.constantFrom("tcp" as const, "udp" as const), port: fc.constantFrom(...ports) }),
  fc.record({ protocol: fc.constantFrom("icmp" as const, "vrrp" as const) }),
  fc.record({ protocol: fc.constant("unix" as const), socket: fc.constant("/run/x.sock") }),
);
const party = fc.constantFrom(...services, ...parties);

const flow: fc.Arbitrary<Flow> = fc
  .tuple(party, party, protocol)
  // Two parties outside are none of our business.
  .filter(([from, to]) => !(isOutside(from) && isOutside(to)))
  .map(([from, to, how]) => Object.assign({ from, to, purpose: "test" }, how));

/** Machines of every tier, services on tiers, any flows between them; the provider may run the database. */
export const anyTopology: fc.Arbitrary<Topology> = fc
  .record({
    sizes: fc.tuple(...tiers.map(() => fc.integer({ min: 0, max: 3 }))),
    places: fc.tuple(...services.map(() => fc.subarray(tiers, { minLength: 1 }))),
    flows: fc.array(flow, { maxLength: 12 }),
    managed: fc.boolean(),
  })
  .map(({ sizes, places, flows, managed }): Topology => {
    const machines = tiers.flatMap((tier, index) =>
      Array.from({ length: sizes[index] ?? 0 }, (_, which) => machineOf(tier, which + 1)),
    );
    const topology: Topology = {
      stack: "test",
      stage: "droplet",
      regions: [],
      machines,
      services: services.map((name, index) => ({
        name,
        machines: machines
          .filter(({ tier }) => places[index]?.includes(tier) && !(managed && name === "postgresql"))
          .map(({ name: on }) => on),
      })),
      flows,
      outside: partyRanges,
      entries: [],
      volumes: [],
    };
    return managed ? Object.assign(topology, { managedDatabase }) : topology;
  });

/** In a tier where no machine is, as stages have it. */
export const managedDatabase: ManagedDatabase = {
  name: "database",
  region: "fsn1",
  tier: "search",
  service: "postgresql",
  version: "15",
  instanceClass: "db.t3.medium",
  cores: 2,
  memoryMiB: 4096,
  storageGB: 20,
  multiAz: true,
  backupDays: 7,
};

function machineOf(tier: Tier, which: number): Machine {
  return {
    name: `${tier}-${which}`,
    hostname: `test-${tier}-${which}`,
    region: "fsn1",
    tier,
    serverType: "cx23",
    cores: 2,
    memoryMiB: 4096,
    diskGB: 40,
    image: "debian-12",
    privateAddress: machineAddress("10.10.0.0/16", tier, which),
    publicIpv4: true,
    publicIpv6: true,
    dnsNames: [],
  };
}

function isOutside(name: string): name is Outside {
  return name === "world" || name === "operators";
}
