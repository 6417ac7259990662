import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  contains,
  formatIPv4,
  formatRange4,
  freeAddress,
  freeSubnet,
  isCidr,
  isUsable,
  overlap,
  parseIPv4,
  parseRange4,
  publicPool,
  within,
  type Range4,
} from "../../local/api/addresses.js";

const range = (low: number, high: number): fc.Arbitrary<Range4> =>
  fc.tuple(fc.integer({ min: low, max: high }), fc.nat(0xff_ff_ff)).map(([prefix, host]) => {
    const size = 2 ** (32 - prefix);
    const first = 10 * 2 ** 24 + (host - (host % size));
    return { first, size, prefix };
  });

describe("addresses", () => {
  test("are read back as they were written", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 32 - 1 }), (address) => {
        expect(parseIPv4(formatIPv4(address))).toBe(address);
      }),
    );
    fc.assert(
      fc.property(range(8, 32), (one) => {
        expect(parseRange4(formatRange4(one))).toEqual(one);
        expect(isCidr(formatRange4(one))).toBe(true);
      }),
    );
  });

  test("ranges overlap when they share an address, and lie within one another when all are shared", () => {
    fc.assert(
      fc.property(range(20, 30), range(20, 30), (one, other) => {
        const shares = contains(one, other.first) || contains(other, one.first);
        expect(overlap(one, other)).toBe(shares);
        expect(within(one, other)).toBe(
          contains(other, one.first) && contains(other, one.first + one.size - 1),
        );
      }),
    );
  });

  test.each(["10.0.0.1/24", "10.0.0.0/33", "10.0.0/24", "010.0.0.0/8", "10.0.0.0", "10.0.0.0/", "/8"])(
    "%s is no IPv4 range",
    (text) => {
      expect(parseRange4(text)).toBeUndefined();
      expect(isCidr(text)).toBe(false);
    },
  );

  test.each(["::/0", "2001:db8::/32", "2001:DB8::5/128", "::ffff:0:0/96"])("%s is an IPv6 range", (text) => {
    expect(isCidr(text)).toBe(true);
  });

  test.each(["::1/64", "2001:db8::/129", "::/", "::", "2001:db8::/32/1", "x/64", "::%1/0"])(
    "%s is no IPv6 range",
    (text) => {
      expect(isCidr(text)).toBe(false);
    },
  );
});

describe("a server's address in a network", () => {
  test("is the lowest of its subnet that is free and not reserved", () => {
    const scene = range(16, 24).chain((network) =>
      fc.record({
        network: fc.constant(network),
        offset: fc.nat(network.size / 8 - 1),
        taken: fc.uniqueArray(fc.nat(15), { maxLength: 16 }),
      }),
    );
    fc.assert(
      fc.property(scene, ({ network, offset, taken }) => {
        const subnet: Range4 = { first: network.first + offset * 8, size: 8, prefix: 29 };
        const used = new Set(taken.map((host) => formatIPv4(subnet.first + host)));
        const found = freeAddress(network, subnet, used);
        const free = Array.from({ length: 6 }, (_, index) => subnet.first + 1 + index).find(
          (address) => isUsable(network, address) && !used.has(formatIPv4(address)),
        );
        expect(found).toBe(free === undefined ? undefined : formatIPv4(free));
        expect(found).not.toBe(formatIPv4(network.first + 1));
      }),
    );
  });

  test("a new subnet is a free /24 of the network", () => {
    const scene = range(16, 22).chain((network) =>
      fc.record({
        network: fc.constant(network),
        taken: fc.array(range(18, 28), { maxLength: 6 }),
      }),
    );
    fc.assert(
      fc.property(scene, ({ network, taken }) => {
        const found = freeSubnet(network, taken);
        const all = Array.from({ length: network.size / 256 }, (_, index) => network.first + index * 256);
        const free = all.find(
          (first) => !taken.some((one) => overlap(one, { first, size: 256, prefix: 24 })),
        );
        expect(found?.first).toBe(free);
      }),
    );
  });
});

describe("public addresses", () => {
  test("belong to the slot, differ, and are given out again only when they are free", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 3 }),
        fc.array(fc.nat(60), { maxLength: 80 }),
        (slot, releases) => {
          const pool = publicPool(slot);
          const own = Array.from({ length: 53 }, (_, index) => `203.0.113.${slot * 64 + 10 + index}`);
          const taken = new Set<string>();
          for (const release of releases) {
            const ip = pool.ipv4(taken);
            expect(ip).toBe(own.find((address) => !taken.has(address)));
            if (ip !== undefined) taken.add(ip);
            const [victim] = [...taken].slice(release % (taken.size + 1));
            if (victim !== undefined && release % 3 === 0) taken.delete(victim);
          }
        },
      ),
    );
  });

  test("of IPv6 are networks of the slot's own /48", () => {
    const pool = publicPool(2);
    const taken = new Set<string>();
    for (let index = 0; index < 300; index++) {
      const network = pool.ipv6(taken) ?? "";
      expect(network).toMatch(/^2001:db8:2:[0-9a-f]{2,4}::\/64$/);
      expect(isCidr(network)).toBe(true);
      expect(taken.has(network)).toBe(false);
      taken.add(network);
    }
  });
});
