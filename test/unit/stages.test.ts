import { describe, expect, it } from "vitest";
import { defaultAssumptions as assumptions } from "../../src/cost/assumptions.js";
import { sizeRegion } from "../../src/cost/sizing.js";
import { usages } from "../../src/cost/usage.js";
import { anyStack } from "../../src/settings/any-stack.js";
import type { Settings } from "../../src/settings/schema.js";
import { contains } from "../../src/topology/addresses.js";
import { markets } from "../../src/topology/regions.js";
import { type Stage, stages } from "../../src/topology/stages.js";
import { machinesOf } from "../../src/topology/topology.js";
import { plannedTopology, topologyOf } from "../../stacks/index.js";
import type { RegionPlan } from "../../stacks/plan.js";

const settings = (stage: Stage): Settings => ({ ...anyStack, stage, publicIpv4: "entries" });

function planned(stage: Stage, count = stage === "anycast" ? markets.length : 1) {
  const regions = markets
    .slice(0, count)
    .map(
      ({ name, hetzner }) =>
        sizeRegion(
          stage,
          usages.expected,
          assumptions.capacity,
          1 / count,
          { location: hetzner, market: name },
          "hetzner",
        ).plan,
    );
  return plannedTopology(settings(stage), regions as [RegionPlan, ...RegionPlan[]]);
}

describe.each(stages)("the plan of stage %s", (stage) => {
  const topology = planned(stage);

  it("is plain data, the same each time, and cannot be changed", () => {
    expect(JSON.parse(JSON.stringify(topology))).toEqual(topology);
    expect(JSON.stringify(planned(stage))).toBe(JSON.stringify(topology));
    expect(Object.isFrozen(topology.machines[0])).toBe(true);
  });

  it("names only what there is", () => {
    const parties = topology.flows.flatMap(({ from, to }) => [from, to]);
    for (const party of parties.filter((name) => name !== "world" && name !== "operators")) {
      expect(machinesOf(topology, party).length, party).toBeGreaterThan(0);
    }
    for (const { service } of [...topology.entries, ...(topology.loadBalancers ?? [])]) {
      expect(machinesOf(topology, service).length, service).toBeGreaterThan(0);
    }
    const names = new Set(topology.machines.map(({ name }) => name));
    expect(topology.volumes.filter(({ machine }) => !names.has(machine))).toEqual([]);
  });

  it("gives each machine a name and an address of its own, within its region", () => {
    const { machines, regions } = topology;
    expect(new Set(machines.map(({ hostname }) => hostname)).size).toBe(machines.length);
    expect(new Set(machines.map(({ privateAddress }) => privateAddress)).size).toBe(machines.length);
    for (const { region, tier, privateAddress } of machines) {
      const subnet = regions
        .find(({ name }) => name === region)
        ?.subnets.find((candidate) => candidate.tier === tier);
      expect(contains(subnet?.range ?? "", privateAddress), privateAddress).toBe(true);
    }
  });

  it("gives IPv4 to its entry alone, if that is wanted, and never takes it from the entry of the first stages", () => {
    const entries = machinesOf(topology, topology.entries[0]?.service ?? "");
    const first = topology.machines.filter(({ name }) => name === "app-1");
    expect(new Set(topology.machines.filter(({ publicIpv4 }) => publicIpv4))).toEqual(
      new Set([...entries, ...first]),
    );
  });
});

describe("from stage to stage", () => {
  const built = stages.map((stage) => planned(stage));

  it("keeps every service, except what the cluster takes over", () => {
    for (const [index, next] of built.entries()) {
      const before = built[index - 1]?.services.map(({ name }) => name) ?? [];
      expect(next.services.map(({ name }) => name)).toEqual(expect.arrayContaining(before));
    }
  });

  it("keeps the database's machines and their addresses from the split on", () => {
    const members = (index: number) =>
      machinesOf(built[index]!, "postgresql")
        .filter(({ region }) => region === "fsn1")
        .map(({ name, privateAddress }) => `${name} ${privateAddress}`);
    expect(members(1)).toEqual(["database-1 10.10.3.10"]);
    for (let index = 2; index < stages.length; index++) {
      expect(members(index)).toEqual(expect.arrayContaining(members(index - 1)));
    }
  });

  it("moves nothing when a region comes", () => {
    const few = planned("anycast", 8).machines.map(({ name, privateAddress }) => `${name} ${privateAddress}`);
    const more = planned("anycast").machines.map(({ name, privateAddress }) => `${name} ${privateAddress}`);
    expect(more).toEqual(expect.arrayContaining(few));
  });

  it("provisions only what is built", () => {
    expect(() => topologyOf(settings("anycast"))).toThrow("stage anycast is not built");
    const sizes = { app: { count: 1, serverType: "cx23" } };
    expect(plannedTopology(settings("droplet"), [{ location: "fsn1", sizes }])).toEqual(
      topologyOf(settings("droplet")),
    );
  });
});
