import { BlockList } from "node:net";
import { describe, expect, test } from "vitest";
import type { FirewallRule } from "../../local/machines/host.js";
import { type FirewalledMachine, firewallScript } from "../../local/machines/firewall.js";
import {
  addressesOf,
  instanceOf,
  machineLink,
  machineNamespace,
  networkNamespace,
  SLOTS,
} from "../../local/machines/instance.js";
import { gatewayOf, nextDevice } from "../../local/machines/private-networks.js";

describe("names and addresses of an instance", () => {
  test.each(["", "Lab", "1lab", "a_b", "abcdefghijklm", "lab.1", "../x"])(
    "%j is no instance's name",
    (name) => {
      expect(() => instanceOf(name, 0, "/home")).toThrow(/must start with a letter/);
    },
  );

  test.each([-1, 4, 0.5])("%d is no slot", (slot) => {
    expect(() => addressesOf(slot)).toThrow(/must be 0 to 3/);
  });

  test("names fit the kernel's 15 characters, ids included", () => {
    expect(instanceOf("abcdefghijkl", 0, "/home").world.length).toBeLessThanOrEqual(15);
    expect(machineLink("1234567890123").length).toBeLessThanOrEqual(15);
    expect(machineLink("lb1234567890123").length).toBeLessThanOrEqual(15);
    expect(() => machineLink("12345678901234")).toThrow(/1 to 13 digits/);
    expect(() => machineLink("m1")).toThrow(/1 to 13 digits/);
  });

  test("no instance's namespaces look like another's", () => {
    const names = ["lab", "lab-m1", "lab-n1"].flatMap((name) => {
      const instance = instanceOf(name, 0, "/home");
      return [instance.world, machineNamespace(instance, "1"), networkNamespace(instance, "1")];
    });
    expect(new Set(names).size).toBe(names.length);
  });

  test("slots do not overlap, and each holds its own link's addresses", () => {
    for (let slot = 0; slot < SLOTS; slot++) {
      const own = addressesOf(slot);
      const range = new BlockList();
      range.addSubnet(own.ipv4Range.split("/")[0] ?? "", 26, "ipv4");
      range.addSubnet(own.ipv6Range.split("/")[0] ?? "", 48, "ipv6");
      expect([
        range.check(own.hostIpv4),
        range.check(own.worldIpv4),
        range.check(own.hostIpv6, "ipv6"),
      ]).toEqual([true, true, true]);
      for (let other = 0; other < SLOTS; other++) {
        if (other === slot) continue;
        expect(range.check(addressesOf(other).hostIpv4)).toBe(false);
        expect(range.check(addressesOf(other).hostIpv6, "ipv6")).toBe(false);
      }
    }
  });
});

const attached = (device: string) => ({
  networkId: device,
  ip: "10.0.0.2",
  aliasIps: [],
  macAddress: "",
  device,
});

describe("private networks", () => {
  test.each([
    ["10.0.0.0/16", "10.0.0.1"],
    ["10.0.8.0/21", "10.0.8.1"],
    ["192.168.5.128/25", "192.168.5.129"],
  ])("the gateway of %s is %s", (range, gateway) => {
    expect(gatewayOf(range)).toBe(gateway);
  });

  test("interfaces are named in order, and a freed name is used again", () => {
    expect(nextDevice([])).toBe("enp7s0");
    expect(nextDevice([attached("enp7s0")])).toBe("enp8s0");
    expect(nextDevice([attached("enp8s0"), attached("enp9s0")])).toBe("enp7s0");
    expect(() => nextDevice(["enp7s0", "enp8s0", "enp9s0"].map(attached))).toThrow(/at most 3/);
  });
});

/** Lines of one chain of a script; undefined when it has no such chain. */
function chainOf(script: string, name: string): string[] | undefined {
  const body = new RegExp(`^chain ${name} \\{\n([^}]*)\n\\}`, "m").exec(script)?.[1];
  return body?.split("\n").map((line) => line.trim());
}

describe("the firewall's script", () => {
  const machine: FirewalledMachine = {
    id: "7",
    addresses: { ipv4: "203.0.113.10", ipv6Network: "2001:db8:0:7::/64" },
  };

  test("replaces the whole table, so that it is all or nothing", () => {
    expect(firewallScript([]).startsWith("table inet dukaan {}\ndelete table inet dukaan\n")).toBe(true);
  });

  test("no firewall: no chain of its own, but its sources are known", () => {
    const script = firewallScript([machine]);
    expect(chainOf(script, "in-m7")).toBeUndefined();
    expect(script).toContain('elements = { "m7" . 203.0.113.10 }');
    expect(script).toContain('elements = { "m7" . 2001:db8:0:7::/64 }');
  });

  test("inbound rules: each remote and protocol, then nothing", () => {
    const inbound: FirewallRule[] = [
      { protocol: "tcp", remotes: ["0.0.0.0/0", "::/0"], port: "80-85" },
      { protocol: "icmp", remotes: ["198.51.100.0/24", "2001:db8::/32"] },
      { protocol: "esp", remotes: ["192.0.2.1/32"] },
    ];
    const script = firewallScript([{ ...machine, firewall: { inbound, outbound: [] } }]);
    expect(chainOf(script, "in-m7")).toEqual([
      "ip saddr 0.0.0.0/0 meta l4proto tcp tcp dport 80-85 return",
      "ip6 saddr ::/0 meta l4proto tcp tcp dport 80-85 return",
      "ip saddr 198.51.100.0/24 meta l4proto icmp return",
      "ip6 saddr 2001:db8::/32 meta l4proto ipv6-icmp return",
      "ip saddr 192.0.2.1/32 meta l4proto esp return",
      "drop",
    ]);
    expect(chainOf(script, "out-m7")).toBeUndefined();
    expect(script).toContain('oifname vmap { "m7" : jump in-m7 }');
  });

  test("an empty firewall lets nothing in and everything out", () => {
    const script = firewallScript([{ ...machine, firewall: { inbound: [], outbound: [] } }]);
    expect(chainOf(script, "in-m7")).toEqual(["drop"]);
    expect(script).not.toContain("iifname vmap");
  });

  test("outbound rules name destinations", () => {
    const outbound = [{ protocol: "udp" as const, remotes: ["203.0.113.53/32"], port: "53" }];
    const script = firewallScript([{ ...machine, firewall: { inbound: [], outbound } }]);
    expect(chainOf(script, "out-m7")).toEqual([
      "ip daddr 203.0.113.53/32 meta l4proto udp udp dport 53 return",
      "drop",
    ]);
  });
});
