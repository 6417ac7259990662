import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Tier, machineAddress } from "../../src/topology/addresses.js";
import { cloudRules, privateRules } from "../../src/topology/firewall.js";
import type { Flow, Machine, Outside, Topology } from "../../src/topology/topology.js";

const tiers: Tier[] = ["edge", "app", "database", "cache"];
const services = ["nginx", "api", "postgresql", "redis", "system"];
const outside: Record<Outside, string[]> = { world: ["0.0.0.0/0", "::/0"], operators: ["198.51.100.7/32"] };
const parties: Outside[] = ["world", "operators"];
const ports = [22, 53, 443, 5432, 6379];

const protocol = fc.oneof(
  fc.record({ protocol: fc.constantFrom("tcp" as const, "udp" as const), port: fc.constantFrom(...ports) }),
  fc.record({ protocol: fc.constant("icmp" as const) }),
  fc.record({ protocol: fc.constant("unix" as const), socket: fc.constant("/run/x.sock") }),
);
const party = fc.constantFrom(...services, ...parties);

const flow: fc.Arbitrary<Flow> = fc
  .tuple(party, party, protocol)
  // Two parties outside are none of our business.
  .filter(([from, to]) => !(isOutside(from) && isOutside(to)))
  .map(([from, to, how]) => Object.assign({ from, to, purpose: "test" }, how));

/** Machines of every tier, services on tiers, any flows between them. */
const topology: fc.Arbitrary<Topology> = fc
  .record({
    sizes: fc.tuple(...tiers.map(() => fc.integer({ min: 0, max: 3 }))),
    places: fc.tuple(...services.map(() => fc.subarray(tiers, { minLength: 1 }))),
    flows: fc.array(flow, { maxLength: 12 }),
  })
  .map(({ sizes, places, flows }) => {
    const machines = tiers.flatMap((tier, index) =>
      Array.from({ length: sizes[index] ?? 0 }, (_, which) => machineOf(tier, which + 1)),
    );
    return {
      stack: "test",
      stage: "droplet",
      regions: [],
      machines,
      services: services.map((name, index) => ({
        name,
        machines: machines.filter(({ tier }) => places[index]?.includes(tier)).map(({ name: on }) => on),
      })),
      flows,
      outside,
      entries: [],
      volumes: [],
    };
  });

/** Independent of the derivation: is there a declared flow that allows this? */
function declared(
  { flows, services: all }: Topology,
  from: string,
  to: string,
  how: { protocol: string; port: number | undefined },
): boolean {
  const is = (name: string, machineOrParty: string) =>
    name === machineOrParty ||
    all.some((service) => service.name === name && service.machines.includes(machineOrParty));
  return flows.some(
    (candidate) =>
      candidate.protocol === how.protocol &&
      (!("port" in candidate) || candidate.port === how.port) &&
      is(candidate.from, from) &&
      is(candidate.to, to),
  );
}

const kinds = [
  ...ports.flatMap((port) => [
    { protocol: "tcp", port },
    { protocol: "udp", port },
  ]),
  { protocol: "icmp", port: undefined },
];

describe("firewalls", () => {
  it("pass on private interfaces what is declared between two machines, and nothing else", () => {
    fc.assert(
      fc.property(topology, (value) => {
        for (const to of value.machines) {
          const rules = privateRules(value, to);
          for (const from of value.machines.filter(({ name }) => name !== to.name)) {
            for (const kind of kinds) {
              const passes = rules.some(
                (rule) =>
                  rule.protocol === kind.protocol &&
                  rule.port === kind.port &&
                  rule.sources.includes(from.privateAddress),
              );
              expect(passes).toBe(declared(value, from.name, to.name, kind));
            }
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  it("pass on public interfaces what is declared with parties outside, and nothing else", () => {
    fc.assert(
      fc.property(topology, (value) => {
        for (const { name, tier } of value.machines) {
          const rules = cloudRules(value, tier);
          for (const other of parties) {
            for (const kind of kinds) {
              const passes = (direction: "in" | "out") =>
                rules.some(
                  (rule) =>
                    rule.direction === direction &&
                    rule.protocol === kind.protocol &&
                    rule.port === kind.port &&
                    rule.remotes === outside[other],
                );
              expect(passes("in")).toBe(declared(value, other, name, kind));
              expect(passes("out")).toBe(declared(value, name, other, kind));
            }
          }
        }
      }),
      { numRuns: 60 },
    );
  });
});

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
