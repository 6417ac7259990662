import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { defaultAssumptions as assumptions } from "../../src/cost/assumptions.js";
import { parseBom } from "../../src/cost/bom.js";
import { compareAll } from "../../src/cost/compare.js";
import { estimate } from "../../src/cost/estimate.js";
import { previewDifference } from "../../src/cost/preview/preview.js";
import { priceItems } from "../../src/cost/price.js";
import { costDocument } from "../../src/cost/report/document.js";
import { comparisonText, money, notesText } from "../../src/cost/report/text.js";
import { breakEvens, costByRegions, costByTraffic, tornado } from "../../src/cost/sensitivity.js";
import { usages } from "../../src/cost/usage.js";
import { projectRoot } from "../../src/project.js";
import { catalogue, pricing } from "./cost-prices.js";

const read = (path: string) => readFileSync(join(projectRoot, path), "utf8");

describe("docs/cost.md", () => {
  it("is what the model says; if not: ./dukaan cost --markdown docs/cost.md", () => {
    expect(read("docs/cost.md")).toBe(costDocument(pricing));
  });
});

describe("a bill of one's own", () => {
  const bom = (items: unknown) => parseBom({ items }, "mine.yaml", catalogue, 730);
  const line = { provider: "aws", service: "ec2", sku: "m7g.large", region: "eu-central-1", unit: "hour" };

  it("prices the documented example", () => {
    // 4 × 730 × 0.0978 = 285.576; database 730 × 0.336 = 245.28; egress 10,240 × 0.09 + 1,760 × 0.085 = 1,071.20;
    // S3 800 × 0.023 = 18.40; 4 × 8.49 € × 1.1637 = 39.519252. Together 1,659.975252.
    const { name, items } = parseBom(parse(read("docs/cost-bom.example.yaml")), "example", catalogue, 730);
    expect(name).toBe("Last month on AWS");
    expect(priceItems(items, pricing).total).toBeCloseTo(1659.975252, 6);
  });

  it("withholds the total when something has no price", () => {
    const bill = priceItems(
      bom([
        { ...line, sku: "z9.huge", quantity: 1 },
        { ...line, quantity: 1 },
      ]).items,
      pricing,
    );
    expect(bill).toMatchObject({ notPriced: ["aws/ec2/z9.huge@eu-central-1"] });
    expect(bill.total).toBeUndefined();
    expect(bill.priced).toBeCloseTo(730 * 0.0978, 9);
  });

  it.each([
    [[], /mine\.yaml: \/items/],
    [[line], /\/items\/0 \(m7g\.large\) needs either quantity or usage/],
    [[{ ...line, quantity: 1, usage: 1 }], /and not both/],
    [[{ ...line, quantity: -1 }], /\/items\/0\/quantity/],
    [[{ ...line, quantity: 1, unit: "month" }], /has unit "month"; it is priced by "hour"/],
    [[{ ...line, quantity: 1, colour: "red" }], /\/items\/0\/colour is not known here/],
  ])("%j is refused", (items, message) => {
    expect(() => bom(items)).toThrow(message);
  });
});

describe("a pending preview", () => {
  const place = { hetzner: "fsn1", aws: "us-east-1", hours: 730 };
  const preview = JSON.parse(read("test/unit/cost-preview.json")) as { steps: Record<string, unknown>[] };
  const priced = (steps: unknown) => {
    const { before, after, unknown } = previewDifference({ steps }, place);
    const total = (items: typeof before) => priceItems(items, { ...pricing, currency: "EUR" }).total;
    return { before: total(before), after: total(after), unknown };
  };

  it("of a new stack is all that would be charged", () => {
    // Recorded: stack prod. One cx33 8.49 €, its IPv4 0.50 €; IPv6, network, firewall and keys cost nothing.
    expect(priced(preview.steps)).toEqual({ before: 0, after: 8.99, unknown: [] });
  });

  it("counts what goes, what changes and what stays", () => {
    const state = (serverType: string) => ({
      type: "hcloud:index/server:Server",
      inputs: { serverType, location: "fsn1" },
    });
    const urn = "urn:pulumi:prod::dukaan::hcloud:index/server:Server::app-1";
    const [small, large] = [state("cx23"), state("cx33")];
    expect(priced([{ op: "update", urn, oldState: small, newState: large }])).toMatchObject({
      before: 5.49,
      after: 8.49,
    });
    expect(priced([{ op: "delete", urn, oldState: large }])).toMatchObject({ before: 8.49, after: 0 });
    expect(priced([{ op: "same", urn, oldState: small, newState: small }])).toMatchObject({
      before: 5.49,
      after: 5.49,
    });
    // A replacement is told thrice.
    const replaced = ["create-replacement", "replace", "delete-replaced"].map((op) => ({
      op,
      urn,
      oldState: small,
      newState: large,
    }));
    expect(priced(replaced)).toMatchObject({ before: 5.49, after: 8.49 });
  });

  it("names what it has no price for, and refuses what is no preview", () => {
    const step = {
      op: "create",
      urn: "urn::a::b::c::float",
      newState: { type: "hcloud:index/snapshot:Snapshot" },
    };
    expect(priced([step]).unknown).toEqual(["hcloud:index/snapshot:Snapshot float"]);
    const elsewhere = { ...step, newState: { type: "gcp:compute/instance:Instance" } };
    expect(priced([elsewhere]).unknown).toEqual(["gcp:compute/instance:Instance float"]);
    const withBackups = {
      ...step,
      newState: { type: "hcloud:index/server:Server", inputs: { serverType: "cx23", backups: true } },
    };
    expect(priced([withBackups]).unknown).toHaveLength(1);
    expect(() => previewDifference({ resources: [] }, place)).toThrow("has no steps");
  });
});

describe("a pending preview on AWS", () => {
  const place = { hetzner: "fsn1", aws: "us-east-1", hours: 730 };
  const create = (type: string, inputs: Record<string, unknown>) => ({
    op: "create",
    urn: `urn:pulumi:prod::dukaan::${type}::it`,
    newState: { type, inputs },
  });
  const monthly = (type: string, inputs: Record<string, unknown> = {}) => {
    const { after, unknown } = previewDifference({ steps: [create(type, inputs)] }, place);
    expect(unknown).toEqual([]);
    const bill = priceItems(after, pricing);
    expect(bill.notPriced).toEqual([]);
    return bill.total;
  };

  it.each([
    // 730 × 0.0816; its disk 30 × 0.08.
    [
      "aws:ec2/instance:Instance",
      { instanceType: "m7g.large", rootBlockDevice: { volumeSize: 30, volumeType: "gp3" } },
      59.568 + 2.4,
    ],
    ["aws:ebs/volume:Volume", { type: "gp3", size: 100 }, 8],
    ["aws:ec2/eip:Eip", {}, 3.65],
    ["aws:ec2/natGateway:NatGateway", {}, 32.85],
    ["aws:lb/loadBalancer:LoadBalancer", { loadBalancerType: "network" }, 16.425],
    // 730 × 0.336; 100 × 0.23.
    [
      "aws:rds/instance:Instance",
      {
        instanceClass: "db.m7g.large",
        engine: "postgres",
        multiAz: true,
        storageType: "gp3",
        allocatedStorage: 100,
      },
      245.28 + 23,
    ],
    // 2 × 730 × 0.1264.
    [
      "aws:elasticache/replicationGroup:ReplicationGroup",
      { nodeType: "cache.m7g.large", engine: "valkey", numCacheClusters: 2 },
      184.544,
    ],
    // 3 × 730 × 0.21; 3 × 50 × 0.10.
    [
      "aws:msk/cluster:Cluster",
      {
        numberOfBrokerNodes: 3,
        brokerNodeGroupInfo: {
          instanceType: "kafka.m5.large",
          storageInfo: { ebsStorageInfo: { volumeSize: 50 } },
        },
      },
      459.9 + 15,
    ],
    // 3 × 730 × 0.135.
    [
      "aws:opensearch/domain:Domain",
      { clusterConfig: { instanceType: "m7g.large.search", instanceCount: 3 } },
      295.65,
    ],
    ["aws:eks/cluster:Cluster", {}, 73],
    ["aws:globalaccelerator/accelerator:Accelerator", {}, 18.25],
    ["aws:route53/zone:Zone", {}, 0.5],
    ["aws:kms/key:Key", {}, 1],
    ["aws:ec2/vpc:Vpc", {}, 0],
    ["aws:iam/role:Role", {}, 0],
  ])("%s is priced", (type, inputs, expected) => {
    expect(monthly(type, inputs)).toBeCloseTo(expected, 6);
  });

  it("says what it does not know", () => {
    const steps = [create("aws:redshift/cluster:Cluster", {})];
    expect(previewDifference({ steps }, place).unknown).toEqual(["aws:redshift/cluster:Cluster it"]);
  });
});

describe("sensitivity", () => {
  const ask = { stage: "search", usage: usages.expected, assumptions, pricing } as const;

  it("ranks inputs by how far they move the total", () => {
    const swings = tornado({ ...ask, target: "aws-managed" });
    expect(swings[0]?.input).toBe("pageViews");
    const spans = swings.map(({ span }) => span);
    expect(spans).toEqual(spans.toSorted((a, b) => b - a));
    const { bill } = estimate({ ...ask, target: "aws-managed", usage: { ...ask.usage, imageKB: 180 } });
    expect(swings.find(({ input }) => input === "imageKB")?.low).toEqual({ value: 180, total: bill.total });
  });

  it("finds where lines cross", () => {
    const line = (target: "hetzner" | "aws-managed", totals: number[]) => ({
      target,
      points: totals.map((total, x) => ({ x, total, complete: true })),
    });
    // 10 and 30 against 20 and 20: level half way.
    expect(breakEvens([line("hetzner", [10, 30]), line("aws-managed", [20, 20])])).toEqual([
      { cheaper: "aws-managed", than: "hetzner", from: 0.5 },
    ]);
    expect(breakEvens([line("hetzner", [10, 12]), line("aws-managed", [20, 20])])).toEqual([]);
  });

  it("rises with traffic and with regions", () => {
    for (const { points } of [...costByTraffic(ask), ...costByRegions({ ...ask, usage: usages.high })]) {
      const [first, last] = [points[0]!, points.at(-1)!];
      expect(last.total).toBeGreaterThan(first.total);
    }
    expect(costByRegions(ask)[0]?.points.map(({ x }) => x)).toEqual([9, 16, 25, 36, 49, 64, 81, 100]);
  });
});

describe("text", () => {
  it("shows amounts of every size", () => {
    expect([0, 0.0163, 14.522, 1495.6, -3].map((amount) => money(amount, "USD"))).toEqual([
      "$0.00",
      "$0.0163",
      "$14.52",
      "$1,496",
      "−$3.00",
    ]);
    expect(money(5.49, "EUR")).toBe("€5.49");
  });

  it("names what is not priced and never shows zero for it", () => {
    const comparisons = compareAll({ low: usages.low }, { pricing, assumptions, freeTiers: false });
    const text = comparisonText(comparisons);
    expect(text).toMatch(/^anycast .*withheld \(7 not priced\) +–$/m);
    expect(text).not.toMatch(/\$0\.00/);
    const notes = notesText(comparisons.flatMap(({ estimates }) => Object.values(estimates)));
    expect(notes).toMatch(/^not priced: hetzner\/cloud\/CPX41@ash {2}\(anycast\/hetzner\)$/m);
    expect(notes).toMatch(/^mumbai: Hetzner has no location in Mumbai/m);
  });
});
