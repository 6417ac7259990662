import { describe, expect, it } from "vitest";
import { type DatabaseStatus, nextByBook, nextStep, type Running } from "../../src/evolve/databases.js";
import { describeEvolution, planEvolution } from "../../src/evolve/plan.js";
import { parseSettings } from "../../src/settings/parse.js";
import type { Settings } from "../../src/settings/schema.js";
import { addressesOf, privateRules } from "../../src/topology/firewall.js";
import { machineNamed, servicesOn } from "../../src/topology/topology.js";
import { topologyOf } from "../../stacks/index.js";
import { settingsOnAws } from "./on-aws.js";
import { fenced, primary, standby as idle } from "./scripted-side.js";

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
      playbook: "standby",
      steps: expect.any(Array),
      settings: {
        during: { stage: "droplet", joining: "split" },
        after: { stage: "split", leaving: "droplet" },
        finished: { stage: "split" },
      },
    });
    expect(describeEvolution(evolution)).toMatch(/moves +the database from app-1 to database-1/);
  });

  it("names its steps in their order, each with what is said when it begins", () => {
    expect(evolution.steps.map(({ name }) => name)).toEqual(
      "backup follow compare drain hold end take-over lead settle backup-after".split(" "),
    );
    expect(new Set(evolution.steps.map(({ says }) => says)).size).toBe(evolution.steps.length - 1);
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

describe("the way by the book", () => {
  const settings = settingsOf({ "dukaan:stage": "droplet" });
  const evolution = planEvolution(settings, "split", "book");
  const during = topologyOf({ ...settings, ...evolution.settings.during });

  it("says that the shop is closed, and how to go back", () => {
    const text = describeEvolution(evolution);
    expect(text).toMatch(/pause +seconds to minutes: the shop is closed/);
    expect(text).toContain("pg_dump, pg_restore");
    expect(text).toContain("./dukaan evolve split --abort");
    expect(evolution.steps.map(({ name }) => name)).toEqual(
      "backup follow shut make-read-only copy compare end open reopen settle backup-after".split(" "),
    );
  });

  it("has an empty database on the new machine, which reaches the old one and nothing else of it", () => {
    expect(evolution.settings).toEqual({
      during: { stage: "droplet", joining: "split", playbook: "book" },
      after: { stage: "split", leaving: "droplet" },
      finished: { stage: "split" },
    });
    expect(servicesOn(during, "database-1")).toEqual(["system", "postgresql-copy"]);
    const database = machineNamed(during, "database-1");
    expect(privateRules(during, machineNamed(during, "app-1"))).toEqual([
      { protocol: "tcp", port: 5432, sources: [database.privateAddress] },
    ]);
  });

  it("goes on by the way that it began with", () => {
    const middle = settingsOf({
      "dukaan:stage": "droplet",
      "dukaan:joining": "split",
      "dukaan:playbook": "book",
    });
    expect(planEvolution(middle, "split")).toEqual(evolution);
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

describe.each([
  ["split", "fleet", "app-1", "edge-1", "nginx", "haproxy"],
  ["fleet", "split", "edge-1", "app-1", "haproxy", "nginx"],
] as const)("the way from %s to %s", (from, to, oldEntry, newEntry, oldService, newService) => {
  const settings = settingsOf({ "dukaan:stage": from });
  const evolution = planEvolution(settings, to);
  const middle = topologyOf({ ...settings, ...evolution.settings.after });
  const finished = topologyOf({ ...settings, ...evolution.settings.finished });
  const open = (topology: typeof middle) =>
    topology.flows.flatMap((flow) =>
      flow.from === "world" && flow.protocol === "tcp" ? [[flow.to, flow.port]] : [],
    );

  it("moves the way in and no data", () => {
    expect(evolution.moves).toBeUndefined();
    expect(evolution.entry).toEqual({ from: oldEntry, to: newEntry });
    expect(describeEvolution(evolution)).toContain(`address    ${newEntry}'s instead of ${oldEntry}'s`);
  });

  it("says who changes the records of the shop's name: on AWS the stack that has them", () => {
    const zone = { "dukaan:domain": "shop.example.com", "dukaan:hostedZone": "example.com" };
    const told = (more: object) =>
      describeEvolution(planEvolution(settingsOnAws({ "dukaan:stage": from, ...more }), to));
    expect(told(zone)).toContain("The records of its\n             name in dukaan:hostedZone change with it");
    expect(told({})).toContain("A domain's record is\n             yours to change in between");
  });

  it("keeps the old way in open beside the new one until it is finished, and every machine", () => {
    expect(middle.entries[0]?.service).toBe(newService);
    for (const service of [oldService, newService]) {
      expect(open(middle)).toEqual(
        expect.arrayContaining([
          [service, 443],
          [service, 80],
        ]),
      );
    }
    expect(middle.machines.map(({ name }) => name).toSorted()).toEqual([
      "app-1",
      "app-2",
      "database-1",
      "edge-1",
    ]);
    expect(open(finished)).toEqual([
      [newService, 443],
      [newService, 80],
    ]);
    expect(finished).toEqual(topologyOf(settingsOf({ "dukaan:stage": to })));
  });

  it("takes no address from a machine that stays, also where only the entries have IPv4", () => {
    const sparing = { ...settings, publicIpv4: "entries" } as const;
    const withIpv4 = (change: Partial<Settings>) =>
      topologyOf({ ...sparing, ...change })
        .machines.filter(({ publicIpv4 }) => publicIpv4)
        .map(({ name }) => name);
    expect(withIpv4({})).toContain(oldEntry);
    expect(withIpv4(evolution.settings.after).toSorted()).toEqual(["app-1", "edge-1"]);
    expect(withIpv4(evolution.settings.finished)).toContain("app-1");
  });
});

describe("settings in the middle of a move", () => {
  it("give the plan of the whole way, from either end", () => {
    const middle = settingsOf({ "dukaan:stage": "droplet", "dukaan:joining": "split" });
    expect(planEvolution(middle, "split")).toEqual(planEvolution(settingsOf({}), "split"));
  });
});

describe("what comes next in a move", () => {
  const standby: Running = { ...idle, streaming: true };
  const stopped = { state: "stopped", starting: false, standby: true, asked: false } as const;

  it.each<[string, DatabaseStatus, DatabaseStatus, string]>([
    ["a standby that receives", primary, standby, "switch"],
    ["one that receives nothing now", primary, { ...standby, streaming: false }, "wait"],
    ["one that lacks WAL", primary, { ...standby, streaming: false, position: "0/2FFFFFF" }, "copy anew"],
    [
      "one with the oldest WAL there is",
      primary,
      { ...standby, streaming: false, position: "0/3000000" },
      "wait",
    ],
    [
      "one that went ahead on a timeline",
      primary,
      { ...standby, streaming: false, timeline: 2 },
      "copy anew",
    ],
    ["one of an older timeline", { ...primary, timeline: 2 }, { ...standby, streaming: false }, "wait"],
    ["a copy of another database", primary, { ...standby, system: "8" }, "copy anew"],
    ["a standby that is down", primary, stopped, "start"],
    ["a copy that was cut off", primary, { state: "unfinished" }, "copy anew"],
    ["a copy that was cut off, of one that has ended", fenced, { state: "unfinished" }, "refuse"],
    ["a primary that is down", { ...stopped, standby: false }, standby, "start"],
    ["an old one that was ended", fenced, standby, "take over"],
    ["an old one that was being ended", { ...fenced, clean: false }, standby, "put back"],
    [
      "a standby of another timeline than the one that ended",
      fenced,
      { ...standby, timeline: 2 },
      "put back",
    ],
    ["a standby that was asked", fenced, { ...standby, asked: true }, "take over"],
    ["a new primary", fenced, { ...primary, asked: true }, "lead"],
    ["a primary that nobody asked", fenced, primary, "refuse"],
    ["two primaries", primary, { ...primary, asked: true }, "refuse"],
    ["a standby that was asked while the old one lives", primary, { ...standby, asked: true }, "refuse"],
    [
      "an old one that is down while the new one was asked",
      { ...stopped, standby: false },
      { ...standby, asked: true },
      "refuse",
    ],
    ["an empty machine in place of the new one", fenced, { state: "none" }, "refuse"],
    ["an empty machine in place of the old one", { state: "none" }, standby, "refuse"],
  ])("%s", (_, old, next, go) => {
    expect(nextStep(old, next).go).toBe(go);
  });

  const reserved = (accepted: string | null) => ({ state: "reserved", accepted }) as const;
  const readOnly = { state: "read-only", by: "a", system: "7" } as const;

  it.each<[string, DatabaseStatus, DatabaseStatus, object]>([
    ["an open shop", primary, reserved(null), { go: "carry", old: primary }],
    ["a copy of a run that was cut off", readOnly, reserved(null), { go: "carry", old: readOnly }],
    ["a copy that everything is in", readOnly, reserved("a"), { go: "carry", old: readOnly, accepted: "a" }],
    ["a copy from before the shop was closed", readOnly, reserved("b"), { go: "carry", old: readOnly }],
    ["an old one that was ended", fenced, reserved("a"), { go: "open" }],
    ["a new one that is open", fenced, { ...primary, asked: true }, { go: "open" }],
    ["an old one that was ended without a copy", fenced, reserved(null), { go: "refuse" }],
    ["two that accept writes", primary, { ...primary, asked: true }, { go: "refuse" }],
    ["an empty machine in place of the old one", { state: "none" }, reserved("a"), { go: "refuse" }],
  ])("by the book: %s", (_, old, next, step) => {
    expect(nextByBook(old, next)).toMatchObject(step);
    expect("accepted" in nextByBook(old, next)).toBe("accepted" in step);
  });

  it("knows which WAL is gone beyond the first 4 GiB", () => {
    const lagging = { ...standby, streaming: false, position: "1/10000000" };
    const go = (oldest: string) => nextStep({ ...primary, position: "2/0", oldest }, lagging).go;
    expect(go("000000010000000100000010")).toBe("wait");
    expect(go("000000010000000100000011")).toBe("copy anew");
  });
});
