import { beforeAll, describe, expect, it } from "vitest";
import { graphOf } from "../../src/diagram/graph.js";
import { planText } from "../../src/diagram/plan.js";
import { describeEvolution, planEvolution } from "../../src/evolve/plan.js";
import { mostAppServers } from "../../src/settings/schema.js";
import { databaseClasses } from "../../src/topology/aws-catalog.js";
import { serverType } from "../../src/topology/catalog.js";
import { appServersAtMost, mostAppServersOf, poolSize } from "../../src/topology/connections.js";
import { arrivalRules } from "../../src/topology/firewall.js";
import { securityGroups } from "../../src/topology/security-groups.js";
import { memberOf, servicesOn } from "../../src/topology/topology.js";
import { topologyOf } from "../../stacks/index.js";
import { onlyAws, problemsOnAws, recordOnAws, settingsOnAws, statementsOf, tableOf } from "./on-aws.js";
import { short } from "./provisioned.js";
import type { RecordedResource } from "./record-resources.js";

const behindBalancer = {
  "dukaan:stage": "fleet",
  "dukaan:managed": true,
  "dukaan:loadBalancer": "managed",
};
const grouped = { ...behindBalancer, "dukaan:appServers": 3, "dukaan:appServersMost": 8 };

describe("dukaan:appServersMost", () => {
  it("needs a database and a load balancer of AWS's, and more than the fewest", () => {
    expect(problemsOnAws(grouped)).toEqual([]);
    expect(settingsOnAws(grouped)).toMatchObject({ appServers: 3, appServersMost: 8 });
    expect(settingsOnAws(behindBalancer)).not.toHaveProperty("appServersMost");
  });

  it.each([
    [
      { "dukaan:managed": false, "dukaan:backup": "none" },
      /^dukaan:appServersMost is set, .*database that AWS runs.*dukaan:managed to true/,
    ],
    [{ "dukaan:loadBalancer": "haproxy" }, /^dukaan:appServersMost is set, .*load balancer.*to managed/],
    [{ "dukaan:appServers": 8 }, /^dukaan:appServersMost is 8, .*8 app servers at least .*Use 9 or more/],
    [{ "dukaan:appServers": 1 }, /^dukaan:appServers is 1, .*beside the first.*Use 2 or more/],
    [{ "dukaan:appServersMost": 2 }, /^dukaan:appServersMost is 2; it must be >= 3/],
    [{ "dukaan:appServersMost": 21 }, /^dukaan:appServersMost is 21; it must be <= 20/],
  ])("%j with it is wrong, and nothing else", (more, message) => {
    expect(problemsOnAws({ ...grouped, ...more })).toEqual([expect.stringMatching(message)]);
  });

  it("is no more than every database of AWS's has connections for, also while machines are replaced", () => {
    const most = appServersAtMost(
      { groups: [{ name: "", like: "", least: 1, most: mostAppServers - 1 }] },
      1,
    );
    for (const size of databaseClasses.keys())
      expect(mostAppServersOf(serverType(size))).toBeGreaterThanOrEqual(most);
  });

  it("is AWS's alone", () => {
    const hetzner = {
      "dukaan:provider": "hetzner",
      "dukaan:location": "fsn1",
      "hcloud:token": "t".repeat(64),
    };
    expect(problemsOnAws({ ...grouped, ...hetzner }).join("\n")).toMatch(
      /dukaan:appServersMost is set, and hetzner starts no servers by itself/,
    );
  });
});

describe("a fleet whose app servers but the first are in a group", () => {
  const topology = topologyOf(settingsOnAws(grouped));
  const [group] = topology.groups!;

  it("has one named app server, and a group for the others", () => {
    expect(topology.machines.map(({ name }) => name)).toEqual(["app-1"]);
    expect(topology.groups).toEqual([{ name: "app-group", like: "app-1", least: 2, most: 7 }]);
  });

  it("has none at the stages before, nor without the setting", () => {
    expect(topologyOf(settingsOnAws({ ...grouped, "dukaan:stage": "split" }))).not.toHaveProperty("groups");
    expect(topologyOf(settingsOnAws(behindBalancer))).not.toHaveProperty("groups");
  });

  it("keeps the group while visitors may still come by the load balancer", () => {
    const back = topologyOf(
      settingsOnAws({ ...grouped, "dukaan:stage": "split", "dukaan:leaving": "fleet" }),
    );
    expect(back.groups).toEqual(topology.groups);
  });

  it("runs the same services on each machine of the group, behind the same firewalls", () => {
    const member = memberOf(topology, group!);
    expect(servicesOn(topology, member.name)).toEqual(servicesOn(topology, "app-1"));
    expect(arrivalRules(topology, member)).toEqual(arrivalRules(topology, topology.machines[0]!));
    // The tier's security group is theirs, so nothing but a machine's own rules differs.
    const without = topologyOf(settingsOnAws({ ...grouped, "dukaan:appServersMost": undefined }));
    expect(securityGroups(topology, "us-east-1")).toEqual(securityGroups(without, "us-east-1"));
  });

  it("is made and taken away by evolve, which leaves the first server where it is", () => {
    const split = settingsOnAws({ ...grouped, "dukaan:stage": "split" });
    expect(describeEvolution(planEvolution(split, "fleet"))).toMatch(
      /makes +app-group \(2 to 7 t3\.medium\)\n/,
    );
    expect(describeEvolution(planEvolution(settingsOnAws(grouped), "split"))).toMatch(
      /makes +nothing\n +moves +nothing\n +retires +app-group \(2 to 7 t3\.medium\)\n/,
    );
  });

  it("is in the plan and in the picture", () => {
    expect(planText(topology)).toMatch(/app-group \(2 to 7\) .*t3\.medium.*any of its subnets'.*nginx, api/);
    expect(JSON.stringify(graphOf(topology))).toContain(
      "and 2 to 7 more like it, as the load asks for (app-group)",
    );
  });
});

describe("the resources of a group of app servers", () => {
  let resources: RecordedResource[];
  beforeAll(async () => {
    resources = await recordOnAws(grouped);
  });

  const inputsOf = (type: string) =>
    resources.filter((one) => short(one.type) === type).map(({ inputs }) => inputs);

  it("are what their table says", async () => {
    await expect(tableOf(onlyAws(resources))).toMatchFileSnapshot("aws-fleet-group.txt");
  });

  it("may read what machines boot from, and say that they have, and nothing else", async () => {
    const ofRole = resources.filter(({ type }) => short(type) === "RolePolicy");
    await expect(statementsOf(ofRole)).toMatchFileSnapshot("aws-group-statements.txt");
    const granting = resources
      .filter(({ type }) => type.startsWith("aws:iam/"))
      .map(({ type }) => short(type));
    expect(granting.toSorted()).toEqual(["InstanceProfile", "Role", "RolePolicy"]);
  });

  it("leave AWS to decide how many there are, and an instance refresh which version they have", () => {
    const group = resources.find(({ type }) => short(type) === "Group");
    expect(group?.inputs).toMatchObject({ minSize: 2, maxSize: 7, healthCheckType: "ELB" });
    expect(group?.inputs).not.toHaveProperty("desiredCapacity");
    expect(group?.inputs).not.toHaveProperty("instanceRefresh");
    expect(inputsOf("InstanceRefresh")).toEqual([
      expect.objectContaining({
        group: "dukaan-test-app-group",
        least: 2,
        alarms: ["dukaan-test-app-group-failures"],
      }),
    ]);
  });

  it("are watched by no alarm while the stack stays at a release after a rollback", async () => {
    const held = await recordOnAws({ ...grouped, "dukaan:release": "a".repeat(64) });
    const refresh = held.find(({ type }) => short(type) === "InstanceRefresh");
    expect(refresh?.inputs).toMatchObject({ alarms: [] });
  });

  it("become a package when the release is good on the first server, and not before", () => {
    const boot = resources.find(({ type }) => short(type) === "BootPackage");
    expect(boot?.inputs).toMatchObject({ after: ["0123456789ab"] });
  });

  it("have no secret in user-data, which AWS shows to who may look", () => {
    const [template] = inputsOf("LaunchTemplate");
    const script = Buffer.from(template?.["userData"] as string, "base64").toString();
    expect(script).toMatch(/^#!\/bin\/sh\n/);
    expect(script).not.toMatch(/PRIVATE KEY|postgresql:\/\/|SESSION_SECRET/);
    expect(script.length).toBeLessThan(16_384);
  });

  it("share out the database's connections among as many app servers as there may be while they are replaced", () => {
    const pools = resources
      .filter(({ type, inputs }) => short(type) === "Role" && inputs["name"] === "pgbouncer")
      .map(({ inputs }) => JSON.stringify(inputs["files"]));
    const { managedDatabase } = topologyOf(settingsOnAws(grouped));
    expect(pools).toHaveLength(1);
    expect(pools[0]).toMatch(new RegExp(`pool_size ?= ?${poolSize(managedDatabase!, 1 + 9)}\\b`));
  });
});
