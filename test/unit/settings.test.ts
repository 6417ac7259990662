import { describe, expect, it } from "vitest";
import { defaultCapacity, memoryParameters, workParameters } from "../../src/settings/capacity.js";
import { describeProblems, parseSettings, secretSettings } from "../../src/settings/parse.js";
import { settingsSchema } from "../../src/settings/schema.js";

const token = { "hcloud:token": "t".repeat(64) };
const local = { ...token, "hcloud:endpoint": "http://127.0.0.1:8470/v1" };
const real = {
  ...token,
  "dukaan:operatorCidrs": ["198.51.100.7/32"],
  "dukaan:backup": "none",
  "dukaan:images": "none",
  "dukaan:sms": "log",
};

/** Problems by path. */
function problemsOf(raw: Record<string, unknown>, stack = "lab"): Record<string, string> {
  const { problems = [] } = parseSettings(stack, raw);
  return Object.fromEntries(problems.map(({ path, reason, remedy }) => [path, `${reason} | ${remedy}`]));
}

describe("parseSettings", () => {
  it("fills in the defaults of the local cloud", () => {
    expect(parseSettings("lab", local).settings).toEqual({
      stack: "lab",
      stage: "droplet",
      provider: "hetzner",
      location: "fsn1",
      serverType: "local-512",
      databaseServerType: "local-512",
      appServers: 2,
      loadBalancer: "haproxy",
      rollout: "rolling",
      loadBalancers: 1,
      floatingIp: false,
      publicIpv4: "all",
      image: "debian-12",
      operatorCidrs: ["0.0.0.0/0", "::/0"],
      operatorKeys: [],
      local: true,
      sms: "log",
      networkCidr: "10.10.0.0/16",
      databaseLogins: [1],
    });
  });

  it("fills in the defaults of a real cloud", () => {
    expect(parseSettings("prod", real).settings).toMatchObject({
      serverType: "cx23",
      operatorCidrs: ["198.51.100.7/32"],
      local: false,
    });
  });

  it("reads what Pulumi hands over as text", () => {
    const text = { ...local, "dukaan:local": "true", "dukaan:operatorKeys": "[]", "dukaan:stage": "droplet" };
    expect(parseSettings("lab", text).settings).toEqual(parseSettings("lab", local).settings);
  });

  it("runs a real stack's settings on the local cloud with nothing but another endpoint", () => {
    const prod = { ...real, "dukaan:serverType": "cx33", "dukaan:domain": "shop.example.com" };
    const { settings } = parseSettings("prod", { ...prod, "hcloud:endpoint": "http://localhost:8472/v1" });
    expect(settings).toMatchObject({ local: true, serverType: "cx33", operatorCidrs: ["0.0.0.0/0", "::/0"] });
    expect(settings).not.toHaveProperty("domain");
    expect(parseSettings("prod", prod).settings?.domain).toBe("shop.example.com");
  });

  it("never lets a local stack loose on a real cloud", () => {
    expect(problemsOf({ ...real, "dukaan:local": true })).toEqual({
      "dukaan:local": expect.stringMatching(/hcloud:endpoint is Hetzner's own .*\.\/dukaan up/),
    });
    expect(
      problemsOf({ ...real, "dukaan:local": true, "hcloud:endpoint": "https://127.example.com/v1" }),
    ).toEqual({
      "dukaan:local": expect.stringContaining("https://127.example.com/v1"),
    });
  });

  it("reports every problem at once and names each", () => {
    const problems = problemsOf(
      {
        "dukaan:stage": "drplet",
        "dukaan:location": "fsn2",
        "dukaan:serverType": "cax11",
        "dukaan:operatorCidrs": ["198.51.100.7/24", "home"],
        "dukaan:operatorKeys": ["ssh-ed25519 AAAA"],
        "dukaan:networkCidr": "8.8.0.0/16",
        "dukaan:domain": "https://shop.example.com/",
        "dukaan:sarverType": "cx23",
        "dukan:stage": "droplet",
        "dukaan:backup": "off",
        "dukaan:images": "off",
        "dukaan:sms": "console",
        "hcloud:token": "short",
        "hcloud:endpoint": "hetzner",
      },
      "Not A Stack",
    );
    expect(problems).toEqual({
      stack: expect.stringContaining("30 lower-case"),
      "dukaan:stage": expect.stringContaining("Did you mean droplet?"),
      "dukaan:location": expect.stringMatching(/allowed are fsn1, .*Did you mean fsn1\?/),
      "dukaan:serverType": expect.stringContaining("ARM"),
      "dukaan:operatorCidrs[0]": expect.stringContaining("the range is 198.51.100.0/24"),
      "dukaan:operatorCidrs[1]": expect.stringContaining("not an address range"),
      "dukaan:operatorKeys[0]": expect.stringContaining("not an OpenSSH public key"),
      "dukaan:networkCidr": expect.stringContaining("is not private"),
      "dukaan:domain": expect.stringContaining("without scheme"),
      "dukaan:sarverType": expect.stringContaining("Did you mean dukaan:serverType?"),
      "dukan:stage": expect.stringContaining("Did you mean dukaan:stage?"),
      "dukaan:backup": expect.stringMatching(/no object.*none/),
      "dukaan:images": expect.stringMatching(/no object.*none/),
      "dukaan:sms": expect.stringMatching(/neither an object nor log/),
      "hcloud:token": expect.stringContaining("has 5 characters; a token has 64"),
      "hcloud:endpoint": expect.stringContaining("is not a URL"),
    });
  });

  it("refuses more app servers than their database has connections for, and says how many it has", () => {
    const problems = (raw: Record<string, unknown>) => parseSettings("lab", { ...local, ...raw }).problems;
    expect(problems({ "dukaan:appServers": "12" })).toBeUndefined();
    expect(problems({ "dukaan:appServers": "13" })).toEqual([
      {
        path: "dukaan:appServers",
        reason: "is 13, and a database on local-512 has connections for 12 app servers",
        remedy: "Use at most 12, or a larger dukaan:databaseServerType.",
      },
    ]);
    expect(problems({ "dukaan:appServers": "20", "dukaan:databaseServerType": "cpx11" })).toBeUndefined();
  });

  it("says of a stage that it is planned but not built", () => {
    expect(problemsOf({ ...local, "dukaan:stage": "kafka" })).toEqual({
      "dukaan:stage": expect.stringMatching(/kafka.*not built yet.*droplet/),
    });
  });

  it("wants a token, and an operator on a real cloud", () => {
    expect(Object.keys(problemsOf({}))).toEqual([
      "dukaan:operatorCidrs",
      "hcloud:token",
      "dukaan:backup",
      "dukaan:images",
      "dukaan:sms",
    ]);
    // Encrypted in the file: there is one, more cannot be said.
    expect(problemsOf({ ...real, "hcloud:token": { secure: "v1:abc" } })).toEqual({});
  });

  it("keeps the token out of what it says", () => {
    const { problems = [] } = parseSettings("lab", { ...local, "hcloud:token": "SENTINEL" });
    expect(problems).toHaveLength(1);
    expect(describeProblems("lab", problems)).not.toContain("SENTINEL");
  });

  it("knows which server types a place has", () => {
    expect(problemsOf({ ...real, "dukaan:location": "ash", "dukaan:serverType": "cx23" })).toEqual({
      "dukaan:serverType": expect.stringContaining("not offered in ash"),
    });
    expect(problemsOf({ ...real, "dukaan:location": "ash", "dukaan:serverType": "cpx11" })).toEqual({});
    expect(problemsOf({ ...real, "dukaan:serverType": "local-512" })).toEqual({
      "dukaan:serverType": expect.stringContaining("only the local cloud has"),
    });
  });

  it("takes the keys that ssh-keygen makes", () => {
    const ed25519 =
      "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ6VYq2r0m5DqZcW3kQ3S0yRxZ4oUuYyPmYJfOZxv9aV ada@laptop";
    expect(problemsOf({ ...local, "dukaan:operatorKeys": [ed25519] })).toEqual({});
    expect(problemsOf({ ...local, "dukaan:operatorKeys": [`${ed25519}\nssh-rsa AAAA`] })).not.toEqual({});
    expect(
      problemsOf({ ...local, "dukaan:operatorKeys": [ed25519.replace("ssh-ed25519", "ssh-rsa")] }),
    ).not.toEqual({});
  });

  it("describes problems for a terminal", () => {
    const { problems = [] } = parseSettings("lab", { ...local, "dukaan:stage": "drplet" });
    expect(describeProblems("lab", problems)).toBe(
      [
        "One setting is wrong (Pulumi.lab.yaml); nothing was changed.",
        '  dukaan:stage is "drplet"; allowed are droplet, split, fleet, replicas, redis, kafka, search, cdn, kubernetes, anycast.',
        "    → Did you mean droplet?",
      ].join("\n"),
    );
  });
});

describe("dukaan:capacity", () => {
  const parsed = (capacity: unknown) => parseSettings("lab", { ...local, "dukaan:capacity": capacity });

  it("changes what it names, as an object or as Pulumi hands it over", () => {
    const given = { appMs: 5, memoryGiB: { app: 1.5 } };
    for (const value of [given, JSON.stringify(given)]) {
      expect(parsed(value).settings?.capacity).toEqual({
        ...defaultCapacity,
        appMs: 5,
        memoryGiB: { ...defaultCapacity.memoryGiB, app: 1.5 },
      });
    }
  });

  it("says where every default comes from", () => {
    for (const parameters of [workParameters, memoryParameters]) {
      for (const { value, least, most, source } of Object.values(parameters)) {
        expect(source).toMatch(/\w{4}/);
        expect(value).toBeGreaterThanOrEqual(least);
        expect(value).toBeLessThanOrEqual(most);
      }
    }
  });

  it("refuses what it does not know, all at once", () => {
    const wrong = { appMs: -1, utilisation: "much", sharks: 1, memoryGiB: { app: 0, moon: 1 } };
    expect(problemsOf({ ...local, "dukaan:capacity": wrong })).toEqual({
      "dukaan:capacity.appMs": "is -1, not a number from 0 to 60000 | Use e.g. 1.5, the default.",
      "dukaan:capacity.utilisation": 'is "much", not a number from 0.05 to 1 | Use e.g. 0.6, the default.',
      "dukaan:capacity.sharks": expect.stringMatching(/^is not a setting; there are appMs, .*memoryGiB \|/),
      "dukaan:capacity.memoryGiB.app": "is 0, not a number from 0.25 to 1024 | Use e.g. 2, the default.",
      "dukaan:capacity.memoryGiB.moon": expect.stringMatching(/^is not a setting; there are app, edge/),
    });
    expect(problemsOf({ ...local, "dukaan:capacity": [1] })).toHaveProperty(["dukaan:capacity"]);
    expect(problemsOf({ ...local, "dukaan:capacity": { memoryGiB: 4 } })).toHaveProperty([
      "dukaan:capacity.memoryGiB",
    ]);
  });
});

describe("secret settings", () => {
  it("are all that sound like one", () => {
    const names = Object.keys(settingsSchema.properties).map((name) => `dukaan:${name}`);
    const suspicious = names.filter((name) => /key|secret|token|pass|credential/i.test(name));
    // Public keys, and a name for a change that holds nothing.
    const open = new Set(["dukaan:operatorKeys", "dukaan:changeToken"]);
    expect(suspicious.filter((name) => !open.has(name) && !secretSettings.has(name))).toEqual([]);
    expect(secretSettings).toContain("dukaan:backup.secretKey");
    expect(secretSettings).toContain("hcloud:token");
  });
});
