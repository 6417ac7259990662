import { describe, expect, it } from "vitest";
import { parseSettings } from "../../src/settings/parse.js";
import { recordOnAws } from "./on-aws.js";
import { short } from "./provisioned.js";
import type { RecordedResource } from "./record-resources.js";

const domain = "shop.example.com";

const recordsOf = (resources: readonly RecordedResource[]) =>
  resources
    .filter(({ type }) => short(type) === "Record")
    .toSorted((one, other) => (one.urn < other.urn ? -1 : 1));

/** What the name leads to at a stage, once it is reached by HAProxy or a machine. */
async function namesAt(stage: string): Promise<RecordedResource[]> {
  const named = { "dukaan:domain": domain, "dukaan:hostedZone": "Z0123456789ABCDEFGHIJ" };
  return recordsOf(await recordOnAws({ "dukaan:stage": stage, ...named }));
}

describe("the shop's name in Route 53", () => {
  it("leads to the public's way in, by the same two resources at every stage", async () => {
    const [droplet, split, fleet] = [
      await namesAt("droplet"),
      await namesAt("split"),
      await namesAt("fleet"),
    ];
    for (const records of [droplet, split, fleet]) {
      expect(records.map(({ inputs }) => inputs)).toEqual([
        { zoneId: "Z0123456789ABCDEFGHIJ", name: domain, type: "A", records: ["203.0.113.10"], ttl: 60 },
        {
          zoneId: "Z0123456789ABCDEFGHIJ",
          name: domain,
          type: "AAAA",
          records: ["2001:db8:0:ab02::7"],
          ttl: 60,
        },
      ]);
      expect(records[0]?.chain.map(short)).toEqual(["Environment", "PublicName"]);
    }
    expect(split.map(({ urn }) => urn)).toEqual(droplet.map(({ urn }) => urn));
    expect(fleet.map(({ urn }) => urn)).toEqual(droplet.map(({ urn }) => urn));
    // By whose address it is, and when that serves.
    const comesFrom = (records: RecordedResource[]) =>
      records[0]?.dependencies
        .filter((urn) => /:(Eip|Release|Role)::/.test(urn))
        .map((urn) => urn.split("::").at(-1));
    expect(comesFrom(droplet)).toEqual(expect.arrayContaining(["app-1-ipv4", "app-1-api"]));
    expect(comesFrom(fleet)).toEqual(expect.arrayContaining(["edge-1-ipv4", "edge-1-haproxy", "app-2-api"]));
    expect(comesFrom(fleet)).not.toContain("app-1-ipv4");
  });

  it("is nobody's affair without a zone", async () => {
    const resources = await recordOnAws({ "dukaan:domain": domain });
    expect(recordsOf(resources)).toEqual([]);
    expect(resources.some(({ type }) => type.startsWith("aws:route53"))).toBe(false);
  });
});

describe("dukaan:hostedZone", () => {
  const problemsOf = (more: Record<string, unknown>) => {
    const raw = {
      "dukaan:provider": "aws",
      "dukaan:location": "us-east-1",
      "dukaan:domain": domain,
      "dukaan:backup": "none",
      "dukaan:images": "none",
      "dukaan:sms": "log",
      ...more,
    };
    return parseSettings("test", raw).problems ?? [];
  };

  it.each(["example.com", "shop.example.com", "Z0123456789ABCDEFGHIJ"])("may be %s", (hostedZone) => {
    expect(problemsOf({ "dukaan:hostedZone": hostedZone })).toEqual([]);
  });

  it.each([
    ["other.example", "which shop.example.com (dukaan:domain) is not in"],
    ["ample.com", "is not in"],
    ["Example.com", "neither a zone's name nor its id"],
    ["z0123", "neither a zone's name nor its id"],
    ["example.com.", "neither a zone's name nor its id"],
  ])("may not be %s", (hostedZone, reason) => {
    expect(problemsOf({ "dukaan:hostedZone": hostedZone })).toMatchObject([
      { path: "dukaan:hostedZone", reason: expect.stringContaining(reason) },
    ]);
  });

  it("wants a domain, and AWS", () => {
    const given = { "dukaan:hostedZone": "example.com" };
    expect(problemsOf({ ...given, "dukaan:domain": undefined })).toMatchObject([
      { path: "dukaan:hostedZone", reason: expect.stringContaining("dukaan:domain is not") },
    ]);
    const hetzner = {
      "hcloud:token": "t".repeat(64),
      "dukaan:provider": "hetzner",
      "dukaan:location": "fsn1",
    };
    const operators = { "dukaan:operatorCidrs": ["198.51.100.7/32"] };
    const sms = { url: "https://sms.example.com/", secret: `whsec_${"A".repeat(40)}` };
    expect(problemsOf({ ...given, ...hetzner, ...operators, "dukaan:sms": sms })).toMatchObject([
      {
        path: "dukaan:hostedZone",
        reason: expect.stringContaining("only AWS has Route 53"),
        remedy: "Remove it.",
      },
    ]);
  });
});
