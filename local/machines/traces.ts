import { existsSync } from "node:fs";
import { readFile, readlink } from "node:fs/promises";
import { detectControlGroups } from "./cgroups.js";
import type { Instance } from "./instance.js";
import { loopDevices } from "./disks.js";
import { mounts } from "./mounts.js";
import { namespacesOf } from "./namespaces.js";

/** What of an instance is on this computer now, a line each, for people and for tests. Empty: no trace of it. */
export async function tracesOf(instance: Instance): Promise<string[]> {
  const groups = await detectControlGroups();
  const processes = await groups.processes(instance.name);
  const children = await groups.children(instance.name);
  const points = await mountsOf(instance);
  const { machinesFolder, networksFolder, volumesFolder, balancersFolder, imagesFolder, runFolder } =
    instance;
  const loops = await Promise.all([machinesFolder, volumesFolder].map((folder) => loopDevices(`${folder}/`)));
  const folders = [
    machinesFolder,
    networksFolder,
    volumesFolder,
    balancersFolder,
    imagesFolder,
    runFolder,
  ].filter((folder) => existsSync(folder));
  return [
    ...(await Promise.all(processes.map(async (pid) => `process ${pid} ${await commandLine(pid)}`))),
    ...children.map((child) => `control group ${instance.name}/${child}`),
    ...points.map((point) => `mount ${point}`),
    ...loops.flat().map(({ device, file }) => `loop device ${device} on ${file}`),
    ...(await namespacesOf(instance)).map((name) => `network namespace ${name}`),
    ...(existsSync(`/sys/class/net/${instance.world}`) ? [`network interface ${instance.world}`] : []),
    ...folders.map((folder) => `folder ${folder}`),
  ];
}

/** Mounts of the instance, inner ones last. */
export async function mountsOf(instance: Instance): Promise<string[]> {
  const points = (await mounts()).map(({ point }) => point);
  const folders = [instance.machinesFolder, instance.runFolder];
  return points.filter((point) => folders.some((folder) => point.startsWith(`${folder}/`)));
}

async function commandLine(pid: number): Promise<string> {
  const words = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  const program = words.split("\0")[0] ?? "";
  return program === "" ? readlink(`/proc/${pid}/exe`).catch(() => "?") : program;
}
