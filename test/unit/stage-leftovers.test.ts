import { describe, expect, it } from "vitest";
import { notIn, requireWaysIn } from "../../src/cli/evolution.js";
import { provision } from "../../src/provision.js";
import { topologyOf } from "../../stacks/index.js";
import { recordOnAws, settingsOnAws } from "./on-aws.js";
import { artifacts, onThisComputer, outputsOf, settingsOf } from "./provisioned.js";
import { recordResources } from "./record-resources.js";

const failover = { endpoint: "https://203.0.113.2:8443/v1", token: "t".repeat(64) };
const fleet = (more: Record<string, unknown>) =>
  settingsOf({ ...onThisComputer, "dukaan:stage": "fleet", "dukaan:failover": failover, ...more });

describe("what an up at another stage removes, and has to be unprotected for", () => {
  const left = async (before: ReturnType<typeof fleet>, after: ReturnType<typeof fleet>) => {
    const state = await recordResources(() => provision(before, artifacts), outputsOf);
    const found = notIn(topologyOf(after), state);
    return found.map(({ urn }) => urn.split("$").at(-1));
  };
  const split = settingsOf({ ...onThisComputer, "dukaan:stage": "split" });

  it("is the floating address with the balancers that had it in turn", async () => {
    const found = await left(fleet({ "dukaan:loadBalancers": 2 }), split);
    expect(found).toContain("hcloud:index/floatingIp:FloatingIp::shop");
  });

  it("is the provider's load balancer, also where no server goes", async () => {
    const found = await left(fleet({ "dukaan:loadBalancer": "managed", "dukaan:appServers": 1 }), split);
    expect(found).toEqual(["hcloud:index/loadBalancer:LoadBalancer::load-balancer"]);
  });

  it("is not to be removed while both ways in are open, whatever the settings say meanwhile", async () => {
    const managed = fleet({ "dukaan:loadBalancer": "managed" });
    const state = await recordResources(() => provision(managed, artifacts), outputsOf);
    const during = (settings: ReturnType<typeof fleet>) =>
      notIn(topologyOf({ ...settings, stage: "split", leaving: "fleet" }), state);
    expect(() => requireWaysIn(during(managed))).not.toThrow();
    expect(() => requireWaysIn(during(fleet({})))).toThrow(
      /load balancer \(load-balancer\) would be removed/,
    );
  });

  it("is on AWS its load balancer, and the subnets of a tier that goes", async () => {
    const from = async (before: Record<string, unknown>, after: Record<string, unknown>) => {
      const found = notIn(topologyOf(settingsOnAws(after)), await recordOnAws(before));
      return found.map(({ name }) => name).filter((name) => !name.startsWith("database-1"));
    };
    const managed = { "dukaan:stage": "fleet", "dukaan:loadBalancer": "managed", "dukaan:appServers": 1 };
    expect(await from(managed, { "dukaan:stage": "split" })).toEqual(["load-balancer"]);
    expect((await from({ "dukaan:stage": "split" }, { "dukaan:stage": "droplet" })).toSorted()).toEqual([
      "us-east-1-database-a",
      "us-east-1-database-b",
    ]);
    expect(await from(managed, managed)).toEqual([]);
  });

  it("is nothing where the stage keeps all of it", async () => {
    const both = fleet({ "dukaan:loadBalancers": 2 });
    expect(await left(both, both)).toEqual([]);
    const managed = fleet({ "dukaan:loadBalancer": "managed" });
    expect(await left(managed, managed)).toEqual([]);
  });
});
