import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cloudRules, privateRules } from "../../src/topology/firewall.js";
import type { Topology } from "../../src/topology/topology.js";
import { anyTopology, parties, partyRanges, ports } from "./any-topology.js";

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
