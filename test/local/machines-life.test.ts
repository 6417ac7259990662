import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { execInMachine } from "../../local/machines/enter.js";
import { HostError } from "../../local/machines/host.js";
import { leaderOf, supervisorOf } from "../../local/machines/nspawn.js";
import { tracesOf } from "../../local/machines/traces.js";
import { reaches } from "../../local/machines/reaches.js";
import {
  cloudInitDone,
  machineReaches,
  type MachineLab,
  machineSpec,
  openLab,
  sh,
  shOk,
  soon,
  until,
} from "./machine-lab.js";
import { beginMaking, killed } from "./making.js";

let lab: MachineLab;
let one: Awaited<ReturnType<typeof machineSpec>>;

beforeAll(async () => {
  lab = await openLab("t-life");
  one = await machineSpec(lab, "1", "#cloud-config\nruncmd: [echo ran >> /root/runs]\n");
  await lab.host.createMachine(one);
  await lab.host.startMachine("1");
  await cloudInitDone(lab, "1");
});

afterAll(async () => lab?.remove());

const running = async (id: string): Promise<boolean | undefined> =>
  (await lab.host.machines()).find((machine) => machine.id === id)?.running;

const bootId = async (id: string): Promise<string> => String(await leaderOf(lab.instance, id));

/** Resolves when the guest's init has started all that it starts: earlier it may not hear what it is told. */
async function settled(id: string): Promise<void> {
  await until(async () => (await sh(lab, id, "systemctl is-system-running")).stdout === "running");
}

describe("power", () => {
  test("starting, creating and switching on what is so already changes nothing", async () => {
    const leader = await bootId("1");
    await lab.host.startMachine("1");
    await lab.host.createMachine(one);
    expect(await bootId("1")).toBe(leader);
    expect(await running("1")).toBe(true);
  });

  test("power off and on: off the network at once, the disk is kept, user-data is not run again", async () => {
    await shOk(lab, "1", "echo kept > /root/kept && sync && nft add table inet guest");
    await lab.host.powerOffMachine("1");
    expect(await running("1")).toBe(false);
    expect(await reaches(one.addresses.ipv4, 22)).toBe(false);
    expect((await tracesOf(lab.instance)).filter((line) => /machines\/1\/|\.m1$|\/1$/.test(line))).toEqual(
      [],
    );
    await expect(execInMachine(lab.instance, "1", ["true"])).rejects.toThrow(/machine 1 is off/);
    await lab.host.powerOffMachine("1");

    await lab.host.startMachine("1");
    await cloudInitDone(lab, "1");
    expect(await shOk(lab, "1", "cat /root/kept /root/runs")).toBe("kept\nran");
    // A real kernel forgets its firewall with the power, too.
    expect(await shOk(lab, "1", "nft list tables")).toBe("");
    expect(lab.exits).toEqual([]);
  });

  test("shutdown asks the guest, which has time to stop its services", async () => {
    const unit =
      "systemd-run --quiet --unit=goodbye -p ExecStop='/bin/sh -c \"echo stopped > /root/goodbye\"' sleep 1000";
    await settled("1");
    await shOk(lab, "1", unit);
    expect(await lab.host.shutdownMachine("1", 20)).toBe(true);
    expect(await running("1")).toBe(false);
    await lab.host.startMachine("1");
    expect(await shOk(lab, "1", "cat /root/goodbye")).toBe("stopped");
  });

  test("a guest that does not shut down in time stays on", async () => {
    await settled("1");
    await shOk(
      lab,
      "1",
      "systemd-run --quiet --unit=deaf -p TimeoutStopSec=30 sh -c 'trap : TERM; while :; do sleep 1; done'",
    );
    expect(await lab.host.shutdownMachine("1", 1)).toBe(false);
    expect(await running("1")).toBe(true);
    await lab.host.powerOffMachine("1");
    await lab.host.startMachine("1");
  });

  test("limits hold after a restart, and can be raised while it is off; the disk grows and keeps its content", async () => {
    const larger = { cores: 2, memoryBytes: 768 * 2 ** 20, diskBytes: 3 * 2 ** 30 };
    await expect(lab.host.resizeMachine("1", larger)).rejects.toThrow(HostError);
    expect(await shOk(lab, "1", "grep MemTotal /proc/meminfo")).toMatch(/ 524288 kB/);
    await lab.host.powerOffMachine("1");
    await lab.host.resizeMachine("1", larger);
    await lab.host.startMachine("1");
    expect(await shOk(lab, "1", "grep MemTotal /proc/meminfo")).toMatch(/ 786432 kB/);
    expect(Number(await shOk(lab, "1", "df --output=size / | tail -1"))).toBeGreaterThan(2.8 * 2 ** 20);
    expect(await shOk(lab, "1", "cat /root/kept")).toBe("kept");

    await lab.host.powerOffMachine("1");
    await lab.host.resizeMachine("1", one.limits);
    await lab.host.startMachine("1");
    expect(await shOk(lab, "1", "grep MemTotal /proc/meminfo")).toMatch(/ 524288 kB/);
    expect(Number(await shOk(lab, "1", "df --output=size / | tail -1"))).toBeGreaterThan(2.8 * 2 ** 20);
  });
});

describe("a machine that ends by itself", () => {
  test("reboot: it comes back, with its addresses and networks", async () => {
    await lab.host.setNetwork({ id: "5", ipRange: "10.5.0.0/16", routes: [] });
    await lab.host.attachNetwork("1", {
      networkId: "5",
      ip: "10.5.0.2",
      aliasIps: [],
      macAddress: "86:00:00:00:05:02",
    });
    await settled("1");
    const leader = await bootId("1");
    await sh(lab, "1", "systemctl reboot");
    await until(() => lab.exits.includes("1 reboot"));
    expect(await bootId("1")).not.toBe(leader);
    await until(() => reaches(one.addresses.ipv4, 22));
    expect(await shOk(lab, "1", "ip -brief address show enp7s0")).toContain("10.5.0.2/32");
    expect((await sh(lab, "1", "ping -c 1 -w 5 10.5.0.1")).exitCode).toBe(0);
  });

  test("poweroff: it stays off", async () => {
    await settled("1");
    await sh(lab, "1", "systemctl poweroff");
    await until(() => lab.exits.includes("1 poweroff"));
    expect(await running("1")).toBe(false);
    await lab.host.startMachine("1");
  });

  test("crash: its processes are killed behind our back, also its supervisor", async () => {
    kill(await leaderOf(lab.instance, "1"));
    await until(() => lab.exits.includes("1 crash"));
    expect(await running("1")).toBe(false);
    await lab.host.startMachine("1");
    kill(await supervisorOf(lab.instance, "1"));
    await until(() => lab.exits.filter((exit) => exit === "1 crash").length === 2);
    expect(await running("1")).toBe(false);
    await lab.host.startMachine("1");
    await until(() => reaches(one.addresses.ipv4, 22));
  });
});

describe("another Host object, as after a restart of the local cloud's server", () => {
  test("machines are taken over untouched", async () => {
    const leader = await bootId("1");
    lab = await lab.reopened();
    expect(await bootId("1")).toBe(leader);
    expect(await running("1")).toBe(true);
    expect(lab.exits).toEqual([]);
  });

  test("what happened meanwhile is noticed: reboot, and power-off", async () => {
    await lab.host.close();
    await settled("1");
    await sh(lab, "1", "systemctl reboot");
    await until(async () => (await supervisorOf(lab.instance, "1")) === undefined);
    lab = await lab.reopened();
    expect(lab.exits).toEqual(["1 reboot"]);
    expect(await running("1")).toBe(true);

    await lab.host.close();
    await settled("1");
    await sh(lab, "1", "systemctl poweroff");
    await until(async () => (await supervisorOf(lab.instance, "1")) === undefined);
    lab = await lab.reopened();
    expect(lab.exits).toEqual(["1 poweroff"]);
    expect(await running("1")).toBe(false);
    await lab.host.startMachine("1");
  });

  test("a machine that was never finished is removed, a half-started one is cleared away, what is missing is made", async () => {
    await lab.host.close();
    const folder = `${lab.instance.machinesFolder}/9`;
    await execa("mkdir", ["-p", `${folder}/disk`]);
    await execa("truncate", ["-s", "100M", `${folder}/disk.img`]);
    await execa("ip", ["netns", "add", `${lab.instance.world}.m9`]);
    await execa("ip", ["netns", "add", `${lab.instance.world}.m10`]);
    // A machine's private cable and its whole network are gone, too.
    await execa("ip", ["netns", "delete", `${lab.instance.world}.n5`]);
    lab = await lab.reopened();
    expect((await sh(lab, "1", "ping -c 1 -w 5 10.5.0.1")).exitCode).toBe(0);
    expect((await lab.host.machines()).map(({ id }) => id)).toEqual(["1"]);
    expect((await tracesOf(lab.instance)).filter((line) => /m9|m10|\/9\b/.test(line))).toEqual([]);
  });
});

test("two instances side by side do not see each other", async () => {
  const other = await openLab("t-other");
  try {
    expect(other.instance.slot).not.toBe(lab.instance.slot);
    const spec = await machineSpec(other, "1");
    await other.host.createMachine(spec);
    await other.host.startMachine("1");
    await until(() => reaches(spec.addresses.ipv4, 22));
    await expect.poll(() => reaches(one.addresses.ipv4, 22), soon).toBe(true);
    expect(await machineReaches(other, "1", one.addresses.ipv4, 22)).toBe(false);
    expect(await machineReaches(lab, "1", spec.addresses.ipv4, 22)).toBe(false);
  } finally {
    await other.remove();
  }
  expect(await tracesOf(other.instance)).toEqual([]);
  await expect.poll(() => reaches(one.addresses.ipv4, 22), soon).toBe(true);
  expect(await running("1")).toBe(true);
});

test("a removed machine leaves nothing", async () => {
  const two = await machineSpec(lab, "2");
  await lab.host.createMachine(two);
  await lab.host.startMachine("2");
  await lab.host.attachNetwork("2", {
    networkId: "5",
    ip: "10.5.0.3",
    aliasIps: [],
    macAddress: "86:00:00:00:05:03",
  });
  expect((await tracesOf(lab.instance)).some((line) => line.endsWith(".m2"))).toBe(true);
  await lab.host.removeMachine("2");
  await lab.host.removeMachine("2");
  expect((await tracesOf(lab.instance)).filter((line) => /\.m2$|\/2\b/.test(line))).toEqual([]);
  const { stdout } = await execa("ip", ["-n", `${lab.instance.world}.n5`, "link", "show"]);
  expect(stdout).not.toContain("m2@");
});

test("a machine whose making was cut short, at whatever point, is made by the next one who asks", async () => {
  await lab.host.close();
  for (const milliseconds of [20, 100, 160, 220, 280, 400]) {
    const spec = await machineSpec(lab, "4");
    const child = await beginMaking(lab, spec);
    await sleep(milliseconds);
    await killed(child);
    lab = await lab.reopened();
    await lab.host.createMachine(spec);
    await lab.host.startMachine("4");
    await until(() => reaches(spec.addresses.ipv4, 22));
    await lab.host.removeMachine("4");
    expect((await tracesOf(lab.instance)).filter((line) => /\.m4$|\/4\b/.test(line))).toEqual([]);
    await lab.host.close();
  }
  lab = await lab.reopened();
  expect(await running("1")).toBe(true);
});

test("down leaves nothing, also after the server was killed in the middle of making a machine", async () => {
  await lab.host.close();
  const child = await beginMaking(lab, await machineSpec(lab, "3"));
  await until(() => existsSync(`/run/netns/${lab.instance.world}.m3`));
  await killed(child);
  expect(await tracesOf(lab.instance)).toContain(`network namespace ${lab.instance.world}.m3`);

  await lab.remove();
  expect(await tracesOf(lab.instance)).toEqual([]);
  expect(await footprint()).toEqual([]);
});

function kill(pid: number | undefined): void {
  // Process 0 would be ourselves.
  if (pid === undefined) throw new Error("the machine does not run");
  process.kill(pid, "SIGKILL");
}

/** What the kernel holds of these clouds, raw: others come and go meanwhile. The whole computer is compared in `alone`. */
async function footprint(): Promise<string[]> {
  const commands = [
    ["ip", "netns", "list"],
    ["ip", "-brief", "link"],
    ["ip", "route", "show", "table", "all"],
    ["ip", "-6", "route", "show", "table", "all"],
    ["ip", "rule"],
    ["losetup", "--list", "--noheadings", "--output", "NAME,BACK-FILE"],
    ["find", "/sys/fs/cgroup", "-type", "d", "-path", "*dukaan*"],
    ["ls", "/run", "/run/netns", "/run/dukaan", "/run/systemd/nspawn"],
    ["nft", "list", "ruleset"],
    // Not zombies: how soon they are reaped after a machine's end is up to this computer's init.
    ["pgrep", "--runstates", "DIRST", "-af", "lxcfs|supervise.sh|systemd-nspawn"],
  ];
  const listings = await Promise.all(
    commands.map(async ([program = "", ...args]) => (await execa(program, args, { reject: false })).stdout),
  );
  const mounts = await readFile("/proc/self/mounts", "utf8");
  const lines = [...listings, mounts].flatMap((listing) => listing.split("\n"));
  return lines.filter((line) => /t-life|t-other/.test(line));
}
