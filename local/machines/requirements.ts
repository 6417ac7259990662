import { statfs } from "node:fs/promises";
import { execa } from "execa";
import { succeeds } from "./command.js";
import { detectControlGroups } from "./cgroups.js";
import { HostError } from "./host.js";
import { missingHostPackages } from "../image/host-packages.js";

/** One thing that the local cloud needs of this computer. */
export interface Requirement {
  tool: string;
  ok: boolean;
  version?: string;
  path?: string;
  /** What to do when it is not met. */
  remedy: string;
}

/** The base image, the package pool and the disks of some machines. */
const FREE_BYTES_TO_START = 3 * 2 ** 30;

/** Looks at this computer; changes nothing. @param folder where machines will keep their disks */
export async function inspectRequirements(folder: string): Promise<Requirement[]> {
  if (process.platform !== "linux") {
    const remedy = "Use a Linux computer or virtual machine; real Hetzner stacks work from here too.";
    return [{ tool: "Linux", ok: false, remedy }];
  }
  const root = process.getuid?.() === 0;
  const basic = [
    { tool: "Linux", ok: true, remedy: "" },
    {
      tool: "root",
      ok: root,
      remedy: "Run the command with sudo: machines need namespaces, mounts and limits.",
    },
  ];
  if (!root) return basic;
  const packages = await missingHostPackages();
  const packagesRemedy =
    packages.length === 0
      ? ""
      : `apt-get install ${packages.join(" ")} (the local cloud does that when it starts)`;
  return [
    ...basic,
    { tool: "Debian packages", ok: packages.length === 0, remedy: packagesRemedy },
    await controlGroups(),
    ...(await Promise.all(KERNEL_FEATURES.map(inspectFeature))),
    await freeSpace(folder),
  ];
}

/** @throws HostError that names everything that is missing */
export async function checkRequirements(folder: string): Promise<void> {
  const missing = (await inspectRequirements(folder)).filter(({ ok }) => !ok);
  if (missing.length === 0) return;
  throw new HostError(
    `this computer lacks what the local cloud needs: ${missing.map(({ tool }) => tool).join(", ")}`,
    missing.map(({ tool, remedy }) => `${tool}: ${remedy}`).join(" "),
  );
}

/** Each is tried in namespaces that end with the attempt. */
const KERNEL_FEATURES = [
  { tool: "namespaces", attempt: "true" },
  { tool: "veth interfaces", attempt: "ip link add dk-probe type veth peer name dk-probe-2" },
  { tool: "IPv6", attempt: "test -d /proc/sys/net/ipv6" },
  { tool: "nftables", attempt: "nft add table inet dk-probe" },
  {
    tool: "overlay file system",
    attempt:
      "mount -t tmpfs none /mnt && cd /mnt && mkdir l u w m && mount -t overlay none -o lowerdir=l,upperdir=u,workdir=w m",
  },
  { tool: "loop devices", attempt: "test -c /dev/loop-control || modprobe loop" },
  { tool: "FUSE", attempt: "test -c /dev/fuse || modprobe fuse" },
];

async function inspectFeature(feature: { tool: string; attempt: string }): Promise<Requirement> {
  const ok = await succeeds("unshare", ["--mount", "--net", "--pid", "--fork", "sh", "-ec", feature.attempt]);
  const remedy = ok
    ? ""
    : "The kernel must offer it (Debian's does); inside a container, run that with --privileged, or use a virtual machine.";
  return { tool: feature.tool, ok, remedy };
}

async function controlGroups(): Promise<Requirement> {
  const tool = "control groups";
  try {
    await detectControlGroups();
    return { tool, ok: true, remedy: "" };
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    return { tool, ok: false, remedy: error.remedy };
  }
}

async function freeSpace(folder: string): Promise<Requirement> {
  const { stdout } = await execa("sh", [
    "-c",
    'd=$1; until [ -d "$d" ]; do d=$(dirname "$d"); done; echo "$d"',
    "sh",
    folder,
  ]);
  const { bavail, bsize } = await statfs(stdout);
  const free = bavail * bsize;
  return {
    tool: "disk space",
    ok: free >= FREE_BYTES_TO_START,
    version: `${gib(free)} free`,
    path: folder,
    remedy: `Free ${gib(FREE_BYTES_TO_START)} or more there, or set DUKAAN_LOCAL_HOME to a folder on a larger disk.`,
  };
}

const gib = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
