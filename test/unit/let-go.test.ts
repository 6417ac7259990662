import { describe, expect, it } from "vitest";
import { requireSettingsOf } from "../../src/cli/let-go.js";

const database = {
  type: "aws:rds/instance:Instance",
  urn: "urn:pulumi:aws::dukaan::aws:rds/instance:Instance::database",
  inputs: { deletionProtection: true },
};
const balancer = {
  type: "aws:lb/loadBalancer:LoadBalancer",
  urn: "urn:pulumi:aws::dukaan::aws:lb/loadBalancer:LoadBalancer::load-balancer",
  inputs: { enableDeletionProtection: true },
};

describe("what AWS is to let go of before a stack is destroyed", () => {
  it("is refused where the settings no longer have it: an update would reach it no more", () => {
    const { "dukaan:managed": managed, ...others } = {
      "dukaan:managed": true,
      "dukaan:loadBalancer": "managed",
    };
    const all = [database, balancer];
    expect(() => requireSettingsOf(all, { ...others, "dukaan:managed": managed })).not.toThrow();
    expect(() => requireSettingsOf(all, others)).toThrow(
      /^database is there because dukaan:managed was true/,
    );
    expect(() => requireSettingsOf(all, { "dukaan:managed": "true" })).toThrow(
      /^load-balancer is there because dukaan:loadBalancer was managed/,
    );
  });

  it("is nothing where AWS does not protect it, nor at Hetzner", () => {
    const open = { ...database, inputs: { deletionProtection: false } };
    const hetzner = { ...balancer, type: "hcloud:index/loadBalancer:LoadBalancer" };
    expect(() => requireSettingsOf([open, hetzner], {})).not.toThrow();
  });
});
