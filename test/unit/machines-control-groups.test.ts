import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { detectControlGroups } from "../../local/machines/cgroups.js";
import { HostError } from "../../local/machines/host.js";

/** A folder with files of the names that the kernel has; it keeps what is written, and that is all it does. */
let tree: string;
beforeEach(async () => {
  tree = await mkdtemp(`${tmpdir()}/control-groups-`);
});
afterEach(async () => rm(tree, { recursive: true }));

const limits = { cores: 1.5, memoryBytes: 512 * 2 ** 20, diskBytes: 2 ** 30 };
const read = async (file: string): Promise<string> => (await readFile(`${tree}/${file}`, "utf8")).trim();

const unifiedMountInfo = (): string => `30 24 0:26 / ${tree} rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n`;

describe("version 2", () => {
  beforeEach(async () => writeFile(`${tree}/cgroup.controllers`, "cpuset cpu io memory hugetlb pids rdma\n"));

  test("controllers are handed down level by level, to the group and not below it", async () => {
    const groups = await detectControlGroups(unifiedMountInfo());
    await groups.make("lab/1/guest");
    const enabled = "+cpu +memory +pids +io +cpuset";
    for (const above of [".", "dukaan", "dukaan/lab", "dukaan/lab/1"]) {
      expect(await read(`${above}/cgroup.subtree_control`)).toBe(enabled);
    }
    expect(await readdir(`${tree}/dukaan/lab/1/guest`)).toEqual([]);
    expect(await read("dukaan/cpu.weight")).toBe("800");
  });

  test("limits: processor time, memory, no swap, processes", async () => {
    const groups = await detectControlGroups(unifiedMountInfo());
    await groups.make("lab/1");
    for (const file of ["memory.swap.max", "pids.max"])
      await writeFile(`${tree}/dukaan/lab/1/${file}`, "max");
    await groups.limit("lab/1", limits);
    expect(await read("dukaan/lab/1/cpu.max")).toBe("150000 100000");
    expect(await read("dukaan/lab/1/memory.max")).toBe("536870912");
    expect(await read("dukaan/lab/1/memory.swap.max")).toBe("0");
    expect(await read("dukaan/lab/1/pids.max")).toBe("16384");
  });

  test("a process joins by the group's own file, or enters by that of the guest's first process", async () => {
    const groups = await detectControlGroups(unifiedMountInfo());
    expect(groups.joinFiles("lab/1/guest")).toEqual([`${tree}/dukaan/lab/1/guest/cgroup.procs`]);
    const [entered] = await groups.enterFiles("lab/1/guest", process.pid);
    expect(entered?.startsWith(`${tree}/`) && entered.endsWith("/cgroup.procs")).toBe(true);
    expect(entered).not.toContain("lab/1/guest");
  });

  test("processes and groups below are found", async () => {
    const groups = await detectControlGroups(unifiedMountInfo());
    await groups.make("lab/1/guest");
    await groups.make("lab/2");
    await writeFile(`${tree}/dukaan/lab/1/cgroup.procs`, "11\n");
    await writeFile(`${tree}/dukaan/lab/1/guest/cgroup.procs`, "12\n13\n0\n");
    expect((await groups.processes("lab")).sort((a, b) => a - b)).toEqual([11, 12, 13]);
    expect(await groups.processes("lab/9")).toEqual([]);
    expect((await groups.children("lab")).sort()).toEqual(["1", "2"]);
    expect(await groups.children("other")).toEqual([]);
  });
});

describe("version 1", () => {
  const hierarchies = ["cpu,cpuacct", "memory", "pids", "systemd"];
  const mountInfo = (): string =>
    [
      ...hierarchies.map(
        (name, index) =>
          `${index} 24 0:${index} / ${tree}/${name} rw - cgroup cgroup rw,${name.replace("systemd", "name=systemd")}`,
      ),
      `40 24 0:26 / ${tree}/unified rw - cgroup2 cgroup2 rw`,
      "",
    ].join("\n");
  beforeEach(async () => {
    for (const name of [...hierarchies, "unified"]) await mkdir(`${tree}/${name}`);
  });

  test("a group is one in each hierarchy; hybrid counts as version 1", async () => {
    const groups = await detectControlGroups(mountInfo());
    await groups.make("lab/1");
    expect(groups.joinFiles("lab/1").sort()).toEqual(
      [...hierarchies, "unified"].map((name) => `${tree}/${name}/dukaan/lab/1/cgroup.procs`).sort(),
    );
    expect(await groups.children("lab")).toEqual(["1"]);
    expect(await read("cpu,cpuacct/dukaan/cpu.shares")).toBe("8192");
  });

  test("limits: processor time, memory, processes; swap where the kernel counts it", async () => {
    const groups = await detectControlGroups(mountInfo());
    await groups.make("lab/1");
    await writeFile(`${tree}/memory/dukaan/lab/1/memory.memsw.limit_in_bytes`, "-1");
    await groups.limit("lab/1", limits);
    expect(await read("cpu,cpuacct/dukaan/lab/1/cpu.cfs_quota_us")).toBe("150000");
    expect(await read("cpu,cpuacct/dukaan/lab/1/cpu.cfs_period_us")).toBe("100000");
    expect(await read("memory/dukaan/lab/1/memory.limit_in_bytes")).toBe("536870912");
    expect(await read("memory/dukaan/lab/1/memory.memsw.limit_in_bytes")).toBe("536870912");
    expect(await read("pids/dukaan/lab/1/pids.max")).toBe("16384");
  });

  test("a group is removed with all below it, in every hierarchy", async () => {
    const groups = await detectControlGroups(mountInfo());
    await groups.make("lab/1/guest");
    await groups.make("staging/1");
    await rm(`${tree}/cpu,cpuacct/dukaan/cpu.shares`);
    await groups.remove("lab");
    await groups.remove("lab");
    await groups.removeRoot();
    expect(await groups.children("")).toEqual(["staging"]);
    await groups.remove("staging");
    await groups.removeRoot();
    for (const name of [...hierarchies, "unified"]) expect(await readdir(`${tree}/${name}`)).toEqual([]);
  });
});

test("without controllers for processor time and memory the remedy is named", async () => {
  const mountInfo = `30 24 0:26 / ${tree} rw - cgroup2 cgroup2 rw\n`;
  await writeFile(`${tree}/cgroup.controllers`, "pids\n");
  await expect(detectControlGroups(mountInfo)).rejects.toThrow(HostError);
  await expect(detectControlGroups("")).rejects.toThrow(/--privileged/);
});
