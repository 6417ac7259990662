import { describe, expect, it } from "vitest";
import { breaches, partsOf, type StackSubject } from "../../policy/rule.js";
import { rules, stackRules } from "../../policy/rules.js";
import { defaultAssumptions as assumptions } from "../../src/cost/assumptions.js";
import { sizeRegion } from "../../src/cost/sizing.js";
import { usages } from "../../src/cost/usage.js";
import { hetzner } from "../../src/platform/hetzner/index.js";
import { provision } from "../../src/provision.js";
import type { Settings } from "../../src/settings/schema.js";
import { markets } from "../../src/topology/regions.js";
import { stages } from "../../src/topology/stages.js";
import { plannedTopology } from "../../stacks/index.js";
import type { RegionPlan } from "../../stacks/plan.js";
import { recordOnAws } from "./on-aws.js";
import { artifacts, backup, onThisComputer, outputsOf, settingsOf } from "./provisioned.js";
import { type RecordedResource, recordResources } from "./record-resources.js";

// What the program asks for at every stage, held against the rules of the policy pack.

const real = {
  "dukaan:operatorCidrs": ["198.51.100.7/32", "2001:db8:7::/48"],
  "dukaan:sms": { url: "https://sms.example.com/", secret: `whsec_${"A".repeat(40)}` },
  "dukaan:backup": backup,
  "dukaan:images": "none",
};
const fleet = { ...real, "dukaan:stage": "fleet" };

const variants: Record<string, Record<string, unknown>> = {
  droplet: real,
  "droplet with a domain": { ...real, "dukaan:domain": "shop.example.com" },
  "droplet on its way to split": { ...real, "dukaan:joining": "split" },
  split: { ...real, "dukaan:stage": "split" },
  "split with a volume": { ...real, "dukaan:stage": "split", "dukaan:databaseVolume": 20 },
  "split that is leaving fleet": { ...real, "dukaan:stage": "split", "dukaan:leaving": "fleet" },
  fleet,
  "fleet with IPv4 at its entries alone": { ...fleet, "dukaan:publicIpv4": "entries" },
  "fleet that is leaving split": { ...fleet, "dukaan:leaving": "split" },
  "fleet with two balancers": {
    ...fleet,
    "dukaan:loadBalancers": 2,
    "dukaan:failover": { token: "T".repeat(64) },
  },
  "fleet behind the provider's load balancer": { ...fleet, "dukaan:loadBalancer": "managed" },
  "fleet behind the provider's, with a domain": {
    ...fleet,
    "dukaan:loadBalancer": "managed",
    "dukaan:domain": "shop.example.com",
  },
  "droplet on the local cloud": onThisComputer,
  "fleet on the local cloud": { ...onThisComputer, "dukaan:stage": "fleet", "dukaan:databaseVolume": 20 },
};

/** As the policy pack gets it: secrets in the clear. */
function subjectsOf(resources: RecordedResource[], endpoint: unknown): StackSubject[] {
  return resources.map(({ type, name, urn, inputs, protect, dependencies }) => ({
    type,
    name,
    urn,
    props: plain(inputs) as Record<string, unknown>,
    protect,
    provider: { endpoint },
    // Which property they come by is not recorded; all that depend on a bucket are about it.
    origins: { bucket: dependencies.filter((one) => one.includes("$aws:s3/bucket:Bucket::")) },
  }));
}

/** On the wire a secret is an object with a signature and its value. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  if ("4dabf18193072939515e22adb298388d" in value && "value" in value) return plain(value.value);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}

function found(subjects: StackSubject[]): string[] {
  return [
    ...rules.flatMap((rule) =>
      subjects.flatMap((subject) =>
        breaches(rule, subject).map((what) => `${rule.name} ${subject.name}: ${what}`),
      ),
    ),
    ...stackRules.flatMap((rule) =>
      rule.check(subjects).map(({ urn, found: what }) => `${rule.name} ${partsOf(urn).name}: ${what}`),
    ),
  ];
}

describe("keeps to the rules:", () => {
  it.each(Object.entries(variants))("%s", async (_, raw) => {
    const settings: Settings = settingsOf(raw);
    const resources = await recordResources(() => provision(settings, artifacts), outputsOf);
    const subjects = subjectsOf(resources, raw["hcloud:endpoint"]);
    // The user data is there, in the clear, to be looked at.
    const servers = subjects.filter(({ type }) => type === "hcloud:index/server:Server");
    expect(servers.length).toBeGreaterThan(0);
    for (const { props } of servers) expect(props["userData"]).toMatch(/^#cloud-config\n[^]*SENTINEL key of/);
    expect(found(subjects)).toEqual([]);
  });

  it.each([
    ["droplet", {}],
    ["split", { "dukaan:stage": "split", "dukaan:databaseVolume": 20 }],
    ["fleet", { "dukaan:stage": "fleet" }],
    ["fleet behind a NAT instance", { "dukaan:stage": "fleet", "dukaan:nat": "instance" }],
    ["fleet behind a NAT gateway", { "dukaan:stage": "fleet", "dukaan:nat": "gateway" }],
    ["droplet with a domain", { "dukaan:domain": "shop.example.com" }],
    ["split with a database that AWS runs", { "dukaan:stage": "split", "dukaan:managed": true }],
    ["fleet with a database that AWS runs", { "dukaan:stage": "fleet", "dukaan:managed": true }],
    ["droplet with buckets of its own", { "dukaan:backup": "own", "dukaan:images": "own" }],
    ["fleet behind AWS's load balancer", { "dukaan:stage": "fleet", "dukaan:loadBalancer": "managed" }],
    [
      "fleet with a group of app servers",
      {
        "dukaan:stage": "fleet",
        "dukaan:managed": true,
        "dukaan:loadBalancer": "managed",
        "dukaan:appServersMost": 8,
      },
    ],
    [
      "fleet behind AWS's, with a domain",
      {
        "dukaan:stage": "fleet",
        "dukaan:loadBalancer": "managed",
        "dukaan:domain": "shop.example.com",
        "dukaan:hostedZone": "example.com",
      },
    ],
  ])("%s on AWS", async (_, raw) => {
    const operators = { "dukaan:operatorCidrs": ["198.51.100.7/32"] };
    const subjects = subjectsOf(await recordOnAws({ ...operators, ...raw }), undefined);
    const instances = subjects.filter(({ type }) => type === "aws:ec2/instance:Instance");
    expect(instances.length).toBeGreaterThan(0);
    expect(found(subjects)).toEqual([]);
  });

  it.each(stages)("what the public may reach at planned stage %s", async (stage) => {
    const count = stage === "anycast" ? markets.length : 1;
    const plans = markets
      .slice(0, count)
      .map(
        ({ name, hetzner: location }) =>
          sizeRegion(
            stage,
            usages.expected,
            assumptions.capacity,
            1 / count,
            { location, market: name },
            "hetzner",
          ).plan,
      );
    const settings = { ...settingsOf(real), stage };
    const topology = plannedTopology(settings, plans as [RegionPlan, ...RegionPlan[]]);
    const platform = hetzner({ stack: topology.stack, protect: true });
    const resources = await recordResources(() => {
      for (const region of topology.regions) {
        const network = platform.network(region, { loginKey: "ssh-ed25519 AAAA" }, {});
        platform.firewalls(network, topology, {});
      }
    }, outputsOf);
    const firewalls = resources.filter(({ type }) => type === "hcloud:index/firewall:Firewall");
    expect(firewalls.length).toBeGreaterThan(0);
    expect(found(subjectsOf(firewalls, undefined))).toEqual([]);
  });
});

describe("the rules have something to look at:", () => {
  it("without its own settings for real clouds a stack breaks them", async () => {
    const settings = settingsOf({ ...onThisComputer, "dukaan:stage": "split" });
    const resources = await recordResources(() => provision(settings, artifacts), outputsOf);
    const broken = found(subjectsOf(resources, undefined));
    expect(broken).toContain("hetzner-public-ports fsn1-database: tcp 22 is open to 0.0.0.0/0, ::/0");
    expect(broken).toContain(
      "hetzner-protected app-1: it lacks protect and deleteProtection and rebuildProtection",
    );
    expect(broken).toContain("hetzner-protected fsn1: it lacks protect and deleteProtection");
    expect(broken).toContain("hetzner-protected fsn1-app: it lacks protect");
  });
});
