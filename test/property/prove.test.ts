import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  expectedOn,
  outside,
  type Passing,
  type Path,
  pathsBetween,
  type Place,
} from "../../src/prove/expectation.js";
import { type Found, judgePaths } from "../../src/prove/judge.js";
import { portsToAsk } from "../../src/prove/ports.js";
import { contains } from "../../src/topology/addresses.js";
import { type CloudRule, cloudRules, privateRules } from "../../src/topology/firewall.js";
import { machineNamed, type Topology } from "../../src/topology/topology.js";
import { anyTopology, ports } from "./any-topology.js";

/** This computer is an operator's or not; some machines have no IPv4. */
const world = fc.record({
  topology: anyTopology,
  operator: fc.boolean(),
  withoutIpv4: fc.integer({ min: 0, max: 5 }),
});

function placesOf({
  topology,
  operator,
  withoutIpv4,
}: {
  topology: Topology;
  operator: boolean;
  withoutIpv4: number;
}) {
  return [
    { name: outside, ipv4: operator ? "198.51.100.7" : "198.51.100.8", ipv6: "2001:db8:ffff::1" },
    ...topology.machines.map(({ name, privateAddress }, index): Place => ({
      name,
      private: privateAddress,
      ...(index === withoutIpv4 ? {} : { ipv4: `203.0.113.${index + 1}` }),
      ipv6: `2001:db8:${index + 1}::1`,
    })),
  ];
}

/** What the firewalls that the stack gets let through, by the rules that are derived for them. */
function letThrough(
  topology: Topology,
  path: Path,
  protocol: "tcp" | "udp" | "icmp",
  port?: number,
): boolean {
  const { source, address } = path;
  if (source === undefined) return false;
  const fits = (rule: { protocol: string; port?: number }) =>
    rule.protocol === protocol && rule.port === port;
  if (path.side === "private") {
    return privateRules(topology, machineNamed(topology, path.to)).some(
      (rule) => fits(rule) && rule.sources.includes(source),
    );
  }
  const passes = (machine: string, direction: CloudRule["direction"], other: string) =>
    machine === outside ||
    cloudRules(topology, machineNamed(topology, machine).tier).some(
      (rule) =>
        rule.direction === direction && fits(rule) && rule.remotes.some((range) => contains(range, other)),
    );
  return passes(path.from, "out", address) && passes(path.to, "in", source);
}

describe("what must pass", () => {
  it("is what the derived firewalls let through, on every way", () => {
    fc.assert(
      fc.property(world, (value) => {
        const { topology } = value;
        for (const path of pathsBetween(placesOf(value))) {
          const expected = expectedOn(topology, path);
          for (const port of ports) {
            expect(expected.tcp.has(port)).toBe(letThrough(topology, path, "tcp", port));
            expect(expected.udp.has(port)).toBe(letThrough(topology, path, "udp", port));
          }
          expect(expected.ping).toBe(letThrough(topology, path, "icmp"));
        }
      }),
      { numRuns: 40 },
    );
  });

  it("is asked from everybody to everybody else, at every address, and never to oneself", () => {
    fc.assert(
      fc.property(world, (value) => {
        const places = placesOf(value);
        const paths = pathsBetween(places);
        const asked = new Set(paths.map(({ from, address }) => `${from} ${address}`));
        expect(asked.size).toBe(paths.length);
        for (const { name: from } of places) {
          for (const { name: to, private: inside, ipv4, ipv6 } of places) {
            const there = to === outside ? [] : [ipv4, ipv6, ...(from === outside ? [] : [inside])];
            for (const address of there.filter((each) => each !== undefined))
              expect(asked.has(`${from} ${address}`)).toBe(from !== to);
          }
        }
      }),
      { numRuns: 40 },
    );
  });
});

const portList = fc.uniqueArray(fc.integer({ min: 1, max: 65_535 }), { maxLength: 6 });
const path: Path = {
  path: 0,
  from: "app-1",
  to: "database-1",
  side: "private",
  family: "IPv4",
  source: "10.10.2.10",
  address: "10.10.3.10",
};
const passing: fc.Arbitrary<Passing> = fc
  .record({ tcp: portList, udp: portList, ping: fc.boolean() })
  .map(({ tcp, udp, ping }) => ({ tcp: new Set(tcp), udp: new Set(udp), ping }));
const exactly = ({ tcp, udp, ping }: Passing): Found => ({
  open: [...tcp],
  refused: [],
  datagrams: [...udp],
  ping,
});
const judged = (expected: Passing, found: Found) =>
  judgePaths([{ path, expected, found }]).map(({ kind, what }) => ({ kind, what }));

describe("the judgement", () => {
  it("is content with what is declared, and finds each difference by itself", () => {
    fc.assert(
      fc.property(passing, fc.integer({ min: 1, max: 65_535 }), (expected, port) => {
        const found = exactly(expected);
        expect(judged(expected, found)).toEqual([]);
        const without = (set: ReadonlySet<number>) => [...set].filter((each) => each !== port);
        const less = {
          ...expected,
          tcp: new Set(without(expected.tcp)),
          udp: new Set(without(expected.udp)),
        };
        const more = {
          ...expected,
          tcp: new Set([...expected.tcp, port]),
          udp: new Set([...expected.udp, port]),
        };
        const what = [`TCP ${port}`, `UDP ${port}`];
        expect(judged(less, exactly(more))).toEqual([{ kind: "hole", what }]);
        expect(judged(more, exactly(less))).toEqual([{ kind: "blocked", what }]);
        const nobody = { ...exactly(more), open: without(expected.tcp), refused: [port] };
        expect(judged(more, nobody)).toEqual([{ kind: "silent", what: [`TCP ${port}`] }]);
        expect(judged(less, nobody)).toEqual([{ kind: "hole", what }]);
        const otherPing = { ...found, ping: !expected.ping };
        expect(judged(expected, otherPing)).toEqual([
          { kind: expected.ping ? "blocked" : "hole", what: ["ping"] },
        ]);
      }),
    );
  });

  it("says nothing of what nobody could see", () => {
    fc.assert(
      fc.property(passing, (expected) => {
        expect(judged(expected, { ...exactly(expected), ping: null })).toEqual([]);
      }),
    );
  });
});

describe("the ports to ask", () => {
  it("have every declared one, and as many others as are wanted, the same for the same seed", () => {
    fc.assert(
      fc.property(anyTopology, fc.nat(2000), fc.nat(2 ** 31 - 1), (topology, sample, seed) => {
        const listener = { protocol: "tcp" as const, address: "::", port: 40_000, program: "x" };
        const looks = [{ listeners: [listener], ruled: [40_001] }];
        const asked = portsToAsk(topology, looks, sample, seed);
        expect(portsToAsk(topology, looks, sample, seed)).toEqual(asked);
        const none = portsToAsk(topology, looks, 0, seed);
        for (const protocol of ["tcp", "udp"] as const) {
          expect(new Set(asked[protocol]).size).toBe(none[protocol].length + sample);
          expect(asked[protocol].every((port) => port >= 1 && port <= 65_535)).toBe(true);
          const declared = topology.flows.filter((flow) => flow.protocol === protocol);
          for (const flow of declared) expect(none[protocol]).toContain("port" in flow && flow.port);
        }
        expect(none.tcp).toEqual(expect.arrayContaining([40_000, 40_001]));
        expect(none.udp).toContain(40_001);
      }),
      { numRuns: 30 },
    );
    const everything = portsToAsk({ flows: [] } as unknown as Topology, [], 65_535, 1);
    expect(everything.tcp.length).toBe(65_535);
  });
});
