import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { describeProblems, parseSettings } from "../../src/settings/parse.js";
import { settingsSchema } from "../../src/settings/schema.js";
import { builtStages } from "../../src/topology/stages.js";
import { topologyOf } from "../../stacks/index.js";

const good: Record<string, unknown> = {
  "hcloud:token": "t".repeat(64),
  "dukaan:stage": "droplet",
  "dukaan:provider": "hetzner",
  "dukaan:location": "nbg1",
  "dukaan:serverType": "cx23",
  "dukaan:databaseServerType": "cx33",
  "dukaan:appServers": 3,
  "dukaan:loadBalancer": "haproxy",
  "dukaan:rollout": "blue-green",
  "dukaan:loadBalancers": 2,
  "dukaan:failover": { endpoint: "https://api.hetzner.cloud/v1", token: "t".repeat(64) },
  "dukaan:publicIpv4": "entries",
  "dukaan:nat": "none",
  "dukaan:image": "debian-12",
  "dukaan:domain": "shop.example.com",
  "dukaan:operatorCidrs": ["198.51.100.7/32", "2001:db8::/48"],
  "dukaan:operatorKeys": [],
  "dukaan:local": false,
  "dukaan:networkCidr": "10.20.0.0/16",
  "dukaan:backup": {
    endpoint: "https://fsn1.your-objectstorage.com",
    region: "fsn1",
    bucket: "shop-backups",
    accessKey: "ACCESSKEY",
    secretKey: "secret-key",
  },
  "dukaan:images": {
    endpoint: "https://fsn1.your-objectstorage.com",
    region: "fsn1",
    bucket: "shop-images",
    accessKey: "ACCESSKEY",
    secretKey: "secret-key",
  },
  "dukaan:sms": { url: "https://sms.example.com/dukaan", secret: `whsec_${"A".repeat(40)}` },
  "dukaan:acme": { directory: "https://acme.example.com/dir", email: "ops@example.com" },
  "dukaan:joining": "split",
  "dukaan:playbook": "book",
  "dukaan:databaseVolume": 20,
  "dukaan:leaving": "split",
  "dukaan:changeToken": "stage:droplet>split",
};

const noText = fc.oneof(fc.integer(), fc.constant(null), fc.constant({ a: 1 }));
const noList = fc.oneof(fc.constant("x"), fc.integer(), fc.constant([1]), fc.constant({}));
/** Values that each setting refuses. */
const bad: Record<string, fc.Arbitrary<unknown>> = {
  stage: fc.oneof(
    noText,
    fc.string().filter((text) => !builtStages.some((stage) => stage === text)),
  ),
  provider: fc.oneof(
    noText,
    fc.string().filter((text) => text !== "hetzner"),
  ),
  location: fc.oneof(noText, fc.string({ maxLength: 2 }), fc.constantFrom("FSN1", "fsn2", "eu-central")),
  serverType: fc.oneof(noText, fc.string({ maxLength: 3 }), fc.constantFrom("cax11", "local-512", "cx99")),
  joining: fc.oneof(noText, fc.constantFrom("", "fleet", "Split")),
  leaving: fc.oneof(noText, fc.constantFrom("", "replicas", "Split")),
  appServers: fc.oneof(fc.constantFrom<unknown>(0, 1.5, -1, "two", [2], null), fc.integer({ min: 21 })),
  appServersMost: fc.oneof(fc.constantFrom<unknown>(2, 3.5, "many", [4], null), fc.integer({ min: 21 })),
  loadBalancer: fc.oneof(noText, fc.constantFrom("", "nginx", "HAProxy", "none")),
  rollout: fc.oneof(noText, fc.constantFrom("", "blue", "Rolling", "canary")),
  loadBalancers: fc.constantFrom<unknown>(0, 3, 1.5, "two", [2], null),
  floatingIp: fc.constantFrom<unknown>("yes", 1, null, []),
  failover: fc.oneof(
    fc.integer(),
    fc.constantFrom<unknown>("", "on", null, [], {}, { token: "short" }, { token: 7 }),
    fc
      .constantFrom(
        { endpoint: "http://api.hetzner.cloud/v1" },
        { endpoint: "https://api.hetzner.cloud" },
        { caCertificate: "PEM" },
        { project: "shop" },
      )
      .map((wrong) => Object.assign({ token: "t".repeat(64) }, wrong)),
  ),
  databaseVolume: fc.oneof(
    fc.integer({ max: 9 }),
    fc.integer({ min: 10_241 }),
    fc.constantFrom("", "20 GB", "9", 10.5, true, null, [20], { size: 20 }),
  ),
  playbook: fc.oneof(noText, fc.constantFrom("", "Book", "dump")),
  databaseServerType: fc.oneof(noText, fc.constantFrom("", "cax11", "local-512", "cx99")),
  managed: fc.constantFrom<unknown>("yes", 1, null, []),
  multiAz: fc.constantFrom<unknown>("no", 0, null, {}),
  backupDays: fc.oneof(
    fc.integer({ max: 6 }),
    fc.integer({ min: 36 }),
    fc.constantFrom("", "a week", 7.5, true, null, [7]),
  ),
  publicIpv4: fc.oneof(noText, fc.constantFrom("", "none", "entry", "ALL")),
  nat: fc.oneof(noText, fc.constantFrom("", "yes", "NAT", "Gateway")),
  image: fc.oneof(noText, fc.constantFrom("debian-11", "ubuntu-24.04", "")),
  domain: fc.oneof(
    noText,
    fc.constantFrom(
      "",
      "shop",
      "Shop.Example.com",
      "-a.example.com",
      "shop.example.com:443",
      "203.0.113.10",
      "a..b",
    ),
    fc.string({ maxLength: 20 }).map((text) => `${text}_`),
  ),
  hostedZone: fc.oneof(noText, fc.constantFrom("", "com", "*.com", "Example.com", "example.com.", "z012")),
  acme: fc.oneof(
    fc.integer(),
    fc.constantFrom<unknown>(
      "yes",
      [],
      { directory: "http://a.example/" },
      { email: "ops" },
      { key: "x" },
      null,
    ),
  ),
  operatorCidrs: fc.oneof(
    noList,
    fc.constant([]),
    fc.constantFrom(["198.51.100.7"], ["10.0.0.1/8"], ["10.0.0.0/33"], ["::1/64"], ["10.8/16"], ["a", "a"]),
    fc.string({ minLength: 1, maxLength: 12 }).map((text) => [text]),
  ),
  operatorKeys: fc.oneof(
    noList,
    fc.string({ minLength: 1, maxLength: 60 }).map((text) => [text]),
    fc.base64String({ minLength: 8 }).map((text) => [`ssh-ed25519 ${text}`]),
  ),
  local: fc.constantFrom("yes", 1, null),
  databaseLogins: fc.oneof(
    fc.constantFrom<unknown>([], [0], [1, 1], [3, 2, 1], ["1"], 1, "[1", { a: 1 }),
    fc.array(fc.integer({ min: 10_000 }), { minLength: 1, maxLength: 2 }),
  ),
  networkCidr: fc.oneof(
    noText,
    fc.constantFrom(
      "",
      "10.20.0.0",
      "10.20.0.0/24",
      "10.20.1.0/16",
      "11.0.0.0/16",
      "fd00::/16",
      "0x0a.0.0.0/16",
    ),
  ),
  backup: fc.oneof(
    fc.integer(),
    fc.constantFrom("", "off", null, {}, []),
    fc
      .record({
        endpoint: fc.constantFrom("http://a.example.com", "https://a.example.com/b", "a.example.com", 1),
        bucket: fc.constantFrom("B", "-bucket", "my_bucket", "", null),
        keepFull: fc.constantFrom(0, 53, 1.5, "2", -1),
        fullSchedule: fc.constantFrom("", "daily; rm -rf /", "$(reboot)", 7),
        path: fc.constantFrom("lab", "/", "/a/../b", "/a b"),
        secretKey: fc.constantFrom("", "short", "with space in it", 12345678),
        passphrase: fc.constantFrom("", "too short"),
        // No such setting.
        buckets: fc.string(),
      })
      .chain((wrong) => fc.subarray(Object.entries(wrong), { minLength: 1 }))
      .map((wrong) => Object.assign({}, good["dukaan:backup"], Object.fromEntries(wrong))),
  ),
  images: fc.oneof(
    fc.integer(),
    fc.constantFrom("", "off", null, {}, []),
    fc
      .record({
        endpoint: fc.constantFrom("http://a.example.com", "https://a.example.com/b", "a.example.com", 1),
        bucket: fc.constantFrom("B", "-bucket", "my_bucket", "", null),
        secretKey: fc.constantFrom("", "short", "with space in it", 12345678),
        // No such setting.
        passphrase: fc.string(),
      })
      .chain((wrong) => fc.subarray(Object.entries(wrong), { minLength: 1 }))
      .map((wrong) => Object.assign({}, good["dukaan:images"], Object.fromEntries(wrong))),
  ),
  capacity: fc.oneof(
    fc.constantFrom<unknown>(7, "", "large", null, [], { applesMs: 1 }, { memoryGiB: 4 }),
    fc.constantFrom({ appMs: -1 }, { appMs: "2" }, { utilisation: 1.5 }, { memoryGiB: { app: 0 } }),
  ),
  sms: fc.oneof(
    fc.integer(),
    fc.constantFrom("", "console", null, {}, [], "https://sms.example.com/"),
    fc
      .record({
        url: fc.constantFrom(
          "http://sms.example.com/",
          "sms.example.com",
          "https://u:p@a.example.com/",
          1,
          "",
        ),
        secret: fc.constantFrom("", "whsec_", "whsec_c2hvcnQ=", "A".repeat(40), 7, { secure: 1 }),
        gateway: fc.string(),
      })
      .chain((wrong) => fc.subarray(Object.entries(wrong), { minLength: 1 }))
      .map((wrong) => Object.assign({}, good["dukaan:sms"], Object.fromEntries(wrong))),
  ),
  release: fc.oneof(noText, fc.string({ maxLength: 63 }), fc.string({ minLength: 65, maxLength: 80 })),
  monthlyBudget: fc.oneof(fc.double({ max: 0, noNaN: true }), fc.constantFrom(true, "much", "", [], {})),
  changeToken: noText,
};

describe("settings", () => {
  it("has values to refuse for every setting", () => {
    expect(Object.keys(bad).toSorted()).toEqual(Object.keys(settingsSchema.properties).toSorted());
    expect(parseSettings("prod", good).problems).toBeUndefined();
  });

  it.each(Object.entries(bad))("names %s when it is wrong, and no other", (name, values) => {
    fc.assert(
      fc.property(values, (value) => {
        const { problems } = parseSettings("prod", { ...good, [`dukaan:${name}`]: value });
        expect(problems?.length).toBeGreaterThan(0);
        for (const { path, reason, remedy } of problems ?? []) {
          expect(path.replace(/(\[\d+\]|(\.\w+)+)$/, "")).toBe(`dukaan:${name}`);
          expect(reason).not.toBe("");
          expect(remedy).not.toBe("");
        }
      }),
    );
  });

  it("names all that are wrong together", () => {
    fc.assert(
      fc.property(fc.subarray(Object.keys(bad), { minLength: 1 }), fc.gen(), (names, gen) => {
        const wrong = Object.fromEntries(
          names.map((name) => [`dukaan:${name}`, gen(() => bad[name] ?? fc.constant(null))]),
        );
        const { problems = [] } = parseSettings("prod", { ...good, ...wrong });
        const named = new Set(problems.map(({ path }) => path.replace(/(\[\d+\]|(\.\w+)+)$/, "")));
        expect([...named].toSorted()).toEqual(Object.keys(wrong).toSorted());
        expect(describeProblems("prod", problems).split("\n").length).toBe(1 + 2 * problems.length);
      }),
    );
  });

  it("never throws, and what it accepts has a topology", () => {
    const value = fc.oneof(fc.jsonValue(), fc.constantFrom(...Object.values(good)));
    const key = fc.oneof(fc.constantFrom(...Object.keys(good), "hcloud:endpoint"), fc.string());
    fc.assert(
      fc.property(fc.dictionary(key, value), (changes) => {
        const { settings, problems } = parseSettings("prod", { ...good, ...changes });
        const found = settings ? topologyOf(settings).machines : problems;
        expect(found.length).toBeGreaterThan(0);
      }),
    );
  });
});
