import { readFile, readdir } from "node:fs/promises";
import { execa } from "execa";

/**
 * What this computer has of networks, mounts, cgroups, loop devices, processes and run files, one line each: taken before and
 * after, it shows what a local cloud left behind. Asked of the kernel itself, not of the code under test.
 */
export async function hostTraces(): Promise<Set<string>> {
  const lines = new Set<string>();
  const add = (kind: string, text: string) => {
    for (const line of text.split("\n").map(withoutCounts)) if (line !== "") lines.add(`${kind}: ${line}`);
  };
  const ask = async (kind: string, file: string, ...args: string[]) => {
    const result = await execa(file, args, { reject: false });
    add(kind, result.stdout);
  };
  await ask("namespace", "ip", "netns", "list");
  await ask("route", "ip", "route", "show", "table", "all");
  await ask("route6", "ip", "-6", "route", "show", "table", "all");
  await ask("rule", "ip", "rule", "show");
  // Of files those alone that are a local cloud's: others come into /run and go.
  for (const folder of ["/run/netns", "/run/dukaan", "/run/systemd/nspawn"])
    await ask(`file in ${folder}`, "ls", folder);
  await ask("nft", "nft", "list", "ruleset");
  await ask("iptables", "iptables-save");
  await ask("loop", "losetup", "--list", "--noheadings", "--output", "NAME,BACK-FILE");
  const links = await execa("ip", ["-o", "link", "show"], { reject: false });
  for (const line of links.stdout.split("\n")) add("link", line.split(":")[1] ?? "");
  const mounts = await readFile("/proc/mounts", "utf8");
  for (const line of mounts.split("\n")) add("mount", line.split(" ").slice(0, 3).join(" "));
  for (const process of await readdir("/proc")) {
    if (!/^\d+$/.test(process)) continue;
    const command = await readFile(`/proc/${process}/cmdline`, "utf8").catch(() => "");
    if (/systemd-nspawn|lxcfs|dist\/local\//.test(command))
      add("process", `${process} ${command.replaceAll("\0", " ")}`);
  }
  const groups = await execa("find", ["/sys/fs/cgroup", "-mindepth", "1", "-maxdepth", "4", "-type", "d"], {
    reject: false,
  });
  // Others' come and go, also without us.
  const ours = groups.stdout.split("\n").filter((group) => /dukaan|nspawn|lxcfs|machine/.test(group));
  add("cgroup", ours.join("\n"));
  return lines;
}

/** What the kernel counts on goes on without us: bytes of a rule, the seconds of a route that a router told of. */
function withoutCounts(line: string): string {
  return line
    .replace(/^#.*/, "")
    .replace(/\[\d+:\d+\]|counter packets \d+ bytes \d+|expires \d+sec/g, "")
    .trim();
}
