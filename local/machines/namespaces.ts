import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { run, succeeds } from "./command.js";
import type { Instance } from "./instance.js";

/** Network namespaces by name, and commands in them. All of it through iproute2, so that `ip netns` shows the same. */
const FOLDER = "/run/netns";

export const namespacePath = (namespace: string): string => `${FOLDER}/${namespace}`;
export const namespaceExists = (namespace: string): boolean => existsSync(namespacePath(namespace));

/** Names of the instance's namespaces: its world, its private networks, its machines. */
export async function namespacesOf(instance: Instance): Promise<string[]> {
  if (!existsSync(FOLDER)) return [];
  const names = await readdir(FOLDER);
  return names.filter((name) => name === instance.world || name.startsWith(`${instance.world}.`));
}

export async function addNamespace(namespace: string): Promise<void> {
  if (!namespaceExists(namespace)) await run("ip", ["netns", "add", namespace]);
}

export async function deleteNamespace(namespace: string): Promise<void> {
  if (!namespaceExists(namespace)) return;
  // A file without a namespace behind it (left by a restart of the computer) cannot be deleted as one.
  if (!(await succeeds("ip", ["netns", "delete", namespace])))
    await run("rm", ["-f", namespacePath(namespace)]);
}

/** `ip` commands, one a line and without "ip", carried out in order in a namespace; stops at the first that fails. */
export async function ipBatch(namespace: string | undefined, lines: string[]): Promise<void> {
  if (lines.length === 0) return;
  const where = namespace === undefined ? [] : ["-n", namespace];
  await run("ip", [...where, "-batch", "-"], `${lines.join("\n")}\n`);
}

/** As {@link ipBatch}, but goes on after failures: for removing what may not be there. */
export async function ipBatchLenient(namespace: string | undefined, lines: string[]): Promise<void> {
  if (lines.length === 0) return;
  const where = namespace === undefined ? [] : ["-n", namespace];
  await run("ip", [...where, "-force", "-batch", "-"], `${lines.join("\n")}\n`).catch(() => undefined);
}

/** What `ip -json` prints, in a namespace. */
export async function ipJson<T>(namespace: string | undefined, args: string[]): Promise<T[]> {
  const where = namespace === undefined ? [] : ["-n", namespace];
  const printed = await run("ip", [...where, "-json", ...args]);
  const found: T[] = printed.trim() === "" ? [] : JSON.parse(printed);
  return found;
}

export async function interfaceExists(namespace: string, name: string): Promise<boolean> {
  return succeeds("ip", ["-n", namespace, "link", "show", "dev", name]);
}

/** Kernel settings of a namespace, e.g. `{ "net.ipv4.ip_forward": "1" }`. */
export async function setKernel(namespace: string, settings: Record<string, string>): Promise<void> {
  const words = Object.entries(settings).map(([key, value]) => `${key}=${value}`);
  // nsenter and not `ip netns exec`, whose own mount namespace would keep our mounts alive.
  await run("nsenter", [`--net=${namespacePath(namespace)}`, "sysctl", "-q", "-w", ...words]);
}
