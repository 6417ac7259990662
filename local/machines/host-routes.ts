import { lookup } from "node:dns/promises";
import { readdir, readFile, rmdir } from "node:fs/promises";
import { BlockList } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { run, succeeds } from "./command.js";
import { DOCUMENTATION_RANGES } from "./instance.js";
import { ipBatch, ipJson } from "./namespaces.js";

/**
 * What all instances share on this computer: routes that lead nowhere behind the instances' own, so that nothing for
 * these addresses follows the computer's default route when no instance is up. The worst metric: a real route wins.
 */
const dropRoutes = DOCUMENTATION_RANGES.map((range) => `unreachable ${range} metric 4294967295`);

/** Marks the routes that keep what the computer really uses, so that they are found again. */
const KEPT = "213";

export async function hostRoutesUp(): Promise<void> {
  const kept = await addressesInRealUse();
  const [way] = await ipJson<{ gateway?: string; dev: string }>(undefined, [
    "-4",
    "route",
    "show",
    "default",
  ]);
  const via = way?.gateway === undefined ? "" : `via ${way.gateway}`;
  await ipBatch(undefined, [
    ...(way === undefined
      ? []
      : kept.map((ip) => `route replace ${ip}/32 ${via} dev ${way.dev} proto ${KEPT}`)),
    ...dropRoutes.map((route) => `route replace ${route}`),
  ]);
}

export async function hostRoutesDown(): Promise<void> {
  for (const route of dropRoutes) await succeeds("ip", ["route", "delete", ...route.split(" ")]);
  const kept = await ipJson<{ dst: string }>(undefined, ["-4", "route", "show", "proto", KEPT]);
  await ipBatch(
    undefined,
    kept.map(({ dst }) => `route delete ${dst} proto ${KEPT}`),
  );
  await removeNamespaceFolder();
}

/**
 * IPv4 addresses within our ranges that this computer uses for something else, so that no server may get them; empty
 * nearly everywhere. Answers within a second, also without a network.
 */
export async function addressesInRealUse(): Promise<string[]> {
  const ours = new BlockList();
  for (const range of DOCUMENTATION_RANGES.filter((each) => each.includes("."))) {
    const [network = "", length] = range.split("/");
    ours.addSubnet(network, Number(length), "ipv4");
  }
  const answers = await Promise.all((await packageHosts()).map(addressesOfName));
  const used = new Set([...answers.flat(), ...(await nameServers())]);
  return [...used].filter((address) => ours.check(address)).sort();
}

/**
 * Where this computer gets its packages. Some networks (sandboxes, CI) answer these names with documentation
 * addresses, through a proxy there; everywhere else none of them is in our ranges.
 */
async function packageHosts(): Promise<string[]> {
  const folder = "/etc/apt/sources.list.d";
  const files = (await readdir(folder).catch(() => [])).map((name) => `${folder}/${name}`);
  const read = [...files, "/etc/apt/sources.list"].map((file) => readFile(file, "utf8").catch(() => ""));
  const proxies = ["http_proxy", "https_proxy"].map((name) => process.env[name] ?? "");
  const hosts = [...(await Promise.all(read)), ...proxies].flatMap((text) =>
    [...text.matchAll(/https?:\/\/(?:[^/\s@]*@)?([^/\s:]+)/g)].map(([, host = ""]) => host),
  );
  return [...new Set(hosts)];
}

async function addressesOfName(name: string): Promise<string[]> {
  const asked = lookup(name, { all: true, family: 4 }).catch(() => []);
  // No answer soon is none: the computer is offline, and then it uses nothing out there.
  const answers = await Promise.race([asked, sleep(1000, [], { ref: false })]);
  return answers.map(({ address }) => address);
}

async function nameServers(): Promise<string[]> {
  const lines = (await readFile("/etc/resolv.conf", "utf8").catch(() => "")).split("\n");
  return lines.flatMap((line) => /^nameserver\s+([0-9.]+)\s*$/.exec(line)?.[1] ?? []);
}

/** iproute2 makes this folder, a mount, with the first namespace; with the last one gone it has no use. */
async function removeNamespaceFolder(): Promise<void> {
  if (await succeeds("mountpoint", ["-q", "/run/netns"])) {
    if ((await run("ls", ["-A", "/run/netns"])) !== "") return;
    await succeeds("umount", ["/run/netns"]);
  }
  await rmdir("/run/netns").catch(() => undefined);
}
