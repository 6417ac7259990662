import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { defaultAssumptions as assumptions } from "../../src/cost/assumptions.js";
import { estimate, targets } from "../../src/cost/estimate.js";
import type { Item } from "../../src/cost/item.js";
import { convert, priceItems, throughTiers } from "../../src/cost/price.js";
import { type Usage, usages } from "../../src/cost/usage.js";
import { stages } from "../../src/topology/stages.js";
import { catalogue, pricing } from "../unit/cost-prices.js";

/** Items of which a price is known, each another SKU. */
const someItems = fc.uniqueArray(fc.nat(catalogue.prices.length - 1), { maxLength: 12 }).chain((indexes) =>
  fc.tuple(
    ...indexes.map((index) =>
      fc.integer({ min: 1, max: 5000 }).map((quantity): Item => {
        const { provider, service, sku, regions, unit } = catalogue.prices[index]!;
        return {
          provider,
          service,
          sku,
          region: regions[0]!,
          unit,
          quantity,
          category: "compute",
          what: sku,
        };
      }),
    ),
  ),
);

describe("prices", () => {
  it("are additive over items", () => {
    fc.assert(
      fc.property(someItems, fc.nat(12), (items: Item[], cut) => {
        const sum = (part: Item[]) => priceItems(part, pricing).priced;
        expect(sum(items)).toBeCloseTo(sum(items.slice(0, cut)) + sum(items.slice(cut)), 4);
      }),
    );
  });

  it("of the same SKU run through its brackets together", () => {
    const egress = (quantity: number): Item => ({
      provider: "aws",
      service: "data-transfer",
      sku: "internet-out",
      region: "eu-central-1",
      unit: "GB",
      quantity,
      category: "transfer",
      what: "egress",
    });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 400_000 }), fc.integer({ min: 1, max: 400_000 }), (a, b) => {
        const together = priceItems([egress(a), egress(b)], pricing).priced;
        expect(together).toBeCloseTo(priceItems([egress(a + b)], pricing).priced, 6);
      }),
    );
  });

  it("are continuous at the end of every bracket, and rise with the quantity", () => {
    const bracketed = catalogue.prices.filter(({ tiers }) => tiers.length > 1);
    expect(bracketed.length).toBeGreaterThan(10);
    for (const { tiers, sku } of bracketed) {
      for (const { upTo = 1e9 } of tiers) {
        const below = throughTiers(upTo - 1e-6, tiers)!;
        const at = throughTiers(upTo, tiers)!;
        // Beyond a closed last bracket no price is known.
        const above = throughTiers(upTo + 1e-6, tiers) ?? at;
        expect(at - below, sku).toBeGreaterThanOrEqual(0);
        expect(at - below, sku).toBeLessThan(1e-5);
        expect(above - at, sku).toBeLessThan(1e-5);
      }
    }
  });

  it("survive a round trip between currencies", () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 1e7, noNaN: true }),
        fc.double({ min: 0.5, max: 2, noNaN: true }),
        (amount, rate) => {
          const there = convert(amount, "EUR", "USD", rate);
          expect(convert(there, "USD", "EUR", rate)).toBeCloseTo(amount, 6);
        },
      ),
    );
  });
});

describe("a stage's cost", () => {
  const amounts = [
    "pageViews",
    "pageKB",
    "imageKB",
    "databaseGB",
    "imagesGB",
    "logKB",
    "internalKB",
  ] as const;

  it("never falls when there is more of anything", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...stages),
        fc.constantFrom(...targets),
        fc.constantFrom(...amounts),
        fc.double({ min: 0.01, max: 20, noNaN: true }),
        fc.double({ min: 1, max: 5, noNaN: true }),
        (stage, target, name, first, more) => {
          const at = (factor: number) => {
            const usage: Usage = { ...usages.expected, [name]: usages.expected[name] * factor };
            return estimate({ stage, target, usage, assumptions, pricing });
          };
          const [less, greater] = [at(first), at(first * more)];
          // Machines are chosen by size first: where some have no price, the known part may fall.
          fc.pre(less.bill.total !== undefined && greater.bill.total !== undefined);
          expect(greater.bill.total).toBeGreaterThanOrEqual(less.bill.total - 1e-6);
        },
      ),
      { numRuns: 400 },
    );
  });

  it("is the sum of its items, and of its categories", () => {
    for (const stage of stages) {
      for (const target of targets) {
        const { bill } = estimate({ stage, target, usage: usages.expected, assumptions, pricing });
        const items = bill.items.reduce((sum, { amount }) => sum + amount, 0);
        const categories = Object.values(bill.byCategory).reduce((sum, amount) => sum + amount, 0);
        expect(items).toBeCloseTo(bill.priced, 6);
        expect(categories).toBeCloseTo(bill.priced, 6);
      }
    }
  });
});
