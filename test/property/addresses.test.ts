import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  contains,
  ipv6Subnet,
  machineAddress,
  machinesPerTier,
  providerRange,
  regionRange,
  tierRange,
  type Tier,
} from "../../src/topology/addresses.js";

const tiers: Tier[] = ["edge", "app", "database", "cache", "broker", "search", "worker"];
const tier = fc.constantFrom(...tiers);
/** A private /16 with room for ten regions behind it. */
const firstRange = fc.integer({ min: 0, max: 245 }).map((second) => `10.${second}.0.0/16`);
const index = fc.integer({ min: 0, max: 9 });
const number = fc.integer({ min: 1, max: machinesPerTier });

describe("addresses", () => {
  it("of regions do not overlap and begin with the first", () => {
    fc.assert(
      fc.property(firstRange, index, index, (first, one, other) => {
        expect(regionRange(first, 0)).toBe(first);
        const overlap = contains(regionRange(first, one), regionRange(first, other));
        expect(overlap).toBe(one === other);
      }),
    );
  });

  it("of tiers lie inside their region and do not overlap, nor hold its gateway", () => {
    fc.assert(
      fc.property(firstRange, tier, tier, (region, one, other) => {
        expect(contains(region, tierRange(region, one))).toBe(true);
        expect(contains(tierRange(region, one), tierRange(region, other))).toBe(one === other);
        expect(contains(tierRange(region, one), region.replace("0.0/16", "0.1"))).toBe(false);
      }),
    );
  });

  it("of machines lie inside their tier, each its own", () => {
    fc.assert(
      fc.property(
        firstRange,
        fc.array(fc.tuple(index, tier, number), { maxLength: 60 }),
        (first, machines) => {
          const addresses = new Map<string, string>();
          for (const [region, place, which] of machines) {
            const range = regionRange(first, region);
            const address = machineAddress(range, place, which);
            expect(contains(tierRange(range, place), address)).toBe(true);
            addresses.set(`${region} ${place} ${which}`, address);
          }
          expect(new Set(addresses.values()).size).toBe(addresses.size);
        },
      ),
    );
  });

  it("of two zones lie in subnets that do not overlap, nor those of the provider's own, in either family", () => {
    const zones = [0, 1] as const;
    fc.assert(
      fc.property(firstRange, fc.integer({ min: 0, max: 255 }), (region, byte) => {
        const subnets = [
          ...zones.map((zone) => providerRange(region, zone)),
          ...zones.flatMap((zone) => tiers.map((place) => tierRange(region, place, zone))),
        ];
        expect(new Set(subnets).size).toBe(subnets.length);
        expect(subnets.filter((subnet) => !contains(region, subnet))).toEqual([]);
        const block = `2600:1f18:abc:${byte.toString(16)}00::/56`;
        const ipv6 = subnets.map((subnet) => ipv6Subnet(block, subnet));
        expect(new Set(ipv6).size).toBe(subnets.length);
        expect(ipv6.filter((subnet) => !contains(block, subnet))).toEqual([]);
      }),
    );
  });

  it("of machines in a second zone lie in its subnet", () => {
    fc.assert(
      fc.property(firstRange, tier, number, (region, place, which) => {
        expect(contains(tierRange(region, place, 1), machineAddress(region, place, which, 1))).toBe(true);
      }),
    );
  });

  it("of IPv6 subnets are written out as AWS gives them, and want a /56", () => {
    expect(ipv6Subnet("2600:1f18:abc:de00::/56", "10.10.130.0/24")).toBe("2600:1f18:abc:de82::/64");
    expect(() => ipv6Subnet("2600:1f18:abc:de00::/64", "10.10.2.0/24")).toThrow("not a /56");
    expect(() => ipv6Subnet("10.0.0.0/8", "10.10.2.0/24")).toThrow("not a /56");
  });

  it("refuse machines for which there is no room", () => {
    fc.assert(
      fc.property(
        firstRange,
        tier,
        fc.integer().filter((n) => n < 1 || n > machinesPerTier),
        (region, place, n) => {
          expect(() => machineAddress(region, place, n)).toThrow(RangeError);
        },
      ),
    );
    expect(() => regionRange("10.250.0.0/16", 6)).toThrow(RangeError);
    expect(() => tierRange("10.10.0.0/24", "app")).toThrow("not a /16");
  });
});
