import { spawn } from "node:child_process";
import { openSync, closeSync, existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { run, succeeds } from "./command.js";
import type { ControlGroups } from "./cgroups.js";
import { rootMount, rootOf } from "./disks.js";
import { HostError } from "./host.js";
import { guestGroup, type Instance, machineFolder, machineNamespace, servicesGroup } from "./instance.js";
import { lxcfsFolder } from "./lxcfs.js";
import { type Mount, mounts } from "./mounts.js";
import { namespacePath } from "./namespaces.js";
import { processOf, readNow } from "./pid-file.js";
import { projectRoot } from "./project-root.js";
import type { MachineRecord } from "./records.js";
import { seedFolder } from "./seed.js";

/** Signals of systemd as process 1; numbers because Node.js has no names for real-time signals (SIGRTMIN is 34). */
const SIGNAL_POWER_OFF = 34 + 4;
/** What nspawn ends with when the guest asked for a reboot. */
const STATUS_REBOOT = 133;

/** Supervisors write exit statuses here; one folder, so that one watch sees them all. */
export const exitsFolder = (instance: Instance): string => `${instance.runFolder}/exits`;
export const pidsFolder = (instance: Instance): string => `${instance.runFolder}/pids`;
const pidFile = (instance: Instance, id: string): string => `${pidsFolder(instance)}/${id}`;
const statusFile = (instance: Instance, id: string): string => `${exitsFolder(instance)}/${id}`;
export const consoleLog = (instance: Instance, id: string): string =>
  `${machineFolder(instance, id)}/console.log`;

export async function prepareRunFolders(instance: Instance): Promise<void> {
  await mkdir(exitsFolder(instance), { recursive: true });
  await mkdir(pidsFolder(instance), { recursive: true });
}

/**
 * nspawn keeps sockets and locks in this folder and mounts through it; where /run is not a tmpfs (no systemd on this
 * computer) it needs one of its own.
 */
export async function prepareNspawnFolder(): Promise<void> {
  await mkdir(NSPAWN_FOLDER, { recursive: true });
  for (const folder of ["/run", NSPAWN_FOLDER]) {
    if (await isMounted(folder, ({ type }) => type === "tmpfs")) return;
  }
  await run("mount", ["-t", "tmpfs", "-o", "mode=755", NSPAWN_MOUNT_SOURCE, NSPAWN_FOLDER]);
}

export async function removeNspawnFolder(): Promise<void> {
  if (await isMounted(NSPAWN_FOLDER, ({ source }) => source === NSPAWN_MOUNT_SOURCE)) {
    await succeeds("umount", [NSPAWN_FOLDER]);
  }
}

const NSPAWN_FOLDER = "/run/systemd/nspawn";
const NSPAWN_MOUNT_SOURCE = "dukaan";

async function isMounted(point: string, kind: (mount: Mount) => boolean): Promise<boolean> {
  return (await mounts()).some((mount) => mount.point === point && kind(mount));
}

/**
 * Starts the machine's init and waits until it runs. Its namespace and control groups must be there.
 *
 * @param volumes from plugVolumes
 */
export async function startInit(
  instance: Instance,
  groups: ControlGroups,
  machine: MachineRecord,
  volumes: string,
): Promise<void> {
  const { id } = machine;
  const root = await rootOf(instance, machine);
  await rm(statusFile(instance, id), { force: true });
  await rm(pidFile(instance, id), { force: true });
  const log = openSync(consoleLog(instance, id), "w", 0o600);
  try {
    const supervise = `${projectRoot()}/local/machines/supervise.sh`;
    const files = [pidFile(instance, id), statusFile(instance, id)];
    const supervisor = spawn(
      "unshare",
      // What is unmounted on this computer later is not kept busy by a copy of it here; nothing gets out from here.
      [
        "--mount",
        "--propagation",
        "slave",
        supervise,
        ...files,
        ...nspawnCommand(instance, machine, volumes),
      ],
      {
        detached: true,
        stdio: ["ignore", log, log],
        env: {
          PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
          OWN_GROUPS: groups.joinFiles(servicesGroup(instance)).join(" "),
          MACHINE_GROUPS: groups.joinFiles(guestGroup(instance, id)).join(" "),
          NETWORK_NAMESPACE: namespacePath(machineNamespace(instance, id)),
          ...root,
        },
      },
    );
    supervisor.unref();
    await new Promise<void>((resolve, reject) => {
      supervisor.once("spawn", resolve);
      supervisor.once("error", reject);
    });
  } finally {
    closeSync(log);
  }
  for (let waited = 0; !(await isUp(instance, id)); waited++) {
    if (existsSync(statusFile(instance, id)) || waited > 1000) {
      const said = (await readFile(consoleLog(instance, id), "utf8")).trim().split("\n").slice(-3).join("; ");
      throw new HostError(`machine ${id} did not start: ${said}`, "`./dukaan doctor` checks this computer.");
    }
    await sleep(10);
  }
}

function nspawnCommand(instance: Instance, machine: MachineRecord, volumes: string): string[] {
  const { id, name } = machine;
  return [
    "systemd-nspawn",
    "--quiet",
    "--settings=no",
    // No machined and no system manager of this computer takes part: there may be none.
    "--register=no",
    "--keep-unit",
    "--capability=CAP_NET_ADMIN",
    "--kill-signal=SIGRTMIN+3",
    "--network-namespace-path=/proc/self/fd/9",
    "--resolv-conf=off",
    "--timezone=off",
    "--link-journal=no",
    "--console=read-only",
    `--bind-ro=${seedFolder(instance, id)}:/var/lib/cloud/seed/nocloud`,
    `--bind-ro=${machine.packagePool}:/srv/debian`,
    `--bind-ro=${lxcfsFolder(instance)}:/run/lxcfs`,
    // The kernel's has 64 characters at most, a server's name 253; cloud-init sets its first part, too.
    `--hostname=${name.split(".")[0]}`,
    // What its init makes device nodes of.
    `--setenv=VOLUMES=${volumes}`,
    `--machine=${machineNamespace(instance, id)}`,
    `--directory=${rootMount(instance, id)}`,
    "/usr/lib/dukaan/init",
  ];
}

/** Process id of the machine's supervisor, undefined when it does not run. */
export async function supervisorOf(instance: Instance, id: string): Promise<number | undefined> {
  return processOf(pidFile(instance, id));
}

/**
 * Kills supervisors that are not on record: a server that was killed had only just started them. They would go on to
 * mount and boot a machine that its next server takes for off.
 */
export async function killStraySupervisors(instance: Instance): Promise<void> {
  for (const pid of await straySupervisors(instance)) signal(pid, 9);
}

/** Process ids of supervisors of the instance that are not on record. */
export async function straySupervisors(instance: Instance): Promise<number[]> {
  const found: number[] = [];
  const prefix = pidFile(instance, "");
  const pids = (await readdir("/proc")).filter((name) => /^[0-9]+$/.test(name)).map(Number);
  for (const pid of pids) {
    const words = readNow(`/proc/${pid}/cmdline`).split("\0");
    const script = words.findIndex((word) => word.endsWith("/local/machines/supervise.sh"));
    const file = script === -1 ? undefined : words[script + 1];
    if (!file?.startsWith(prefix)) continue;
    if ((await supervisorOf(instance, file.slice(prefix.length))) !== pid) found.push(pid);
  }
  return found;
}

/** Process id, on this computer, of the machine's process 1. */
export async function leaderOf(instance: Instance, id: string): Promise<number | undefined> {
  const supervisor = await supervisorOf(instance, id);
  if (supervisor === undefined) return undefined;
  for (const manager of childrenOf(supervisor)) {
    for (const child of childrenOf(manager)) {
      // nspawn has helpers of its own for a while; the machine's first process is number 1 in its own namespace.
      if (/^NSpid:.*\t1$/m.test(readNow(`/proc/${child}/status`))) return child;
    }
  }
  return undefined;
}

export async function isRunning(instance: Instance, id: string): Promise<boolean> {
  return !existsSync(statusFile(instance, id)) && (await supervisorOf(instance, id)) !== undefined;
}

/** How a machine ended, and forgets it; undefined when it runs or when that was told already. */
export async function takeExit(
  instance: Instance,
  id: string,
): Promise<"reboot" | "poweroff" | "crash" | undefined> {
  const status = readNow(statusFile(instance, id)).trim();
  if (status === "") {
    // No status although it was supervised: the supervisor was killed too, or the computer restarted.
    if (!existsSync(pidFile(instance, id)) || (await isRunning(instance, id))) return undefined;
  }
  await rm(statusFile(instance, id), { force: true });
  await rm(pidFile(instance, id), { force: true });
  if (Number(status) === STATUS_REBOOT) return "reboot";
  return status === "0" ? "poweroff" : "crash";
}

/** Asks the machine's init to power off. */
export async function requestPowerOff(instance: Instance, id: string): Promise<void> {
  const leader = await leaderOf(instance, id);
  if (leader !== undefined) signal(leader, SIGNAL_POWER_OFF);
}

/** Kills every process of a control group, and those that they start meanwhile. */
export async function killAll(groups: ControlGroups, group: string): Promise<void> {
  for (let attempt = 0; attempt < 500; attempt++) {
    const pids = await groups.processes(group);
    if (pids.length === 0) return;
    for (const pid of pids) signal(pid, 9);
    await sleep(10);
  }
  throw new HostError(
    `processes of ${group} do not end: ${(await groups.processes(group)).join(", ")}`,
    "They wait for a device; look with `ps`.",
  );
}

function signal(pid: number, number: number): void {
  try {
    process.kill(pid, number);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

function childrenOf(pid: number): number[] {
  const words = readNow(`/proc/${pid}/task/${pid}/children`).split(" ");
  return words.filter((word) => word !== "").map(Number);
}

/** Whether the machine's first process is its system manager by now, and no longer what prepares the way for it. */
async function isUp(instance: Instance, id: string): Promise<boolean> {
  const leader = await leaderOf(instance, id);
  return leader !== undefined && readNow(`/proc/${leader}/comm`).trim() === "systemd";
}
