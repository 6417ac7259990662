import { describe, expect, it } from "vitest";
import { defaultAssumptions as assumptions, override } from "../../src/cost/assumptions.js";
import { compareAll, notPricedIn, ratios } from "../../src/cost/compare.js";
import { estimate, targets } from "../../src/cost/estimate.js";
import type { Category, Item } from "../../src/cost/item.js";
import { priceItems, throughTiers } from "../../src/cost/price.js";
import { needsOf } from "../../src/cost/sizing.js";
import { usages, volumesOf } from "../../src/cost/usage.js";
import { stages } from "../../src/topology/stages.js";
import { catalogue, pricing, withMemory } from "./cost-prices.js";

function item(service: string, sku: string, region: string, quantity: number, unit: string): Item {
  const category: Category = "compute";
  const provider = ["fsn1", "ash", "sin"].includes(region) ? "hetzner" : "aws";
  return { provider, service, sku, region, quantity, unit, category, what: sku };
}

const total = (...items: Item[]) => priceItems(items, pricing).total;

describe("prices, worked by hand", () => {
  it("runs egress through AWS's brackets", () => {
    // 60 TB from Frankfurt: 10,240 GB × 0.09 = 921.60; the next 40,960 × 0.085 = 3,481.60; the rest of
    // 61,440 − 51,200 = 10,240 × 0.07 = 716.80. Together 5,120.00.
    expect(total(item("data-transfer", "internet-out", "eu-central-1", 61_440, "GB"))).toBeCloseTo(5120, 6);
  });

  it("withholds what lies beyond the last known bracket", () => {
    // us-east-1 is known up to 150 TB = 153,600 GB:
    // 10,240 × 0.09 + 40,960 × 0.085 + 102,400 × 0.07 = 921.6 + 3,481.6 + 7,168 = 11,571.2.
    expect(total(item("data-transfer", "internet-out", "us-east-1", 153_600, "GB"))).toBeCloseTo(11_571.2, 6);
    const beyond = priceItems([item("data-transfer", "internet-out", "us-east-1", 153_601, "GB")], pricing);
    expect(beyond.total).toBeUndefined();
    expect(beyond.notPriced).toEqual(["aws/data-transfer/internet-out@us-east-1"]);
  });

  it("charges a Hetzner server by the hour up to the month's price", () => {
    const server = item("cloud", "CX23", "fsn1", 1, "month-cap");
    const cost = (hours: number) => priceItems([server], { ...pricing, currency: "EUR", hours }).total;
    // The cap is reached after 624 h: 5.49 / 624 = 0.0088 an hour; half of them cost 2.745.
    expect(cost(730)).toBeCloseTo(5.49, 9);
    expect(cost(624)).toBeCloseTo(5.49, 9);
    expect(cost(312)).toBeCloseTo(2.745, 9);
    expect(cost(1)).toBeCloseTo(0.0088, 4);
  });

  it("converts at the catalogue's rate, or another", () => {
    // 5.49 € × 1.1637 = 6.388713 $; at 1.10 it is 6.039 $.
    const server = item("cloud", "CX23", "fsn1", 1, "month-cap");
    expect(total(server)).toBeCloseTo(6.388713, 6);
    expect(priceItems([server], { ...pricing, eurUsd: 1.1 }).total).toBeCloseTo(6.039, 6);
  });

  it("spreads setup over months, apart", () => {
    // 49 € once over 24 months = 2.041667 € a month.
    const setup: Item = { ...item("dedicated", "AX42-1:setup", "fsn1", 1, "once"), category: "setup" };
    const bill = priceItems([setup], { ...pricing, currency: "EUR" });
    expect(bill.byCategory.setup).toBeCloseTo(49 / 24, 9);
    expect(bill.byCategory.compute).toBe(0);
  });

  it("puts what a managed service costs above its machine down to the mark-up", () => {
    // db.m7g.large 0.168 against m7g.large 0.0978 in Frankfurt, 730 h: 71.394 compute, 51.246 mark-up, 122.64 in all.
    const database: Item = {
      ...item("rds", "db.m7g.large:postgres:single", "eu-central-1", 730, "hour"),
      base: { service: "ec2", sku: "m7g.large" },
    };
    const bill = priceItems([database], pricing);
    expect(bill.byCategory.compute).toBeCloseTo(71.394, 6);
    expect(bill.byCategory["managed mark-up"]).toBeCloseTo(51.246, 6);
    expect(bill.total).toBeCloseTo(122.64, 6);
  });

  it("says why to doubt a price", () => {
    const marks = (...args: Parameters<typeof item>) => priceItems([item(...args)], pricing).items[0]?.marks;
    expect(marks("elb", "alb", "eu-central-1", 730, "hour")).toEqual([
      "price of us-east-1",
      "of 2024-07-01, over a year old",
    ]);
    expect(marks("loadbalancer", "LB11", "fsn1", 1, "month")).toEqual(["low confidence (C)"]);
    expect(marks("msk-connect", "mcu", "us-east-1", 1, "MCU-hour")).toEqual([
      "low confidence (C)",
      "undated",
    ]);
    expect(marks("cloud", "CX23", "fsn1", 1, "month-cap")).toEqual([]);
  });

  it("never takes another region's price for a Hetzner server", () => {
    expect(priceItems([item("cloud", "CX23", "sin", 1, "month-cap")], pricing)).toMatchObject({
      notPriced: ["hetzner/cloud/CX23@sin"],
      priced: 0,
    });
    expect(total(item("cloud", "CX23", "sin", 1, "month-cap"))).toBeUndefined();
  });

  it("runs one SKU in two categories through its brackets as one", () => {
    // 8,192 GB and 4,096 GB together: 10,240 × 0.09 + 2,048 × 0.085 = 1,095.68; each has its share, 2/3 and 1/3.
    const egress = (quantity: number) =>
      item("data-transfer", "internet-out", "eu-central-1", quantity, "GB");
    const bill = priceItems([egress(8192), { ...egress(4096), category: "backups" }], pricing);
    expect(bill.total).toBeCloseTo(1095.68, 6);
    expect(bill.byCategory.backups).toBeCloseTo(1095.68 / 3, 6);
  });

  it("says when the mark-up is against another machine than the one it is on", () => {
    const { bill } = estimate({
      stage: "kafka",
      target: "aws-managed",
      usage: usages.expected,
      assumptions: withMemory({ broker: 8 }),
      pricing,
    });
    expect(bill.items.find(({ sku }) => sku === "kafka.m5.large")?.marks).toContain(
      "mark-up against m6i.large, as m5.large has no price",
    );
  });

  it("takes a commitment's price where there is one, and says where there is none", () => {
    // 730 × 0.05 instead of 730 × 0.0816.
    const plain = catalogue.prices.find(
      ({ sku, regions }) => sku === "m7g.large" && regions.includes("us-east-1"),
    )!;
    const prices = [...catalogue.prices, { ...plain, sku: "m7g.large:1y", tiers: [{ price: 0.05 }] }];
    const committed = { ...pricing, catalogue: { ...catalogue, prices }, commitment: "1y" };
    const machine = (sku: string) => item("ec2", sku, "us-east-1", 730, "hour");
    expect(priceItems([machine("m7g.large")], committed).total).toBeCloseTo(36.5, 9);
    const [other] = priceItems([machine("m7g.large")], { ...committed, commitment: "3y" }).items;
    expect(other?.amount).toBeCloseTo(730 * 0.0816, 9);
    expect(other?.marks).toEqual(["not priced: commitment 3y; on demand instead"]);
    expect(priceItems([item("cloud", "CX23", "fsn1", 1, "month-cap")], committed).items[0]?.marks).toEqual(
      [],
    );
  });

  it("refuses another unit than the price's", () => {
    expect(() => total(item("elb", "alb", "us-east-1", 1, "month"))).toThrow("priced by hour, and month");
  });
});

describe("usage", () => {
  it("is worked by hand", () => {
    // 1,000,000 pages: × 400 KB = 381.47 GB; × 4 ‰ = 4,000 orders; 12,000,000 requests × 0.4 KB = 4.578 GB of logs;
    // 4,000 × 20 × 2 KB = 0.1526 GB of events; busiest hour 4 × 1,000,000 / 2,628,000 s = 1.522 pages a second.
    const volumes = volumesOf(usages.low, 1);
    expect(volumes.egressGB).toBeCloseTo(381.47, 2);
    expect(volumes.orders).toBe(4000);
    expect(volumes.logsGB).toBeCloseTo(4.578, 3);
    expect(volumes.eventsGB).toBeCloseTo(0.1526, 4);
    expect(volumes.peakPages).toBeCloseTo(1.522, 3);
  });

  it("asks for cores by the work's time", () => {
    // Stage fleet, 1.522 pages/s × 1.5 ms + 0.00609 orders/s × 1.5 ms = 2.292 ms a second; at 60 % busy 0.003820 cores.
    expect(needsOf("fleet", usages.low, assumptions.capacity, 1).app?.cores).toBeCloseTo(0.00382, 6);
    // The cache answers nine of ten: 0.1 × 1.5 + 0.9 × 0.6 = 0.69 ms a page: (1.0502 + 0.0091) / 600 = 0.001766.
    expect(needsOf("redis", usages.low, assumptions.capacity, 1).app?.cores).toBeCloseTo(0.001766, 6);
  });
});

describe("a stage", () => {
  const ask = { usage: usages.low, assumptions, pricing } as const;

  it("droplet at Hetzner is one server, its address and the object storage", () => {
    // 5.49 + 0.50 + 6.49 = 12.48 € × 1.1637 = 14.522976 $. 0.37 TB of traffic is within the server's 20.
    const { bill } = estimate({ ...ask, stage: "droplet", target: "hetzner" });
    expect(bill.total).toBeCloseTo(14.522976, 6);
    expect(bill.items.map(({ sku }) => sku).toSorted()).toEqual([
      "CX23",
      "object-storage-base",
      "primary-ipv4",
    ]);
  });

  it("droplet on EC2 is an instance, its disk and address, S3, DNS and egress", () => {
    // t3.medium 730 × 0.0416 = 30.368; gp3 30 × 0.08 = 2.40; IPv4 730 × 0.005 = 3.65; egress 381.4697 × 0.09 = 34.3323;
    // S3: images 10 + logs 0.4578 + backups 15 = 25.4578 GB × 0.023 = 0.58553; 10,000 k GET × 0.0004 = 4.00;
    // PUT: 5 k images and 730 × 60 = 43.8 k segments of WAL × 0.005 = 0.244; zone 0.50, 0.2 M queries × 0.40 = 0.08.
    const { bill } = estimate({ ...ask, stage: "droplet", target: "aws-self-run" });
    expect(bill.total).toBeCloseTo(30.368 + 2.4 + 3.65 + 34.3323 + 0.58553 + 4 + 0.244 + 0.5 + 0.08, 3);
  });

  it("split with a managed database needs no NAT: the app has an address, and RDS is no instance of one's own", () => {
    // t3.medium 30.368, disk 2.40, IPv4 3.65; db.t4g.medium 730 × 0.065 = 47.45, its disk 20 × 0.115 = 2.30, backups
    // beyond its size 10 × 0.095 = 0.95; egress 34.3323; between zones 114.44 GB × 0.5 × 2 × 0.01 = 1.1444;
    // S3 10.4578 × 0.023 = 0.24053, GET 4.00, PUT 0.025; DNS 0.58; logs 4.5776 × 0.5 + 0.45776 × 0.03 = 2.30253.
    const managed = estimate({ ...ask, stage: "split", target: "aws-managed" });
    const machines = 30.368 + 2.4 + 3.65 + 47.45 + 2.3 + 0.95;
    const rest = 34.3323 + 1.1444 + 0.24053 + 4 + 0.025 + 0.58 + 2.30253;
    expect(managed.bill.total).toBeCloseTo(machines + rest, 3);
    // Self-run, the database is one machine behind one gateway.
    const { bill } = estimate({ ...ask, stage: "split", target: "aws-self-run" });
    expect(bill.items.find(({ sku }) => sku === "nat-gateway")?.quantity).toBe(730);
  });

  it("names all that a line is for", () => {
    const { bill } = estimate({ ...ask, stage: "fleet", target: "hetzner" });
    expect(bill.items.find(({ sku }) => sku === "CX23")).toMatchObject({
      quantity: 4,
      what: "app servers, database servers, edge servers",
    });
  });

  it("charges Hetzner's traffic above what each entry server includes", () => {
    // 100 million pages × 400 KB = 38,146.97 GB = 37.2529 TB through one server with 20 TB: 17.2529 TB at 1 €.
    const usage = { ...usages.low, pageViews: 100_000_000 };
    const { bill } = estimate({ ...ask, usage, stage: "fleet", target: "hetzner" });
    const traffic = bill.items.find(({ sku }) => sku === "egress-overage");
    expect(traffic?.quantity).toBeCloseTo(17.2529, 3);
    expect(bill.byCategory.transfer).toBeCloseTo(17.2529 * 1.1637, 3);
  });

  it("takes free tiers off only when asked", () => {
    const question = { ...ask, stage: "droplet", target: "aws-self-run" } as const;
    const saved = estimate(question).bill.priced - estimate({ ...question, freeTiers: true }).bill.priced;
    // 100 GB × 0.09.
    expect(saved).toBeCloseTo(9, 9);
  });

  it("at the last stage names where Hetzner is not", () => {
    const { remarks, topology, bill } = estimate({ ...ask, stage: "anycast", target: "hetzner" });
    expect(remarks[0]).toMatch(/^mumbai: Hetzner has no location in Mumbai; served from Singapore/);
    expect(topology.regions.map(({ location }) => location)).toEqual([
      "fsn1",
      "sin",
      "sin",
      "sin",
      "sin",
      "nbg1",
      "ash",
      "hil",
      "ash",
    ]);
    expect(bill.total).toBeUndefined();
  });

  it("gives each machine the memory that its class needs", () => {
    const { topology } = estimate({
      ...ask,
      stage: "fleet",
      target: "hetzner",
      assumptions: withMemory({ app: 12 }),
    });
    const types = topology.machines.map(({ tier, serverType }) => `${tier} ${serverType}`);
    // Two are enough: cx43 has 16 GB.
    expect(types).toEqual(["app cx43", "app cx43", "database cx23", "edge cx23"]);
    const none = {
      ...ask,
      stage: "fleet",
      target: "hetzner",
      assumptions: withMemory({ app: 500 }),
    } as const;
    expect(estimate(none).overloaded).toEqual(["app"]);
  });

  it("says when it cannot carry the usage", () => {
    expect(estimate({ ...ask, usage: usages.high, stage: "droplet", target: "hetzner" }).overloaded).toEqual([
      "app",
    ]);
    expect(
      estimate({ ...ask, usage: usages.high, stage: "kubernetes", target: "hetzner" }).overloaded,
    ).toEqual([]);
  });

  it("gives per order and per thousand page views what the total says", () => {
    const result = estimate({ ...ask, stage: "search", target: "aws-managed" });
    expect(result.perOrder).toBeCloseTo(result.bill.total! / 4000, 9);
    expect(result.perThousandPages).toBeCloseTo(result.bill.total! / 1000, 9);
  });
});

describe("comparison", () => {
  const comparisons = compareAll(usages, { assumptions, pricing, freeTiers: false });

  it("has ten stages, three usages and three targets, within two seconds", () => {
    const took = [1, 2, 3].map(() => {
      const started = performance.now();
      expect(compareAll(usages, { assumptions, pricing, freeTiers: false })).toHaveLength(30);
      return performance.now() - started;
    });
    expect(Math.min(...took)).toBeLessThan(2000);
    expect(new Set(comparisons.map(({ stage }) => stage))).toEqual(new Set(stages));
    for (const { estimates } of comparisons) expect(Object.keys(estimates)).toEqual([...targets]);
  });

  it("lists what has no price; the list may only shrink", () => {
    expect(notPricedIn(comparisons)).toEqual([
      "anycast hetzner hetzner/cloud/CPX21@ash",
      "anycast hetzner hetzner/cloud/CPX21@hil",
      "anycast hetzner hetzner/cloud/CPX41@ash",
      "anycast hetzner hetzner/cloud/CPX41@hil",
      "anycast hetzner transit/bgp/anycast-announcement@ash",
      "anycast hetzner transit/bgp/anycast-announcement@fsn1",
      "anycast hetzner transit/bgp/anycast-announcement@hil",
      "anycast hetzner transit/bgp/anycast-announcement@nbg1",
      "anycast hetzner transit/bgp/anycast-announcement@sin",
    ]);
  });

  it("gives each category its part of the difference", () => {
    const { estimates } = comparisons.find(({ stage, usage }) => stage === "search" && usage === "expected")!;
    const rows = ratios(estimates["aws-managed"].bill, estimates.hetzner.bill);
    const parts = rows.filter(({ category }) => category !== "total");
    expect(parts.reduce((sum, { shareOfDifference = NaN }) => sum + shareOfDifference, 0)).toBeCloseTo(1, 9);
    const last = rows.at(-1)!;
    expect(last.ratio).toBeCloseTo(estimates["aws-managed"].bill.total! / estimates.hetzner.bill.total!, 9);
  });
});

describe("throughTiers", () => {
  it("is linear within a bracket", () => {
    expect(throughTiers(3, [{ upTo: 10, price: 2 }, { price: 1 }])).toBe(6);
    expect(throughTiers(12, [{ upTo: 10, price: 2 }, { price: 1 }])).toBe(22);
    expect(throughTiers(0, [{ price: 1 }])).toBe(0);
  });
});

describe("assumptions from a file", () => {
  const apply = (file: unknown) => override(usages.low, assumptions, file, "a.yaml");

  it("change what they name, and nothing else", () => {
    const { usage, assumptions: changed } = apply({
      usage: { pageViews: 5, buyers: { india: 0.5, europe: 0.2 } },
      capacity: { appMs: 3 },
      regions: ["london"],
    });
    expect(usage).toMatchObject({
      pageViews: 5,
      pageKB: 40,
      buyers: { india: 0.5, europe: 0.2, japan: 0.02 },
    });
    expect(changed.capacity).toEqual({ ...assumptions.capacity, appMs: 3 });
    expect(changed.regions.map(({ name }) => name)).toEqual(["london"]);
    expect(changed.people).toEqual(assumptions.people);
  });

  it.each([
    [{ usage: { cacheHitRate: 1.2 } }, /a\.yaml: \/usage\/cacheHitRate/],
    [{ usage: { pageviews: 1 } }, /a\.yaml: \/usage\/pageviews is not known here/],
    [{ usage: { buyers: { india: 0.9 } } }, /sum of \/usage\/buyers/],
    [{ regions: ["atlantis"] }, /\/regions\/0/],
    [{ capacity: { utilisation: 0 } }, /\/capacity\/utilisation/],
  ])("%j is refused with its path", (file, message) => {
    expect(() => apply(file)).toThrow(message);
  });
});
