import { spawn } from "node:child_process";
import { mkdir, readFile, rm, rmdir } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { succeeds } from "./command.js";
import { type ControlGroups, detectControlGroups } from "./cgroups.js";
import { mounts } from "./mounts.js";
import { HostError } from "./host.js";
import { type Instance, servicesGroup } from "./instance.js";

/** A FUSE file system with files of /proc that tell the reader's own limits, e.g. its memory. One for an instance. */
export const lxcfsFolder = (instance: Instance): string => `${instance.runFolder}/lxcfs`;

/** Starts it, detached, when it does not run. */
export async function lxcfsUp(instance: Instance, groups: ControlGroups): Promise<void> {
  const folder = lxcfsFolder(instance);
  if (await lxcfsAnswers(instance)) return;
  await lxcfsDown(instance);
  await mkdir(folder, { recursive: true });
  const join = groups.joinFiles(servicesGroup(instance));
  const script =
    'for group in $OWN_GROUPS; do echo 0 >"$group" || exit 90; done; unset OWN_GROUPS; exec "$@"';
  const command = [
    "lxcfs",
    "--foreground",
    "--enable-loadavg",
    "--enable-cfs",
    `--pidfile=${pidFile(instance)}`,
    folder,
  ];
  const child = spawn("sh", ["-c", script, "sh", ...command], {
    detached: true,
    stdio: "ignore",
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", OWN_GROUPS: join.join(" ") },
  });
  child.unref();
  for (let waited = 0; !(await lxcfsAnswers(instance)); waited++) {
    if (child.exitCode !== null || waited > 500) {
      throw new HostError(
        `lxcfs, which shows machines their own memory, did not start (exit code ${child.exitCode})`,
        `Try \`lxcfs ${folder}\` by hand; /dev/fuse must exist.`,
      );
    }
    await sleep(10);
  }
}

export async function lxcfsDown(instance: Instance): Promise<void> {
  const folder = lxcfsFolder(instance);
  // Machines hold the mounted files; a lazy unmount lets lxcfs end, and theirs go with the machines.
  if ((await mounts()).some(({ point }) => point === folder)) await succeeds("umount", ["-l", folder]);
  const pid = Number((await readFile(pidFile(instance), "utf8").catch(() => "")).trim());
  // Process ids are used again, also by other lxcfs; what is in our control group is ours.
  const ours = await (await detectControlGroups()).processes(servicesGroup(instance));
  if (ours.includes(pid)) process.kill(pid, "SIGTERM");
  await rm(pidFile(instance), { force: true });
  await rmdir(folder).catch(() => undefined);
}

const pidFile = (instance: Instance): string => `${instance.runFolder}/lxcfs.pid`;

/**
 * A mount whose process died is still listed, but does not answer. Read, not only looked at: for a second after its end
 * the kernel tells a file's size and times from memory.
 */
export async function lxcfsAnswers(instance: Instance): Promise<boolean> {
  const file = `${lxcfsFolder(instance)}/proc/meminfo`;
  return (await readFile(file, "utf8").catch(() => "")).includes("MemTotal");
}
