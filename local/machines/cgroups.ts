import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { HostError, type MachineLimits } from "./host.js";
import { readNow } from "./pid-file.js";

/**
 * Control groups by name ("lab/4711"), below one group of ours in each hierarchy of this computer. Version 1 has a
 * hierarchy for each controller, version 2 one for all.
 */
export interface ControlGroups {
  /** Makes the group and those above it. */
  make(name: string): Promise<void>;
  /** Enforces a machine's memory and processor time on a group. */
  limit(name: string, limits: MachineLimits): Promise<void>;
  /** The files into which a process writes 0 to join the group, in order. */
  joinFiles(name: string): string[];
  /** As joinFiles, for a group that its guest may have divided further: the guest's first process is in one part. */
  enterFiles(name: string, leader: number): Promise<string[]>;
  /** Processes in the group and below it, each once. */
  processes(name: string): Promise<number[]>;
  /** Names of the groups directly in a group, in any hierarchy. */
  children(name: string): Promise<string[]>;
  /** Removes the group and all below it; they must have no processes. No-op when there is none. */
  remove(name: string): Promise<void>;
  /** Removes the group of ours that holds all others, unless it still holds one. */
  removeRoot(): Promise<void>;
  /** Processor time that the group and those below it have used, in seconds; undefined when there is no such group. */
  cpuSeconds(name: string): Promise<number | undefined>;
  /** Path in which a controller's files of a group are, e.g. for its statistics. */
  folder(name: string, controller: "cpu" | "memory"): string;
}

/** Our group in each hierarchy. */
export const ROOT_GROUP = "dukaan";

/** All machines together get this share against everything else on this computer (1024 or 100 is one process's). */
const OUR_WEIGHT_V1 = "8192";
const OUR_WEIGHT_V2 = "800";
/** Keeps a fork bomb in a machine from using up this computer's process ids. */
const MOST_PROCESSES = "16384";
const CPU_PERIOD_US = 100_000;

/**
 * The version in use here: 2 when its hierarchy has the controllers, else 1 (also "hybrid", where version 2 is mounted
 * without them).
 *
 * @param mountInfo content of /proc/self/mountinfo
 */
export async function detectControlGroups(mountInfo?: string): Promise<ControlGroups> {
  const mounts = controlGroupMounts(mountInfo ?? (await readFile("/proc/self/mountinfo", "utf8")));
  const v1 = mounts.filter((mount) => mount.type === "cgroup");
  const controller = (name: string): string | undefined =>
    v1.find((mount) => mount.options.includes(name))?.path;
  const cpu = controller("cpu");
  const memory = controller("memory");
  if (cpu !== undefined && memory !== undefined) {
    return new ControlGroupsV1(
      mounts.map((mount) => mount.path),
      {
        cpu,
        memory,
        cpuset: controller("cpuset"),
        pids: controller("pids"),
        cpuacct: controller("cpuacct"),
      },
    );
  }
  const v2 = mounts.find((mount) => mount.type === "cgroup2");
  const controllers = v2 === undefined ? "" : await readFile(`${v2.path}/cgroup.controllers`, "utf8");
  if (v2 !== undefined && /\bcpu\b/.test(controllers) && /\bmemory\b/.test(controllers)) {
    return new ControlGroupsV2(v2.path);
  }
  throw new HostError(
    "this computer has no control groups for cpu and memory",
    "Mount them (every Linux with systemd does), or, inside a container, run it with --privileged --cgroupns=host.",
  );
}

interface GroupMount {
  type: string;
  path: string;
  options: string[];
}

function controlGroupMounts(mountInfo: string): GroupMount[] {
  return mountInfo.split("\n").flatMap((line) => {
    // 36 35 98:0 / /sys/fs/cgroup/cpu rw,relatime shared:10 - cgroup cgroup rw,cpu
    const [mount, superBlock] = line.split(" - ").map((part) => part.split(" "));
    const [type, , options] = superBlock ?? [];
    const path = mount?.[4];
    if (path === undefined || type === undefined || !type.startsWith("cgroup")) return [];
    return [{ type, path, options: options?.split(",") ?? [] }];
  });
}

abstract class Hierarchies implements ControlGroups {
  constructor(protected readonly hierarchies: string[]) {}

  abstract make(name: string): Promise<void>;
  abstract limit(name: string, limits: MachineLimits): Promise<void>;
  abstract cpuSeconds(name: string): Promise<number | undefined>;
  abstract folder(name: string, controller: "cpu" | "memory"): string;
  abstract enterFiles(name: string, leader: number): Promise<string[]>;

  joinFiles(name: string): string[] {
    return this.#folders(name).map((folder) => `${folder}/cgroup.procs`);
  }

  async processes(name: string): Promise<number[]> {
    const found = await Promise.all(this.#folders(name).map(processesBelow));
    return [...new Set(found.flat())];
  }

  async children(name: string): Promise<string[]> {
    const found = await Promise.all(this.#folders(name).map(childFolders));
    return [...new Set(found.flat())];
  }

  async remove(name: string): Promise<void> {
    await Promise.all(this.#folders(name).map(removeBelow));
  }

  async removeRoot(): Promise<void> {
    await Promise.all(
      this.hierarchies.map((hierarchy) => rmdir(`${hierarchy}/${ROOT_GROUP}`).catch(() => undefined)),
    );
  }

  #folders(name: string): string[] {
    return this.hierarchies.map((hierarchy) => `${hierarchy}/${ROOT_GROUP}/${name}`);
  }
}

/** Where each controller is mounted. */
interface Controllers {
  cpu: string;
  memory: string;
  cpuset: string | undefined;
  pids: string | undefined;
  cpuacct?: string | undefined;
}

export class ControlGroupsV1 extends Hierarchies {
  readonly #of: Controllers;

  constructor(hierarchies: string[], of: Controllers) {
    super(hierarchies);
    this.#of = of;
  }

  async make(name: string): Promise<void> {
    const steps = pathSteps(name);
    await Promise.all(
      this.hierarchies.map(async (hierarchy) => {
        for (const step of steps) {
          await mkdir(`${hierarchy}/${step}`, { recursive: true });
          // A new group of processors is empty, and an empty one lets no process in.
          if (hierarchy === this.#of.cpuset) await inheritCpuset(hierarchy, step);
        }
      }),
    );
    await writeFile(`${this.#of.cpu}/${ROOT_GROUP}/cpu.shares`, OUR_WEIGHT_V1);
  }

  async limit(name: string, limits: MachineLimits): Promise<void> {
    const cpu = this.folder(name, "cpu");
    const memory = this.folder(name, "memory");
    await writeFile(`${cpu}/cpu.cfs_period_us`, String(CPU_PERIOD_US));
    await writeFile(`${cpu}/cpu.cfs_quota_us`, String(Math.round(limits.cores * CPU_PERIOD_US)));
    await writeFile(`${memory}/memory.limit_in_bytes`, String(limits.memoryBytes));
    // Memory and swap together no more than memory: a machine does not live on this computer's swap.
    const withSwap = `${memory}/memory.memsw.limit_in_bytes`;
    if (existsSync(withSwap)) await writeFile(withSwap, String(limits.memoryBytes));
    if (this.#of.pids !== undefined) {
      await writeFile(`${this.#of.pids}/${ROOT_GROUP}/${name}/pids.max`, MOST_PROCESSES);
    }
  }

  async enterFiles(name: string): Promise<string[]> {
    return this.joinFiles(name);
  }

  async cpuSeconds(name: string): Promise<number | undefined> {
    const { cpuacct } = this.#of;
    if (cpuacct === undefined) return undefined;
    const nanoseconds = readNumber(`${cpuacct}/${ROOT_GROUP}/${name}/cpuacct.usage`, /^(\d+)$/m);
    return nanoseconds === undefined ? undefined : nanoseconds / 1e9;
  }

  folder(name: string, controller: "cpu" | "memory"): string {
    return `${this.#of[controller]}/${ROOT_GROUP}/${name}`;
  }
}

export class ControlGroupsV2 extends Hierarchies {
  readonly #mount: string;

  constructor(mount: string) {
    super([mount]);
    this.#mount = mount;
  }

  async make(name: string): Promise<void> {
    const available = (await readFile(`${this.#mount}/cgroup.controllers`, "utf8")).trim().split(" ");
    const wanted = ["cpu", "memory", "pids", "io", "cpuset"].filter((controller) =>
      available.includes(controller),
    );
    const enable = wanted.map((controller) => `+${controller}`).join(" ");
    let above = this.#mount;
    for (const step of pathSteps(name)) {
      // Controllers are handed down one level at a time, by the group above.
      await writeFile(`${above}/cgroup.subtree_control`, enable);
      above = `${this.#mount}/${step}`;
      await mkdir(above, { recursive: true });
    }
    await writeFile(`${this.#mount}/${ROOT_GROUP}/cpu.weight`, OUR_WEIGHT_V2);
  }

  async limit(name: string, limits: MachineLimits): Promise<void> {
    const folder = this.folder(name);
    const quota = Math.round(limits.cores * CPU_PERIOD_US);
    await writeFile(`${folder}/cpu.max`, `${quota} ${CPU_PERIOD_US}`);
    await writeFile(`${folder}/memory.max`, String(limits.memoryBytes));
    if (existsSync(`${folder}/memory.swap.max`)) await writeFile(`${folder}/memory.swap.max`, "0");
    if (existsSync(`${folder}/pids.max`)) await writeFile(`${folder}/pids.max`, MOST_PROCESSES);
  }

  /** A divided group of version 2 lets no process in beside its parts. */
  async enterFiles(_name: string, leader: number): Promise<string[]> {
    const [, path = ""] = (await readFile(`/proc/${leader}/cgroup`, "utf8")).trim().split("::");
    return [`${this.#mount}${path}/cgroup.procs`];
  }

  async cpuSeconds(name: string): Promise<number | undefined> {
    const microseconds = readNumber(`${this.folder(name)}/cpu.stat`, /^usage_usec (\d+)$/m);
    return microseconds === undefined ? undefined : microseconds / 1e6;
  }

  folder(name: string): string {
    return `${this.#mount}/${ROOT_GROUP}/${name}`;
  }
}

/** "lab/4711" → "dukaan", "dukaan/lab", "dukaan/lab/4711" */
function pathSteps(name: string): string[] {
  const parts = [ROOT_GROUP, ...name.split("/")];
  return parts.map((_, index) => parts.slice(0, index + 1).join("/"));
}

function readNumber(file: string, pattern: RegExp): number | undefined {
  const [, digits] = pattern.exec(readNow(file)) ?? [];
  return digits === undefined ? undefined : Number(digits);
}

async function inheritCpuset(hierarchy: string, step: string): Promise<void> {
  const above = step.includes("/") ? step.slice(0, step.lastIndexOf("/")) : ".";
  for (const file of ["cpuset.cpus", "cpuset.mems"]) {
    const own = await readFile(`${hierarchy}/${step}/${file}`, "utf8");
    if (own.trim() !== "") continue;
    await writeFile(`${hierarchy}/${step}/${file}`, await readFile(`${hierarchy}/${above}/${file}`, "utf8"));
  }
}

async function childFolders(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  } catch (error) {
    if (isGone(error)) return [];
    throw error;
  }
}

async function processesBelow(folder: string): Promise<number[]> {
  const below = (await childFolders(folder)).map((child) => processesBelow(`${folder}/${child}`));
  const here = readFile(`${folder}/cgroup.procs`, "utf8").catch((error: unknown) => {
    if (isGone(error)) return "";
    throw error;
  });
  const lines = (await here).split("\n").filter((line) => line !== "" && line !== "0");
  return [...lines.map(Number), ...(await Promise.all(below)).flat()];
}

/** A group stays busy for a moment after its last process was reaped. */
async function removeBelow(folder: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      await removeTree(folder);
      return;
    } catch (error) {
      if (attempt >= 100 || !(error instanceof Error && "code" in error && error.code === "EBUSY"))
        throw error;
      await sleep(20);
    }
  }
}

/** One attempt: trying again is for the whole, or each level would multiply the attempts of the one above it. */
async function removeTree(folder: string): Promise<void> {
  try {
    await Promise.all((await childFolders(folder)).map((child) => removeTree(`${folder}/${child}`)));
    await rmdir(folder);
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

const isGone = (error: unknown): boolean =>
  error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENODEV");
