import { beforeAll, describe, expect, it } from "vitest";
import { fixedItems } from "../../src/cost/targets/hetzner.js";
import { graphOf } from "../../src/diagram/graph.js";
import { provision } from "../../src/provision.js";
import { parseSettings } from "../../src/settings/parse.js";
import { cloudRules, privateRules } from "../../src/topology/firewall.js";
import { guarded, stageChange } from "../../src/topology/guard.js";
import { machineNamed } from "../../src/topology/topology.js";
import { topologyOf } from "../../stacks/index.js";
import { artifacts, onThisComputer, outputsOf, settingsOf, stateful } from "./provisioned.js";
import { type RecordedResource, recordResources } from "./record-resources.js";

const token = `SENTINEL${"t".repeat(56)}`;
const failover = { endpoint: "https://203.0.113.2:8443/v1", token };
const settingsWith = (more: Record<string, unknown>) =>
  settingsOf({ ...onThisComputer, "dukaan:stage": "fleet", "dukaan:failover": failover, ...more });

const one = settingsWith({});
const two = settingsWith({ "dukaan:loadBalancers": 2 });
const kept = settingsWith({ "dukaan:floatingIp": true });

describe("two load balancers", () => {
  it("look for each other over the private network alone, and may tell the cloud", () => {
    const topology = topologyOf(two);
    const [first, second] = ["edge-1", "edge-2"].map((name) => machineNamed(topology, name));
    expect(privateRules(topology, first!)).toContainEqual({
      protocol: "vrrp",
      sources: [second!.privateAddress],
    });
    const others = topology.machines.filter(({ tier }) => tier !== "edge");
    expect(others.flatMap((machine) => privateRules(topology, machine))).not.toContainEqual(
      expect.objectContaining({ protocol: "vrrp" }),
    );
    const rules = cloudRules(topology, "edge");
    expect(rules.map(({ protocol }) => protocol)).not.toContain("vrrp");
    expect(rules).toContainEqual(expect.objectContaining({ direction: "out", protocol: "tcp", port: 8443 }));
  });

  it("cost a second server and the address, and are in the picture", () => {
    const count = (settings: typeof two, sku: string) =>
      fixedItems(topologyOf(settings)).filter((item) => item.sku === sku).length;
    expect([count(one, "floating-ipv4"), count(two, "floating-ipv4")]).toEqual([0, 1]);
    expect(count(two, "primary-ipv4")).toBe(count(one, "primary-ipv4") + 1);
    const edge = graphOf(topologyOf(two))
      .rows.flat()
      .find(({ id }) => id === "edge");
    expect(edge?.machines.map(({ name }) => name)).toEqual(["edge-1", "edge-2"]);
    expect(edge?.inside).toContainEqual(expect.objectContaining({ port: "VRRP" }));
  });

  it("want a token on a real cloud, which is never shown", () => {
    const real = {
      "hcloud:token": "t".repeat(64),
      "dukaan:operatorCidrs": ["198.51.100.7/32"],
      "dukaan:backup": "none",
      "dukaan:images": "none",
      "dukaan:sms": "log",
      "dukaan:loadBalancers": 2,
    };
    const problemsOf = (more: object) => parseSettings("prod", { ...real, ...more }).problems;
    expect(problemsOf({})).toMatchObject([{ path: "dukaan:failover" }]);
    const wrong = problemsOf({ "dukaan:failover": { token: "SENTINEL" } });
    expect(wrong).toMatchObject([{ path: "dukaan:failover.token" }]);
    expect(JSON.stringify(wrong)).not.toContain("SENTINEL");
    expect(problemsOf({ "dukaan:failover": { token } })).toBeUndefined();
    expect(problemsOf({ "dukaan:failover": { token }, "dukaan:floatingIp": false })).toMatchObject([
      { path: "dukaan:floatingIp" },
    ]);
  });
});

describe("from one load balancer to two and back", () => {
  const recorded: Record<"one" | "two" | "kept", RecordedResource[]> = { one: [], two: [], kept: [] };
  beforeAll(async () => {
    // The recorder records one program at a time.
    recorded.one = await recordResources(() => provision(one, artifacts), outputsOf);
    recorded.two = await recordResources(() => provision(two, artifacts), outputsOf);
    recorded.kept = await recordResources(() => provision(kept, artifacts), outputsOf);
  }, 120_000);
  const statefulOf = (resources: RecordedResource[]) =>
    new Map(
      resources
        .filter(({ type }) => [...stateful, floatingType].includes(type))
        // The recorder numbers what it records, from 1000 on.
        .map(({ urn, inputs }) => [urn, JSON.stringify(inputs).replaceAll(/\b1\d{3}\b/g, "id")]),
    );
  const floatingType = "hcloud:index/floatingIp:FloatingIp";

  it("nothing that others rely on is made anew", () => {
    const before = statefulOf(recorded.one);
    const pair = statefulOf(recorded.two);
    const after = statefulOf(recorded.kept);
    for (const [urn, inputs] of before) expect(pair.get(urn), urn).toBe(inputs);
    for (const [urn, inputs] of after) expect(pair.get(urn), urn).toBe(inputs);
    expect([...after.keys()].filter((urn) => urn.includes(floatingType))).toHaveLength(1);
    expect([...pair.keys()].filter((urn) => !after.has(urn)).every((urn) => /edge-2/.test(urn))).toBe(true);
  });

  it("the shared address is in the certificate of each, beside its own, and the token is wrapped", () => {
    const resources = recorded.two;
    for (const name of ["edge-1", "edge-2"]) {
      const certificate = resources.find((each) => each.type.endsWith(":Certificate") && each.name === name);
      expect(certificate?.inputs["ipAddresses"]).toContain("203.0.113.99");
      expect(certificate?.inputs["ipAddresses"]).toContain("203.0.113.10");
    }
    const roles = resources.filter(({ name }) => name.endsWith("-keepalived"));
    expect(roles).toHaveLength(2);
    expect(roles[1]?.dependencies).toContain(roles[0]?.urn);
    const file = (roles[0]!.inputs["files"] as Record<string, Record<string, unknown>>)[
      "/etc/dukaan/balancer.json"
    ];
    expect(file).toMatchObject({ mode: "0600", secret: true });
    // Pulumi's wrapper of a secret on the wire.
    expect(file?.["content"]).toHaveProperty("4dabf18193072939515e22adb298388d");
  });

  it("the address is not given up in passing", () => {
    const state = (settings: typeof two) => guarded(settings, topologyOf(settings));
    expect(stageChange(state(one), state(two))).toBeUndefined();
    expect(stageChange(state(two), state(kept))).toBeUndefined();
    expect(stageChange(state(two), state(one))).toMatchObject({
      remedy: expect.stringContaining("dukaan:floatingIp") as string,
    });
    // Whoever has one balancer and takes the address away means it.
    expect(stageChange(state(kept), state(one))).toBeUndefined();
  });
});
