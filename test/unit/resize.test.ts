import { describe, expect, it } from "vitest";
import type { StateResource } from "../../src/cli/recovery/state.js";
import { resizes } from "../../src/cli/resize.js";
import { guarded } from "../../src/topology/guard.js";
import { topologyOf } from "../../stacks/index.js";
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
