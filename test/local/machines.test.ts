import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { reaches } from "../../local/machines/reaches.js";
import {
  cloudInitDone,
  listen,
  machineReaches,
  type MachineLab,
  machineSpec,
  openLab,
  sh,
  shOk,
  soon,
  ssh,
  until,
} from "./machine-lab.js";

/** Two machines for all tests of this file; "1" has user-data. */
let lab: MachineLab;
let one: Awaited<ReturnType<typeof machineSpec>>;
let two: Awaited<ReturnType<typeof machineSpec>>;

beforeAll(async () => {
  lab = await openLab("t-machines");
  const userData =
    "#cloud-config\nwrite_files:\n  - {path: /root/made, content: by user-data, permissions: '0600'}\n";
  one = await machineSpec(lab, "1", userData);
  two = await machineSpec(lab, "2");
  for (const spec of [one, two]) {
    await lab.host.createMachine(spec);
    await lab.host.startMachine(spec.id);
  }
  await Promise.all([cloudInitDone(lab, "1"), cloudInitDone(lab, "2")]);
});

afterAll(async () => lab?.remove());

const ipv6 = (id: string): string => `2001:db8:${lab.instance.slot}:${id}::1`;

/** In the private network of the tests. */
const attachment = (ip: string, macAddress: string, aliasIps: string[] = []) => ({
  networkId: "7",
  ip,
  aliasIps,
  macAddress,
});

describe("first start", () => {
  test("cloud-init did what the user-data says", async () => {
    expect(await shOk(lab, "1", "cat /root/made; stat -c ' %a' /root/made")).toBe("by user-data 600");
    expect(await shOk(lab, "1", "cloud-init status")).toBe("status: done");
    expect((await sh(lab, "2", "test -e /root/made")).exitCode).toBe(1);
  });

  test("root logs in by SSH with its key; each machine has host keys of its own", async () => {
    expect(await ssh(one.addresses.ipv4, "hostname; id -un")).toBe("machine-1\nroot\n");
    const hostKey = "cat /etc/ssh/ssh_host_ed25519_key.pub; cat /etc/machine-id";
    expect(await ssh(two.addresses.ipv4, hostKey)).not.toBe(await ssh(one.addresses.ipv4, hostKey));
  });

  test("every unit came up", async () => {
    expect(await shOk(lab, "1", "systemctl --failed --no-legend")).toBe("");
    expect(await shOk(lab, "1", "systemctl is-system-running --wait")).toBe("running");
  });

  test("user-data is not for other users", async () => {
    const seed = "/var/lib/cloud/seed/nocloud/user-data";
    expect(await shOk(lab, "1", `stat -Lc %a ${seed}`)).toBe("600");
  });
});

describe("limits", () => {
  test("the guest sees its own memory and its own disk", async () => {
    expect(await shOk(lab, "1", "grep MemTotal /proc/meminfo")).toMatch(/MemTotal: +524288 kB/);
    expect(await shOk(lab, "1", "swapon --show --noheadings | wc -l")).toBe("0");
    const kilobytes = Number(await shOk(lab, "1", "df --output=size / | tail -1"));
    expect(kilobytes).toBeGreaterThan(1.8 * 2 ** 20);
    expect(kilobytes).toBeLessThanOrEqual(2 * 2 ** 20);
  });

  test("a process that takes 700 MB is killed, the machine lives", async () => {
    const hog = "python3 -c \"x = bytearray(700 * 1024 * 1024); print('had it')\"";
    const { exitCode, stdout } = await sh(lab, "1", hog);
    expect(stdout).toBe("");
    expect(exitCode).toBe(137);
    expect(await shOk(lab, "1", "systemctl is-active ssh")).toBe("active");
    expect(lab.exits).toEqual([]);
  });

  test("two busy processes get one core between them", async () => {
    const burn = "timeout 2 sh -c 'while :; do :; done'";
    const groups = "/sys/fs/cgroup";
    const microseconds = `{ sed -n 's/usage_usec //p' ${groups}/cpu.stat 2>/dev/null | grep . || sed 's/...$//' ${groups}/cpuacct/cpuacct.usage; }`;
    const both = `${burn} & ${burn} & wait`;
    const now = "date +%s%6N";
    const printed = await shOk(lab, "1", `${now}; ${microseconds}; ${both}; ${microseconds}; ${now}`);
    const [begun = 0, before = 0, after = 0, ended = 0] = printed.split("\n").map(Number);
    expect((after - before) / 1e6).toBeGreaterThan(0.5);
    // Held against what it took: on a busy computer the two seconds are longer.
    expect((after - before) / (ended - begun)).toBeLessThan(1.15);
  });

  test("a full disk is the machine's own trouble", async () => {
    const { stderr } = await sh(lab, "1", "fallocate -l 3G /root/fill; head -c 1M /dev/zero > /root/over");
    expect(stderr).toMatch(/No space left on device/);
    expect(await shOk(lab, "2", "echo fine > /root/note && cat /root/note")).toBe("fine");
    await shOk(lab, "1", "rm /root/fill /root/over && echo again > /root/note");
  });

  test("units inside can be limited further", async () => {
    const run = "systemd-run --quiet --wait --pipe -p MemoryMax=50M -p MemorySwapMax=0";
    const { exitCode } = await sh(lab, "1", `${run} python3 -c "x = bytearray(200 * 1024 * 1024)"`);
    expect(exitCode).not.toBe(0);
    expect(await shOk(lab, "1", `${run} echo small`)).toBe("small");
  });

  test("the guest cannot lift its own limits", async () => {
    await sh(lab, "1", "for f in $(find /sys/fs/cgroup -name memory.limit_in_bytes); do echo -1 > $f; done");
    const { exitCode } = await sh(lab, "1", 'python3 -c "x = bytearray(700 * 1024 * 1024)"');
    expect(exitCode).toBe(137);
  });
});

test("packages are installed without a network and without apt-get update", async () => {
  await shOk(lab, "2", "DEBIAN_FRONTEND=noninteractive apt-get install -qq -y nginx >/dev/null 2>&1");
  expect(await shOk(lab, "2", "curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1/")).toBe("200");
  await expect.poll(() => reaches(two.addresses.ipv4, 80), soon).toBe(true);
});

describe("public side", () => {
  test("this computer reaches a machine by IPv4 and IPv6", async () => {
    await expect.poll(() => reaches(one.addresses.ipv4, 22), soon).toBe(true);
    await expect.poll(() => reaches(ipv6("1"), 22), soon).toBe(true);
  });

  test("machines reach each other by IPv4 and IPv6, through the gateway that servers at Hetzner have", async () => {
    await expect.poll(() => machineReaches(lab, "1", two.addresses.ipv4, 22), soon).toBe(true);
    await expect.poll(() => machineReaches(lab, "1", ipv6("2"), 22), soon).toBe(true);
    expect(await shOk(lab, "1", "ip route show default")).toContain("default via 172.31.1.1 dev eth0");
    expect(await shOk(lab, "1", "ip -6 route show default")).toContain("default via fe80::1 dev eth0");
  });

  test("a machine opens no connection to this computer, by whichever of its addresses", async () => {
    const { createServer } = await import("node:net");
    const server = createServer((socket) => socket.end()).listen(0, "::");
    await new Promise((resolve) => server.once("listening", resolve));
    try {
      const port = (server.address() as { port: number }).port;
      const { hostIpv4, hostIpv6, worldIpv4 } = lab.instance.addresses;
      await expect.poll(() => reaches(hostIpv4, port), soon).toBe(true);
      const addresses = [hostIpv4, hostIpv6, worldIpv4, "172.31.1.1"];
      const reached = await Promise.all(addresses.map((address) => machineReaches(lab, "1", address, port)));
      expect(reached).toEqual([false, false, false, false]);
    } finally {
      server.close();
    }
  });

  test("a machine reaches nothing beyond, and is told so", async () => {
    const attempts = ["1.1.1.1", "198.51.100.1", "10.9.0.1", "2600::1"].map(async (address) => {
      const { stderr } = await sh(lab, "1", `timeout 3 bash -c ': </dev/tcp/${address}/80'`);
      return stderr.includes("Network is unreachable");
    });
    expect(await Promise.all(attempts)).toEqual([true, true, true, true]);
    expect((await sh(lab, "1", "timeout 10 getent hosts www.debian.org")).exitCode).toBe(2);
  });

  test("a machine speaks only in its own name", async () => {
    await shOk(lab, "1", "ip address add 203.0.113.250/32 dev eth0");
    const { exitCode } = await sh(lab, "1", `ping -c 1 -W 1 -I 203.0.113.250 ${two.addresses.ipv4}`);
    await shOk(lab, "1", "ip address delete 203.0.113.250/32 dev eth0");
    expect(exitCode).not.toBe(0);
    expect((await sh(lab, "1", `ping -c 1 -w 5 ${two.addresses.ipv4}`)).exitCode).toBe(0);
  });

  test("addresses change while the machine runs", async () => {
    const other = await machineSpec(lab, "30");
    await lab.host.setPublicAddresses("1", other.addresses);
    await expect.poll(() => reaches(other.addresses.ipv4, 22), soon).toBe(true);
    await expect.poll(() => reaches(ipv6("30"), 22), soon).toBe(true);
    expect(await reaches(one.addresses.ipv4, 22)).toBe(false);
    expect(await reaches(ipv6("1"), 22)).toBe(false);
    await lab.host.setPublicAddresses("1", {});
    expect(await reaches(other.addresses.ipv4, 22)).toBe(false);
    expect(await shOk(lab, "1", "ip route show default; ip -6 route show default")).toBe("");
    await lab.host.setPublicAddresses("1", one.addresses);
    await expect.poll(() => reaches(one.addresses.ipv4, 22), soon).toBe(true);
    await expect.poll(() => machineReaches(lab, "1", ipv6("2"), 22), soon).toBe(true);
  });
});

describe("private networks", () => {
  beforeAll(async () => {
    await lab.host.setNetwork({ id: "7", ipRange: "10.0.0.0/16", routes: [] });
    await lab.host.attachNetwork("1", attachment("10.0.0.2", "86:00:00:00:00:02"));
    await lab.host.attachNetwork("2", attachment("10.0.0.3", "86:00:00:00:00:03"));
    await listen(lab, "2", 5000);
  });

  test("machines reach each other only by way of the gateway", async () => {
    await expect.poll(() => machineReaches(lab, "1", "10.0.0.3", 5000), soon).toBe(true);
    expect(await shOk(lab, "1", "ip -brief address show enp7s0")).toContain("10.0.0.2/32");
    expect(await shOk(lab, "1", "ip route get 10.0.0.3")).toContain("via 10.0.0.1 dev enp7s0");
    expect(await shOk(lab, "1", "ls /sys/class/net")).toBe("enp7s0\neth0\nlo");
    expect(await shOk(lab, "1", "cat /sys/class/net/enp7s0/address")).toBe("86:00:00:00:00:02");
    // On a shared medium the neighbour would answer for itself.
    await sh(
      lab,
      "1",
      "ip route add 10.0.0.3/32 dev enp7s0 && ping -c 1 -W 1 10.0.0.3; ip route delete 10.0.0.3/32 dev enp7s0",
    );
    expect(await shOk(lab, "1", "ip neigh show 10.0.0.3 dev enp7s0")).not.toContain("86:00:00:00:00:03");
  });

  test("packets carry at most 1450 bytes", async () => {
    expect(await shOk(lab, "1", "cat /sys/class/net/enp7s0/mtu /sys/class/net/eth0/mtu")).toBe("1450\n1500");
    expect((await sh(lab, "1", "ping -c 1 -w 5 -M do -s 1422 10.0.0.3")).exitCode).toBe(0);
    expect((await sh(lab, "1", "ping -c 1 -W 1 -M do -s 1423 10.0.0.3")).exitCode).not.toBe(0);
  });

  test("this computer has no way into the network", async () => {
    // Something else may answer at that address, by way of this computer's own network.
    const page = await fetch("http://10.0.0.3:5000/", { signal: AbortSignal.timeout(1000) }).then(
      (response) => response.text(),
      () => "",
    );
    expect(page).not.toContain("Directory listing");
    const answer = await shOk(lab, "1", "curl -s http://10.0.0.3:5000/");
    expect(answer).toContain("Directory listing");
  });

  test("public firewalls do not filter it", async () => {
    await lab.host.setFirewall("2", { inbound: [], outbound: [] });
    await expect.poll(() => machineReaches(lab, "1", "10.0.0.3", 5000), soon).toBe(true);
    expect(await machineReaches(lab, "1", two.addresses.ipv4, 5000)).toBe(false);
    await lab.host.setFirewall("2", undefined);
    await expect.poll(() => machineReaches(lab, "1", two.addresses.ipv4, 5000), soon).toBe(true);
  });

  test("alias addresses and static routes lead to the machine that they name", async () => {
    await lab.host.attachNetwork("2", attachment("10.0.0.3", "86:00:00:00:00:03", ["10.0.0.50"]));
    await lab.host.setNetwork({
      id: "7",
      ipRange: "10.0.0.0/16",
      routes: [{ destination: "10.0.200.0/24", gateway: "10.0.0.3" }],
    });
    await shOk(lab, "2", "ip address add 10.0.0.50/32 dev enp7s0; ip address add 10.0.200.9/32 dev lo");
    await expect.poll(() => machineReaches(lab, "1", "10.0.0.50", 5000), soon).toBe(true);
    await expect.poll(() => machineReaches(lab, "1", "10.0.200.9", 5000), soon).toBe(true);
    await lab.host.setNetwork({ id: "7", ipRange: "10.0.0.0/16", routes: [] });
    await lab.host.attachNetwork("2", attachment("10.0.0.3", "86:00:00:00:00:03"));
    expect(await machineReaches(lab, "1", "10.0.0.50", 5000)).toBe(false);
    expect(await machineReaches(lab, "1", "10.0.200.9", 5000)).toBe(false);
  });

  test("a machine that is detached is out, also in the guest", async () => {
    await lab.host.detachNetwork("2", "7");
    expect((await sh(lab, "2", "ip link show enp7s0")).exitCode).not.toBe(0);
    expect(await machineReaches(lab, "1", "10.0.0.3", 5000)).toBe(false);
    await lab.host.attachNetwork("2", attachment("10.0.0.4", "86:00:00:00:00:04"));
    await expect.poll(() => machineReaches(lab, "1", "10.0.0.4", 5000), soon).toBe(true);
  });

  test("networks do not know each other", async () => {
    await lab.host.setNetwork({ id: "8", ipRange: "10.1.0.0/24", routes: [] });
    await lab.host.attachNetwork("2", {
      networkId: "8",
      ip: "10.1.0.2",
      aliasIps: [],
      macAddress: "86:00:00:00:01:02",
    });
    expect(await shOk(lab, "2", "ip -brief address show enp8s0")).toContain("10.1.0.2/32");
    expect(await machineReaches(lab, "1", "10.1.0.2", 5000)).toBe(false);
    await lab.host.detachNetwork("2", "8");
    await lab.host.removeNetwork("8");
  });
});

describe("firewall before the public interface", () => {
  const anywhere = ["0.0.0.0/0", "::/0"];

  test("inbound: what no rule allows is dropped, from this computer and from machines", async () => {
    await lab.host.setFirewall("2", {
      inbound: [{ protocol: "tcp", remotes: ["0.0.0.0/0"], port: "22" }],
      outbound: [],
    });
    await expect.poll(() => reaches(two.addresses.ipv4, 22), soon).toBe(true);
    await expect.poll(() => machineReaches(lab, "1", two.addresses.ipv4, 22), soon).toBe(true);
    expect(await reaches(two.addresses.ipv4, 80)).toBe(false);
    expect(await reaches(ipv6("2"), 22)).toBe(false);
    expect((await sh(lab, "1", `ping -c 1 -W 1 ${two.addresses.ipv4}`)).exitCode).not.toBe(0);
  });

  test("sources and port ranges", async () => {
    await lab.host.setFirewall("2", {
      inbound: [
        { protocol: "tcp", remotes: [`${one.addresses.ipv4}/32`, "203.0.113.0/32"], port: "79-81" },
        { protocol: "tcp", remotes: anywhere, port: "22" },
        { protocol: "icmp", remotes: anywhere },
      ],
      outbound: [],
    });
    await expect.poll(() => machineReaches(lab, "1", two.addresses.ipv4, 80), soon).toBe(true);
    expect(await reaches(two.addresses.ipv4, 80)).toBe(false);
    await expect.poll(() => reaches(ipv6("2"), 22), soon).toBe(true);
    expect((await sh(lab, "1", `ping -c 1 -w 5 ${two.addresses.ipv4}`)).exitCode).toBe(0);
    expect((await sh(lab, "1", `ping -c 1 -w 5 ${ipv6("2")}`)).exitCode).toBe(0);
  });

  test("outbound: free without a rule, else only what the rules allow; answers always pass", async () => {
    await expect.poll(() => machineReaches(lab, "2", one.addresses.ipv4, 22), soon).toBe(true);
    await lab.host.setFirewall("2", {
      inbound: [{ protocol: "tcp", remotes: anywhere, port: "22" }],
      outbound: [{ protocol: "udp", remotes: anywhere, port: "53" }],
    });
    expect(await machineReaches(lab, "2", one.addresses.ipv4, 22)).toBe(false);
    await expect.poll(() => reaches(two.addresses.ipv4, 22), soon).toBe(true);
  });

  test("an open connection outlives a change of rules", async () => {
    await lab.host.setFirewall("2", undefined);
    const command = "echo before; touch /run/begun; until test -e /run/go; do sleep 0.1; done; echo after";
    const output = ssh(two.addresses.ipv4, command);
    await until(async () => (await sh(lab, "2", "test -e /run/begun")).exitCode === 0);
    await lab.host.setFirewall("2", { inbound: [], outbound: [] });
    await shOk(lab, "2", "touch /run/go");
    expect(await output).toBe("before\nafter\n");
    expect(await reaches(two.addresses.ipv4, 22)).toBe(false);
  });

  test("rules that the kernel refuses change nothing", async () => {
    const bad = {
      inbound: [{ protocol: "tcp" as const, remotes: ["203.0.113.999/32"], port: "22" }],
      outbound: [],
    };
    await expect(lab.host.setFirewall("2", bad)).rejects.toThrow(/refused the firewall/);
    await expect(lab.host.setFirewall("1", undefined)).resolves.toBeUndefined();
    expect(await reaches(two.addresses.ipv4, 22)).toBe(false);
    await lab.host.setFirewall("2", undefined);
    await expect.poll(() => reaches(two.addresses.ipv4, 22), soon).toBe(true);
  });
});
