import { describe, expect, it } from "vitest";
import { anyStack } from "../../src/settings/any-stack.js";
import type { Settings } from "../../src/settings/schema.js";
import { serverTypes } from "../../src/topology/catalog.js";
import { cloudRules, privateRules } from "../../src/topology/firewall.js";
import { changeToken, stageChange } from "../../src/topology/guard.js";
import { machineNamed, machinesOf, servicesOn } from "../../src/topology/topology.js";
import { topologyOf } from "../../stacks/index.js";

const settings: Settings = {
  ...anyStack,
  stack: "lab",
  local: true,
  serverType: "local-512",
  databaseServerType: "local-512",
  operatorCidrs: ["198.51.100.7/32"],
};

describe("stage droplet", () => {
  const topology = topologyOf(settings);

  it("is one machine that runs everything", () => {
    expect(topology.machines).toHaveLength(1);
    expect(topology.machines[0]).toMatchObject({
      name: "app-1",
      hostname: "lab-app-1",
      privateAddress: "10.10.2.10",
      memoryMiB: 512,
    });
    expect(servicesOn(topology, "app-1")).toEqual(["system", "nginx", "api", "pgbouncer", "postgresql"]);
  });

  it("is the same value, byte for byte, for the same settings", () => {
    expect(JSON.stringify(topologyOf({ ...settings }))).toBe(JSON.stringify(topology));
    expect(JSON.parse(JSON.stringify(topology))).toEqual(topology);
  });

  it("cannot be changed", () => {
    expect(Object.isFrozen(topology)).toBe(true);
    expect(Object.isFrozen(topology.machines[0])).toBe(true);
    expect(Object.isFrozen(topology.outside.operators)).toBe(true);
  });

  it("names only services, machines and parties that there are", () => {
    for (const { from, to } of topology.flows) {
      for (const party of [from, to]) {
        if (party === "world" || party === "operators") continue;
        expect(machinesOf(topology, party).length).toBeGreaterThan(0);
      }
    }
    for (const { service } of topology.entries) machinesOf(topology, service);
    expect(() => machineNamed(topology, "app-2")).toThrow("no machine app-2");
  });

  it("opens web ports to all and SSH to operators, and lets out what a server needs", () => {
    const rules = cloudRules(topology, "app").map(
      ({ direction, protocol, port, remotes }) =>
        `${direction} ${protocol} ${port ?? ""} ${remotes.join(" ")}`,
    );
    expect(rules).toEqual([
      "in tcp 443 0.0.0.0/0 ::/0",
      "in tcp 80 0.0.0.0/0 ::/0",
      "in tcp 22 198.51.100.7/32",
      "in icmp  0.0.0.0/0 ::/0",
      "out tcp 443 0.0.0.0/0 ::/0",
      "out tcp 80 0.0.0.0/0 ::/0",
      "out udp 53 0.0.0.0/0 ::/0",
      "out tcp 53 0.0.0.0/0 ::/0",
      "out udp 123 0.0.0.0/0 ::/0",
      "out icmp  0.0.0.0/0 ::/0",
    ]);
    expect(privateRules(topology, machineNamed(topology, "app-1"))).toEqual([]);
  });

  it("puts the domain into certificate and entry", () => {
    const named = topologyOf({ ...settings, domain: "shop.example.com" });
    expect(named.machines[0]?.dnsNames).toEqual(["shop.example.com"]);
    expect(named.entries[0]?.domain).toBe("shop.example.com");
  });
});

describe("the database's volume", () => {
  it("is on the database's machine alone, from stage split on", () => {
    const wanted = { ...settings, databaseVolume: 20 };
    expect(topologyOf(wanted).volumes).toEqual([]);
    const volumes = [{ name: "database-1-data", machine: "database-1", sizeGB: 20 }];
    expect(topologyOf({ ...wanted, stage: "split" }).volumes).toEqual(volumes);
    // It is there before the stage is: the data comes to it.
    expect(topologyOf({ ...wanted, joining: "split" }).volumes).toEqual(volumes);
    expect(topologyOf({ ...settings, stage: "split" }).volumes).toEqual([]);
  });
});

describe("catalog", () => {
  it("has each server type once, with a size", () => {
    expect(new Set(serverTypes.map(({ name }) => name)).size).toBe(serverTypes.length);
    for (const { cores, memoryMiB, diskGB } of serverTypes) {
      expect(Math.min(cores, memoryMiB, diskGB)).toBeGreaterThan(0);
    }
  });
});

describe("stageChange", () => {
  const old = {
    stage: "droplet",
    provider: "hetzner",
    location: "fsn1",
    image: "debian-12",
    addresses: { fsn1: "10.10.0.0/16" },
  };

  it("lets disks grow and machines come, and no disk shrink", () => {
    const small = { ...old, disks: { "app-1": 10 } };
    const large = { ...old, disks: { "app-1": 40, "database-1": 40 } };
    expect(stageChange(old, small)).toBeUndefined();
    expect(stageChange(small, large)).toBeUndefined();
    expect(stageChange(large, old)).toBeUndefined();
    const refusal = stageChange(large, small);
    expect(refusal?.reason).toContain("the disk of app-1 would shrink from 40 to 10 GB");
    expect(refusal?.remedy).toContain("./dukaan rebuild app-1");
    expect(changeToken(large, small)).toBe("disk/app-1:40>10");
    expect(stageChange(large, { ...small, token: "disk/app-1:40>10" })).toBeUndefined();
  });

  it("lets a volume come with its machine and grow, and nothing else that would leave data behind", () => {
    const app = { ...old, stage: "split", disks: { "app-1": 10 } };
    const own = { ...old, stage: "split", disks: { "app-1": 10, "database-1": 10 } };
    const on = (size: number) => ({ ...own, volumes: { "database-1": size } });
    expect(stageChange(app, on(20))).toBeUndefined();
    expect(stageChange(on(20), on(20))).toBeUndefined();
    expect(stageChange(on(20), on(30))).toBeUndefined();
    expect(stageChange(on(20), app)).toBeUndefined();
    expect(stageChange(own, on(20))?.reason).toMatch(/database-1 would move .* to an empty volume/);
    expect(stageChange(own, { ...on(20), token: "volume/database-1:0>20" })).toBeUndefined();
    expect(stageChange(own, on(20))?.remedy).toContain("./dukaan rebuild database-1");
    const onAws = { provider: "aws", location: "us-east-1" };
    const remedy = stageChange({ ...own, ...onAws }, { ...on(20), ...onAws })?.remedy;
    expect(remedy).toMatch(/second stack with a volume/);
    expect(remedy).not.toContain("rebuild");
    expect(stageChange(on(20), own)?.reason).toMatch(/volume of database-1 would be deleted/);
    expect(stageChange(on(20), on(19))?.reason).toMatch(/shrink from 20 to 19 GB/);
    for (const next of [own, on(19)])
      expect(stageChange(on(20), next)?.remedy).toContain("Put dukaan:databaseVolume back to 20");
  });

  it("lets logins of the database come, and the app's go only when another one took its place", () => {
    const first = { ...old, databaseLogins: [1] };
    const both = { ...old, databaseLogins: [2, 1] };
    const second = { ...old, databaseLogins: [2] };
    expect(stageChange(old, second)).toBeUndefined();
    expect(stageChange(first, both)).toBeUndefined();
    expect(stageChange(both, second)).toBeUndefined();
    expect(stageChange(both, { ...old, databaseLogins: [1, 2] })).toBeUndefined();
    for (const [from, to] of [
      [first, second],
      [both, first],
    ] as const) {
      const refusal = stageChange(from, to);
      expect(refusal?.reason).toMatch(/login shop_\d would be dropped while the app uses it/);
      expect(refusal?.remedy).toContain("./dukaan rotate database-password");
    }
  });

  it("refuses to close the way in that the public knows, in either direction", () => {
    const [split, fleet] = [
      { ...old, stage: "split" },
      { ...old, stage: "fleet" },
    ];
    for (const [from, to] of [
      [split, fleet],
      [fleet, split],
    ] as const) {
      const refusal = stageChange(from, to);
      expect(refusal?.reason).toMatch(/way in would move from \w+-1 to \w+-1/);
      expect(refusal?.remedy).toContain(`./dukaan evolve ${to.stage}`);
      expect(stageChange(from, { ...to, token: changeToken(from, to) })).toBeUndefined();
    }
  });

  it("lets pass what moves no data", () => {
    expect(stageChange(old, old)).toBeUndefined();
    expect(
      stageChange(old, { ...old, addresses: { ...old.addresses, ash: "10.11.0.0/16" } }),
    ).toBeUndefined();
    expect(stageChange({ ...old, stage: "fleet" }, { ...old, stage: "replicas" })).toBeUndefined();
  });

  it.each([
    [{ stage: "split" }, /from droplet to split.*start empty/, /\.\/dukaan evolve split/],
    [{ stage: "fleet" }, /from droplet to fleet.*start empty/, /\.\/dukaan evolve fleet/],
    [{ location: "nbg1" }, /hetzner\/fsn1 to hetzner\/nbg1.*deleted/, /second stack/],
    [{ provider: "aws" }, /hetzner\/fsn1 to aws\/fsn1/, /Put it back/],
    [{ image: "debian-13" }, /debian-12 to debian-13/, /\.\/dukaan rebuild/],
    [{ addresses: { fsn1: "10.20.0.0/16" } }, /10\.10\.0\.0\/16 to 10\.20\.0\.0\/16/, /networkCidr back/],
  ])("refuses %j and says what to do", (change, reason, remedy) => {
    const refusal = stageChange(old, { ...old, ...change });
    expect(refusal?.reason).toMatch(reason);
    expect(refusal?.remedy).toMatch(remedy);
  });

  it("names every refused change at once", () => {
    const refusal = stageChange(old, { ...old, stage: "split", image: "debian-13" });
    expect(refusal?.reason).toMatch(/split.*debian-13/);
  });

  it("lets one change pass with its own token, and no other", () => {
    const next = { ...old, stage: "split" };
    const token = changeToken(old, next);
    expect(token).toBe("stage:droplet>split");
    expect(stageChange(old, { ...next, token })).toBeUndefined();
    expect(stageChange(old, { ...next, image: "debian-13", token })).toBeDefined();
    expect(stageChange(next, { ...old, token })).toBeDefined();
  });
});
