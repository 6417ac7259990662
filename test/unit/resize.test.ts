import { describe, expect, it } from "vitest";
import type { StateResource } from "../../src/cli/recovery/state.js";
import { notIn } from "../../src/cli/evolution.js";
import { resizes } from "../../src/cli/resize.js";
import { guarded } from "../../src/topology/guard.js";
import { topologyOf } from "../../stacks/index.js";
import { settingsOnAws } from "./on-aws.js";
import { onThisComputer, settingsOf } from "./provisioned.js";

const fleet = (more: Record<string, unknown> = {}) =>
  settingsOf({ ...onThisComputer, "dukaan:stage": "fleet", "dukaan:serverType": "cx23", ...more });

/** What the state of a stack with these settings has. */
function stateOf(settings: ReturnType<typeof fleet>): StateResource[] {
  const topology = topologyOf(settings);
  const prefix = "urn:pulumi:test::dukaan::dukaan:index:Environment$hcloud:index/server:Server";
  return [
    {
      urn: "urn:pulumi:test::dukaan::dukaan:index:Stage::stage",
      type: "dukaan:index:Stage",
      inputs: { ...guarded(settings, topology) },
    },
    ...topology.machines.map(({ name, serverType }) => ({
      urn: `${prefix}::${name}`,
      type: "hcloud:index/server:Server",
      inputs: { serverType },
    })),
  ];
}

describe("servers that get another size one after the other", () => {
  const resized = (before: ReturnType<typeof fleet>, after: ReturnType<typeof fleet>) =>
    resizes(stateOf(before), after, topologyOf(after)).map(({ machine }) => machine);

  it("are those that stand in for one another", () => {
    const before = fleet({ "dukaan:appServers": 3 });
    const after = fleet({ "dukaan:appServers": 3, "dukaan:serverType": "cx33" });
    expect(resized(before, after)).toEqual(["app-1", "app-2", "app-3"]);
  });

  it("are an AWS stack's instances as well, and not the one that its network has for itself", () => {
    const onAws = (serverType: string) =>
      settingsOnAws({ "dukaan:stage": "fleet", "dukaan:serverType": serverType, "dukaan:nat": "instance" });
    const [before, after] = [onAws("t3.medium"), onAws("t3.large")];
    const type = "aws:ec2/instance:Instance";
    const parent = "urn:pulumi:test::dukaan::dukaan:index:Environment$dukaan:index:Region";
    const [guard, ...machines] = stateOf(before);
    const state = [
      guard!,
      ...machines.map(({ urn, inputs }) => ({
        urn: `${parent}$dukaan:index:Machine$${type}::${urn.split("::").at(-1)}`,
        type,
        inputs: { instanceType: inputs?.["serverType"] },
      })),
      { urn: `${parent}$${type}::us-east-1-nat`, type, inputs: { instanceType: "t3.nano" } },
    ];
    const machinesOf = (settings: ReturnType<typeof fleet>) =>
      resizes(state, settings, topologyOf(settings)).map(({ machine }) => machine);
    expect(machinesOf(after)).toEqual(["app-1", "app-2"]);
    expect(machinesOf(before)).toEqual([]);
    const droplet = settingsOnAws({ "dukaan:stage": "droplet" });
    expect(notIn(topologyOf(droplet), state).map(({ urn }) => urn.split("::").at(-1))).toEqual([
      "app-2",
      "database-1",
      "edge-1",
    ]);
  });

  it("are none when nothing changes, nor those that are new", () => {
    expect(resized(fleet(), fleet())).toEqual([]);
    const more = fleet({ "dukaan:appServers": 3, "dukaan:serverType": "cx33" });
    expect(resized(fleet(), more)).toEqual(["app-1", "app-2"]);
  });

  it("are none where one is alone", () => {
    const one = { "dukaan:appServers": 1 };
    expect(resized(fleet(one), fleet({ ...one, "dukaan:serverType": "cx33" }))).toEqual([]);
  });

  it("are none when the guard refuses the change, which `up` then says", () => {
    const larger = fleet({ "dukaan:serverType": "cx33" });
    expect(resized(larger, fleet())).toEqual([]);
  });
});
