import { describe, expect, it } from "vitest";
import { describeEvolution, planEvolution } from "../../src/evolve/plan.js";
import { parseSettings } from "../../src/settings/parse.js";
import type { Settings } from "../../src/settings/schema.js";
import { addressesOf, privateRules } from "../../src/topology/firewall.js";
import { machineNamed, servicesOn } from "../../src/topology/topology.js";
import { topologyOf } from "../../stacks/index.js";

function settingsOf(raw: Record<string, unknown>): Settings {
  const { settings, problems } = parseSettings("lab", {
    "hcloud:token": "t".repeat(64),
    "hcloud:endpoint": "http://127.0.0.1:8470/v1",
    "dukaan:databaseServerType": "cx23",
    ...raw,
  });
  if (!settings) throw new Error(JSON.stringify(problems));
  return settings;
}

describe("the way from droplet to split", () => {
  const settings = settingsOf({ "dukaan:stage": "droplet" });
  const evolution = planEvolution(settings, "split");

  it("makes the database's machine, moves the database there, and retires no machine", () => {
    expect(evolution).toEqual({
      from: "droplet",
      to: "split",
      moves: { from: "app-1", to: "database-1" },
      creates: [{ name: "database-1", serverType: "cx23" }],
      retires: [],
      settings: {
        during: { stage: "droplet", joining: "split" },
        after: { stage: "split", leaving: "droplet" },
        finished: { stage: "split" },
      },
    });
    expect(describeEvolution(evolution)).toMatch(/moves +the database from app-1 to database-1/);
  });

  it("changes nothing of what serves while the standby joins", () => {
    const before = topologyOf(settings);
    const during = topologyOf({ ...settings, ...evolution.settings.during });
    expect(machineNamed(during, "app-1")).toEqual(machineNamed(before, "app-1"));
    expect(servicesOn(during, "app-1")).toEqual(servicesOn(before, "app-1"));
    expect(during.flows).toEqual(expect.arrayContaining([...before.flows]));
    expect(servicesOn(during, "database-1")).toEqual(["system", "postgresql-standby"]);
  });

  it("lets the standby reach the database, and the app the standby, and nobody else anything new", () => {
    const during = topologyOf({ ...settings, ...evolution.settings.during });
    const app = machineNamed(during, "app-1");
    const database = machineNamed(during, "database-1");
    expect(privateRules(during, app)).toEqual([
      { protocol: "tcp", port: 5432, sources: [database.privateAddress] },
    ]);
    expect(addressesOf(during, app, ["postgresql-standby"], ["postgresql"])).toEqual([
      database.privateAddress,
    ]);
    expect(addressesOf(during, app, ["pgbouncer", "api"], ["postgresql"])).toEqual([]);
    expect(addressesOf(during, database, ["pgbouncer", "api"], ["postgresql-standby"])).toEqual([
      app.privateAddress,
    ]);
  });
});

describe("the way back", () => {
  const settings = settingsOf({ "dukaan:stage": "split" });
  const evolution = planEvolution(settings, "droplet");

  it("keeps the database's machine until it is finished", () => {
    expect(evolution).toMatchObject({
      moves: { from: "database-1", to: "app-1" },
      creates: [],
      retires: [{ name: "database-1" }],
    });
    const names = (stage: Partial<Settings>) =>
      topologyOf({ ...settings, ...stage }).machines.map(({ name }) => name);
    expect(names(evolution.settings.during).toSorted()).toEqual(["app-1", "database-1"]);
    expect(names(evolution.settings.after).toSorted()).toEqual(["app-1", "database-1"]);
    expect(names(evolution.settings.finished)).toEqual(["app-1"]);
    const { services } = topologyOf({ ...settings, ...evolution.settings.after });
    expect(
      services.filter(({ machines }) => machines.includes("database-1")).map(({ name }) => name),
    ).toEqual(["system"]);
  });
});

describe("settings in the middle of a move", () => {
  it("give the plan of the whole way, from either end", () => {
    const middle = settingsOf({ "dukaan:stage": "droplet", "dukaan:joining": "split" });
    expect(planEvolution(middle, "split")).toEqual(planEvolution(settingsOf({}), "split"));
  });
});
