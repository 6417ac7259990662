import { describe, expect, it } from "vitest";
import { parseSettings } from "../../src/settings/parse.js";
import { locations } from "../../src/topology/catalog.js";
import { markets } from "../../src/topology/regions.js";
import { onThisComputer } from "./provisioned.js";

const aws = {
  "dukaan:provider": "aws",
  "dukaan:location": "us-east-1",
  "dukaan:backup": "none",
  "dukaan:images": "none",
  "dukaan:sms": "log",
};
const planned = (more: Record<string, unknown> = {}) => parseSettings("shop", { ...aws, ...more });
const problemsOf = (more: Record<string, unknown>) =>
  Object.fromEntries(
    (planned(more).problems ?? []).map(({ path, reason, remedy }) => [path, `${reason} | ${remedy}`]),
  );

describe("settings of a stack on AWS", () => {
  it("are good for planning, with sizes of AWS's own and without a token of Hetzner's", () => {
    expect(planned().settings).toMatchObject({
      provider: "aws",
      location: "us-east-1",
      serverType: "t3.medium",
      databaseServerType: "t3.medium",
      local: false,
    });
    expect(planned({ "dukaan:nat": "gateway" }).settings).toMatchObject({ nat: "gateway" });
    expect(planned({ "dukaan:nat": "none" }).settings).not.toHaveProperty("nat");
  });

  it("are good for bringing a stack up, at each stage that is built", () => {
    for (const stage of ["droplet", "split", "fleet"]) {
      expect(parseSettings("shop", { ...aws, "dukaan:stage": stage }).settings).toMatchObject({
        provider: "aws",
        stage,
      });
    }
  });

  it.each([
    [{ "dukaan:location": "fsn1" }, "dukaan:location", /fsn1, which is not a location of aws.*us-east-1/],
    [{ "dukaan:serverType": "cx23" }, "dukaan:serverType", /not a size of aws's.*t3\.medium/],
    [{ "dukaan:databaseServerType": "cx23" }, "dukaan:databaseServerType", /not a size of aws's/],
    [{ "dukaan:serverType": "t4g.medium" }, "dukaan:serverType", /an ARM server.*t3\.medium/],
    [{ "dukaan:loadBalancers": 2 }, "dukaan:loadBalancers", /on AWS no address goes.*Set it to 1/],
    [{ "dukaan:floatingIp": true }, "dukaan:floatingIp", /on AWS no address goes.*Remove it/],
    [{ "dukaan:publicIpv4": "entries" }, "dukaan:publicIpv4", /for Hetzner.*dukaan:nat/],
    [{ "dukaan:nat": "yes" }, "dukaan:nat", /allowed are none, instance, gateway/],
    [{ "dukaan:stage": "replicas" }, "dukaan:stage", /not built yet/],
    [{ "dukaan:local": true }, "dukaan:provider", /the local cloud is a Hetzner Cloud/],
  ])("%j is wrong", (more, path, message) => {
    expect(problemsOf(more)[path]).toMatch(message);
  });

  it("are AWS's alone: Hetzner has neither its locations nor its sizes nor NAT", () => {
    const more = {
      "dukaan:location": "us-east-1",
      "dukaan:serverType": "t3.medium",
      "dukaan:nat": "gateway",
    };
    const { problems = [] } = parseSettings("lab", {
      ...onThisComputer,
      ...more,
      "hcloud:token": "t".repeat(64),
    });
    expect(problems.map(({ path }) => path)).toEqual(["dukaan:location", "dukaan:serverType", "dukaan:nat"]);
  });
});

describe("the regions of AWS", () => {
  const onAws = locations.filter(({ provider }) => provider === "aws");

  it("are those that markets are served from, each with two zones of its own", () => {
    expect(onAws.map(({ name }) => name).toSorted()).toEqual(markets.map(({ aws: name }) => name).toSorted());
    for (const { name, availabilityZones = [] } of onAws) {
      expect(
        availabilityZones.filter((zone) => zone.startsWith(name) && zone.length === name.length + 1),
      ).toHaveLength(2);
      expect(new Set(availabilityZones).size).toBe(2);
    }
  });
});
