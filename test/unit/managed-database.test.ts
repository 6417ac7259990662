import { describe, expect, it } from "vitest";
import { machinesRunning } from "../../src/cli/commands/ssh.js";
import { planRotation } from "../../src/cli/logins.js";
import { backupWarning } from "../../src/cli/commands/backup.js";
import { graphOf } from "../../src/diagram/graph.js";
import { planText } from "../../src/diagram/plan.js";
import { describeEvolution, planEvolution } from "../../src/evolve/plan.js";
import { parseSettings } from "../../src/settings/parse.js";
import { type Guarded, changeToken, guarded, stageChange } from "../../src/topology/guard.js";
import { privateRules } from "../../src/topology/firewall.js";
import type { Topology } from "../../src/topology/topology.js";
import { topologyOf } from "../../stacks/index.js";
import { problemsOnAws, settingsOnAws } from "./on-aws.js";
import { backup, onThisComputer, settingsOf } from "./provisioned.js";

const split = { "dukaan:stage": "split" };
const managed = { ...split, "dukaan:managed": true };

describe("dukaan:managed", () => {
  it("needs no bucket for backups, and has a standby and a week of backups unless told otherwise", () => {
    expect(problemsOnAws(managed)).toEqual([]);
    expect(settingsOnAws(managed).managed).toEqual({ multiAz: true, backupDays: 7 });
    const other = { ...managed, "dukaan:multiAz": "false", "dukaan:backupDays": "14" };
    expect(settingsOnAws(other).managed).toEqual({ multiAz: false, backupDays: 14 });
    expect(settingsOnAws({ ...split, "dukaan:managed": false })).not.toHaveProperty("managed");
  });

  it.each([
    [{ "dukaan:stage": "droplet" }, /^dukaan:managed is true, and at stage droplet .*split/],
    [{ "dukaan:backup": backup }, /^dukaan:backup is a bucket .* AWS make them \| Remove it.*backupDays/],
    [{ "dukaan:joining": "droplet" }, /^dukaan:joining moves a database between servers/],
    [{ "dukaan:leaving": "droplet" }, /^dukaan:leaving moves a database between servers/],
    [
      { "dukaan:databaseServerType": "c6i.large" },
      /^dukaan:databaseServerType is c6i\.large, which RDS.*t3\.micro/,
    ],
    [{ "dukaan:serverType": "t3.nano" }, /^dukaan:databaseServerType is t3\.nano, which RDS does not have/],
    [{ "dukaan:databaseVolume": 10 }, /^dukaan:databaseVolume is 10 GB, and RDS gives 20 GB at least/],
    [{ "dukaan:backupDays": 6 }, /^dukaan:backupDays is 6; it must be >= 7/],
    [{ "dukaan:multiAz": "no" }, /^dukaan:multiAz is "no"; it must be boolean/],
  ])("%j with it is wrong, and nothing else", (more, message) => {
    expect(problemsOnAws({ ...managed, ...more })).toEqual([expect.stringMatching(message)]);
  });

  it("is AWS's alone, and so is what goes with it", () => {
    const own = (more: Record<string, unknown>) =>
      (
        parseSettings("lab", { ...onThisComputer, "hcloud:token": "t".repeat(64), ...split, ...more })
          .problems ?? []
      ).map(({ path, reason }) => `${path} ${reason}`);
    expect(own({ "dukaan:managed": true })).toEqual([
      "dukaan:managed is true, and hetzner runs no databases for its customers",
    ]);
    expect(own({ "dukaan:multiAz": true, "dukaan:backupDays": 14 })).toEqual([
      "dukaan:multiAz is for a database that AWS runs, and dukaan:managed is not set",
      "dukaan:backupDays is for a database that AWS runs, and dukaan:managed is not set",
    ]);
  });

  it("lets the database have ARM's sizes, which the stack's own servers cannot have", () => {
    expect(problemsOnAws({ ...managed, "dukaan:databaseServerType": "t4g.medium" })).toEqual([]);
    expect(problemsOnAws({ ...managed, "dukaan:serverType": "t4g.medium" })).toEqual([
      expect.stringMatching(/^dukaan:serverType is t4g\.medium, an ARM server/),
    ]);
  });
});

describe("the topology of a stack whose database AWS runs", () => {
  const topology = topologyOf(settingsOnAws({ ...managed, "dukaan:stage": "fleet" }));

  it("has the database beside the machines, with the same service and the same flows", () => {
    const own = topologyOf(settingsOnAws({ "dukaan:stage": "fleet" }));
    expect(topology.managedDatabase).toEqual({
      name: "database",
      region: "us-east-1",
      tier: "database",
      service: "postgresql",
      version: "15",
      instanceClass: "db.t3.medium",
      cores: 2,
      memoryMiB: 4096,
      storageGB: 20,
      multiAz: true,
      backupDays: 7,
    });
    expect(topology.flows).toEqual(own.flows);
    expect(topology.services.find(({ name }) => name === "postgresql")).toEqual({
      name: "postgresql",
      machines: [],
      stateful: true,
    });
    expect(topology.machines).toEqual(own.machines.filter(({ tier }) => tier !== "database"));
    const ranges = ({ regions }: Topology) =>
      regions.flatMap(({ subnets }) => subnets).map(({ range }) => range);
    expect(ranges(topology).toSorted()).toEqual(ranges(own).toSorted());
    expect(own).not.toHaveProperty("managedDatabase");
  });

  it("opens no machine's private side for it", () => {
    for (const machine of topology.machines) {
      expect(privateRules(topology, machine).filter(({ port }) => port === 5432)).toEqual([]);
    }
  });

  it("is drawn and told with it", () => {
    const graph = graphOf(topology);
    expect(graph.rows.at(-1)).toMatchObject([
      {
        id: "database",
        title: "Provider's database",
        size: "db.t3.medium · 2 cores · 4 GB · 20 GB disk",
        volume: "postgresql 15, standby in another zone",
        services: [{ name: "postgresql", stateful: true }],
        machines: [],
      },
    ]);
    const edge = graph.edges.find(({ to }) => to === "database");
    expect(edge).toMatchObject({ from: "app", labels: [{ port: "5432" }, { port: "5432" }] });
    expect(planText(topology)).toContain(
      "postgresql 15 on db.t3.medium (20 GB, standby in another zone, 7 days of backups)",
    );
    const alone = topologyOf(settingsOnAws({ ...managed, "dukaan:multiAz": false }));
    expect(planText(alone)).toContain("(20 GB, no standby, 7 days of backups)");
  });
});

describe("a stack that is up", () => {
  const at = (raw: Record<string, unknown>): Guarded => {
    const settings = settingsOnAws(raw);
    return guarded(settings, topologyOf(settings));
  };
  const refusal = (from: Guarded, to: Guarded) => stageChange(from, to)?.reason;

  it("keeps who runs its database", () => {
    const expected = /database would be run by AWS instead of the stack, and the new one would start empty/;
    expect(refusal(at(split), at(managed))).toMatch(expected);
    expect(refusal(at({}), at(managed))).toMatch(expected);
    expect(stageChange(at({}), at(managed))?.remedy).toContain(
      "dukaan:managed back, and dukaan:stage to droplet",
    );
    expect(refusal(at(managed), at(split))).toMatch(/run by the stack instead of AWS/);
    expect(changeToken(at(split), at(managed))).toBe("managed:the stack>AWS");
  });

  it("may have a larger or more available database, and no smaller disk", () => {
    expect(
      stageChange(at(managed), at({ ...managed, "dukaan:databaseServerType": "t3.large" })),
    ).toBeUndefined();
    expect(stageChange(at(managed), at({ ...managed, "dukaan:multiAz": false }))).toBeUndefined();
    const large = at({ ...managed, "dukaan:databaseVolume": 100 });
    expect(stageChange(at(managed), large)).toBeUndefined();
    expect(stageChange(large, at(managed))).toEqual({
      reason: "the database's storage would shrink from 100 to 20 GB, which AWS cannot do",
      remedy: "Put dukaan:databaseVolume back to 100.",
    });
  });

  it("is guarded on Hetzner by what it was", () => {
    const settings = settingsOf({ ...onThisComputer, ...split });
    expect(guarded(settings, topologyOf(settings))).not.toHaveProperty("managedDatabase");
  });

  it("goes to stage fleet and back with the database where it is, without backups of the stack's own", () => {
    const evolution = planEvolution(settingsOnAws(managed), "fleet");
    expect(evolution.moves).toBeUndefined();
    expect(evolution.steps.map(({ name }) => name)).toEqual(["settle"]);
    expect(evolution.creates.map(({ name }) => name)).toEqual(["app-2", "edge-1"]);
    expect(describeEvolution(evolution)).not.toContain("backup");
    expect(planEvolution(settingsOnAws(split), "fleet").steps.map(({ name }) => name)).toEqual([
      "settle",
      "backup-after",
    ]);
  });

  it("says of commands that want the database's machine who does it instead", async () => {
    const access = {
      targets: { "app-1": "root@203.0.113.10" },
      services: { api: ["app-1"], postgresql: [] },
      options: [],
      onAws: true,
    };
    expect(() => machinesRunning(access, "postgresql")).toThrow(
      "the provider runs this stack's postgresql, and no machine of the stack does",
    );
    expect(await backupWarning(access)).toBeUndefined();
    expect(Object.keys(machinesRunning(access, "api"))).toEqual(["app-1"]);
  });

  it("gets another login for the app as a database of its own does", () => {
    const urn = (number: number) =>
      `urn:pulumi:test::dukaan::dukaan:index:Environment$dukaan:index:ManagedDatabase$random:index/randomPassword:RandomPassword::database-login-${number}`;
    const resources = [{ type: "random:index/randomPassword:RandomPassword", urn: urn(1) }];
    expect(planRotation([1], resources)).toEqual({ number: 2, user: "shop_2", both: [2, 1] });
  });
});
