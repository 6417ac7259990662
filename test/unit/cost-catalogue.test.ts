import { describe, expect, it } from "vitest";
import { findPrice, parseCatalogue } from "../../src/cost/catalogue/catalogue.js";
import { estimate, targets } from "../../src/cost/estimate.js";
import { usages } from "../../src/cost/usage.js";
import { databaseClasses } from "../../src/topology/aws-catalog.js";
import { serverTypes } from "../../src/topology/catalog.js";
import { stages } from "../../src/topology/stages.js";
import { catalogue, pricing, withMemory } from "./cost-prices.js";

describe("the catalogue", () => {
  it.each([
    ["a price without source", { source: "" }, /\/prices\/0\/source/],
    ["a negative price", { tiers: [{ price: -1 }] }, /\/prices\/0\/tiers\/0\/price/],
    ["an unknown field", { colour: "red" }, /\/prices\/0\/colour is not known here/],
    [
      "brackets that do not rise",
      {
        tiers: [
          { upTo: 5, price: 1 },
          { upTo: 5, price: 1 },
        ],
      },
      /end above/,
    ],
    ["a cap without hours", { unit: "month-cap" }, /capHours/],
  ])("refuses %s", (_, change, message) => {
    const [first, ...others] = catalogue.prices;
    expect(() => parseCatalogue({ ...catalogue, prices: [{ ...first, ...change }, ...others] }, "f")).toThrow(
      message,
    );
  });

  it("refuses two prices for one thing", () => {
    const prices = [...catalogue.prices, catalogue.prices[0]];
    expect(() => parseCatalogue({ ...catalogue, prices }, "f")).toThrow("has two prices");
  });

  it("names no price list of a package registry as source, and dates what it can", () => {
    for (const { source } of catalogue.prices) expect(source).not.toMatch(/registry|mirror|localhost/);
    const undated = catalogue.prices.filter(({ date }) => date === null);
    expect(new Set(undated.map(({ service }) => service))).toEqual(
      new Set(["ec2", "msk-connect", "network"]),
    );
  });

  it("holds only what a stage, a setting or a pending change can use, and AWS's plain machines for other bills", () => {
    const factors = [0.01, 0.1, 1, 10, 30];
    const used = new Set(
      stages.flatMap((stage) =>
        targets.flatMap((target) =>
          Object.values(usages).flatMap((base) =>
            factors.flatMap((factor) => {
              const of = (name: "pageViews" | "databaseGB" | "cacheGB" | "indexGB") => base[name] * factor;
              const usage = {
                ...base,
                pageViews: of("pageViews"),
                databaseGB: of("databaseGB"),
                cacheGB: of("cacheGB"),
                indexGB: of("indexGB"),
              };
              const memory = withMemory({ broker: factor > 1 ? 16 : 4 });
              const { bill } = estimate({ stage, target, usage, assumptions: memory, pricing });
              return bill.items.map(({ service, sku }) => `${service} ${sku}`);
            }),
          ),
        ),
      ),
    );
    for (const { name, architecture } of serverTypes) {
      if (architecture === "x86") used.add(`cloud ${name.toUpperCase()}`);
    }
    // Of stacks that are set so, and of previews.
    const others = [
      "loadbalancer LB21",
      "loadbalancer LB31",
      "network primary-ipv6",
      "network floating-ipv4",
    ];
    for (const other of others) used.add(other);
    // Of stacks whose database AWS runs.
    used.add("kms customer-key");
    for (const type of databaseClasses.values()) {
      for (const zones of ["single", "multi-az"]) used.add(`rds ${type}:postgres:${zones}`);
    }
    const unused = catalogue.prices
      .filter(({ service, sku }) => service !== "ec2" && service !== "ebs" && !used.has(`${service} ${sku}`))
      .map(({ service, sku }) => `${service} ${sku}`);
    expect(unused).toEqual([]);
  });

  it("finds a region's own price before another's", () => {
    const wanted = { provider: "aws", service: "ec2", sku: "m7g.large" };
    expect(findPrice(catalogue, { ...wanted, region: "ap-south-1" })?.otherRegion).toBeUndefined();
    expect(findPrice(catalogue, { ...wanted, sku: "c6i.large", region: "sa-east-1" })?.otherRegion).toBe(
      "us-east-1",
    );
  });
});
