import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { contains, providerRange } from "../../src/topology/addresses.js";
import { type PrivateRule, arrivalRules, cloudRules, privateRules } from "../../src/topology/firewall.js";
import {
  type SecurityGroupRule,
  nameOfRule,
  operatorsGroup,
  securityGroups,
} from "../../src/topology/security-groups.js";
import type { Machine, Topology } from "../../src/topology/topology.js";
import { anyTopology, parties, partyRanges, ports } from "./any-topology.js";

/** Independent of the derivation: is there a declared flow that allows this? */
function declared(
  { flows, services: all, managedDatabase }: Topology,
  from: string,
  to: string,
  how: { protocol: string; port: number | undefined },
): boolean {
  const is = (name: string, machineOrParty: string) =>
    name === machineOrParty ||
    (name === managedDatabase?.service && managedDatabase.name === machineOrParty) ||
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
      fc.property(anyTopology, (value) => {
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
      fc.property(anyTopology, (value) => {
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
                    rule.remotes === partyRanges[other],
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

describe("a machine's own firewall where everything arrives at its private address", () => {
  const range = "10.10.0.0/16";
  const onAws = anyTopology.map((value): Topology => {
    const region = {
      name: "fsn1",
      provider: "aws" as const,
      location: "us-east-1",
      zone: "us-east-1",
      range,
      subnets: [],
    };
    return { ...value, regions: [region] };
  });
  type Kind = (typeof kinds)[number];
  const lets = (rules: readonly PrivateRule[], kind: Kind, source: string) =>
    rules.some(
      (rule) =>
        rule.protocol === kind.protocol &&
        rule.port === kind.port &&
        rule.sources.some((one) => (one.includes("/") ? contains(one, source) : one === source)),
    );
  /** As nftables has it: whoever is inside is judged by the one list, the others by the other. */
  const passes = (value: Topology, to: Machine, kind: Kind, source: string) => {
    const { inside, outside } = arrivalRules(value, to);
    return lets(contains(range, source) ? inside : outside, kind, source);
  };

  it("lets in machines, the operators' door and the public as declared, and nobody else", () => {
    fc.assert(
      fc.property(onAws, fc.integer({ min: 1, max: 254 }), (value, host) => {
        const door = providerRange(range, 0).replace(".0/24", `.${host}`);
        const otherDoor = providerRange(range, 1).replace(".0/24", `.${host}`);
        for (const to of value.machines) {
          for (const kind of kinds) {
            for (const from of value.machines.filter(({ name }) => name !== to.name)) {
              expect(passes(value, to, kind, from.privateAddress)).toBe(
                declared(value, from.name, to.name, kind),
              );
            }
            expect(passes(value, to, kind, door)).toBe(declared(value, "operators", to.name, kind));
            expect(passes(value, to, kind, "203.0.113.7")).toBe(declared(value, "world", to.name, kind));
            // What AWS runs in the other zone, and an address of a machine's subnet that no machine has.
            expect(passes(value, to, kind, otherDoor)).toBe(false);
            expect(passes(value, to, kind, "10.10.2.252")).toBe(false);
          }
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe("security groups", () => {
  const kindsOnAws = [...kinds, { protocol: "vrrp", port: undefined }];
  type Kind = (typeof kindsOnAws)[number];

  /** Whether a group has a rule for somebody, by whichever group or range they are known. */
  const lets = (
    rules: readonly SecurityGroupRule[],
    direction: "in" | "out",
    kind: Kind,
    other: { group?: string; ranges?: readonly string[] },
  ) =>
    rules.some(
      (rule) =>
        rule.direction === direction &&
        rule.protocol === kind.protocol &&
        rule.port === kind.port &&
        ("group" in rule.remote
          ? rule.remote.group === other.group
          : (other.ranges ?? []).includes(rule.remote.range)),
    );
  const rulesOf = (value: Topology, group: string) =>
    securityGroups(value, "fsn1").find(({ name }) => name === group)?.rules ?? [];
  /** The world is every address, a machine's own as well. */
  const asOther = ({ tier }: Pick<Machine, "tier">) => ({ group: tier, ranges: partyRanges.world });
  /** Whatever has an interface. */
  const all = ({ machines, managedDatabase }: Topology): Pick<Machine, "name" | "tier">[] => [
    ...machines,
    ...(managedDatabase ? [managedDatabase] : []),
  ];

  it("pass between two machines or databases what is declared, or what both exchange with the whole world", () => {
    fc.assert(
      fc.property(anyTopology, (value) => {
        for (const from of all(value)) {
          for (const to of all(value).filter(({ name }) => name !== from.name)) {
            for (const kind of kindsOnAws) {
              const passes =
                lets(rulesOf(value, from.tier), "out", kind, asOther(to)) &&
                lets(rulesOf(value, to.tier), "in", kind, asOther(from));
              const byTheWorld =
                declared(value, from.name, "world", kind) && declared(value, "world", to.name, kind);
              expect(passes).toBe(declared(value, from.name, to.name, kind) || byTheWorld);
            }
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  it("pass from and to the world what is declared, and let operators in by their own group alone", () => {
    fc.assert(
      fc.property(anyTopology, (value) => {
        const operators = { group: operatorsGroup };
        for (const { name, tier } of all(value)) {
          const rules = rulesOf(value, tier);
          for (const kind of kindsOnAws) {
            for (const range of partyRanges.world) {
              expect(lets(rules, "in", kind, { ranges: [range] })).toBe(declared(value, "world", name, kind));
              expect(lets(rules, "out", kind, { ranges: [range] })).toBe(
                declared(value, name, "world", kind),
              );
            }
            const door =
              lets(rulesOf(value, operatorsGroup), "out", kind, { group: tier }) &&
              lets(rules, "in", kind, operators);
            expect(door).toBe(declared(value, "operators", name, kind));
            expect(lets(rules, "in", kind, { ranges: partyRanges.operators })).toBe(false);
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  it("have no rule twice, which AWS would refuse", () => {
    fc.assert(
      fc.property(anyTopology, (value) => {
        for (const { rules } of securityGroups(value, "fsn1")) {
          expect(new Set(rules.map(nameOfRule)).size).toBe(rules.length);
        }
      }),
      { numRuns: 60 },
    );
  });
});
