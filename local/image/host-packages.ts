import { existsSync } from "node:fs";
import { execa } from "execa";
import { HostError } from "../machines/host.js";

/** Debian packages of this computer that machines are built and run with, and a file by which each is known. */
const HOST_PACKAGES: Record<string, string> = {
  "systemd-container": "/usr/bin/systemd-nspawn",
  mmdebstrap: "/usr/bin/mmdebstrap",
  "apt-utils": "/usr/bin/apt-ftparchive",
  haproxy: "/usr/sbin/haproxy",
  knot: "/usr/sbin/knotd",
  lxcfs: "/usr/bin/lxcfs",
  nftables: "/usr/sbin/nft",
  iproute2: "/usr/sbin/ip",
  e2fsprogs: "/usr/sbin/mkfs.ext4",
  xfsprogs: "/usr/sbin/mkfs.xfs",
  "util-linux": "/usr/bin/nsenter",
  procps: "/usr/sbin/sysctl",
  "debian-archive-keyring": "/usr/share/keyrings/debian-archive-keyring.gpg",
};

/** Those that are not installed. */
export async function missingHostPackages(): Promise<string[]> {
  return Object.entries(HOST_PACKAGES).flatMap(([name, file]) => (installed(file) ? [] : [name]));
}

/**
 * Installs what is missing with apt-get.
 *
 * @throws HostError when it cannot: not root, no apt-get, or apt-get's own message
 */
export async function ensureHostPackages(onProgress: (message: string) => void): Promise<void> {
  const missing = await missingHostPackages();
  if (missing.length === 0) return;
  const names = missing.join(" ");
  if (process.getuid?.() !== 0) {
    throw new HostError(
      `the local cloud needs these packages: ${names}`,
      `Run: sudo apt-get install ${names}`,
    );
  }
  if (!existsSync("/usr/bin/apt-get")) {
    throw new HostError(
      `the local cloud needs what Debian calls ${names}, and this computer has no apt-get`,
      "Install them with this computer's package manager.",
    );
  }
  onProgress(`Installing ${names} with apt-get (usually 10 to 30 s)`);
  const install = [
    "-qq",
    "-o",
    "DPkg::Lock::Timeout=300",
    "install",
    "--yes",
    "--no-install-recommends",
    ...missing,
  ];
  const keepQuiet = await quietServices(missing);
  const env = { DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C" };
  const tryToInstall = () => execa("apt-get", install, { env, reject: false });
  const first = await tryToInstall();
  if (!first.failed) return keepQuiet();
  // Package lists that are absent or old are the usual reason.
  await execa("apt-get", ["-qq", "update"], { env, reject: false });
  const second = await tryToInstall();
  await keepQuiet();
  const still = await missingHostPackages();
  if (still.length > 0) {
    const said = second.stderr.trim().split("\n").slice(-3).join("; ");
    throw new HostError(
      `apt-get could not install ${still.join(" ")}: ${said}`,
      `Try: apt-get install ${still.join(" ")}`,
    );
  }
}

/**
 * Debian starts a package's service when it is installed, and at each start of the computer. Nobody has asked for a
 * name server of this computer itself: ours is started by ourselves. To be called before the installation; what it
 * returns, after it.
 */
async function quietServices(packages: string[]): Promise<() => Promise<void>> {
  const hasSystemd = existsSync("/run/systemd/system");
  const systemctl = async (...args: string[]): Promise<void> => {
    if (!hasSystemd || !packages.includes("knot")) return;
    await execa("systemctl", [...args, "knot.service"], { reject: false });
  };
  await systemctl("mask", "--runtime");
  return async () => {
    await systemctl("unmask", "--runtime");
    await systemctl("disable");
  };
}

/** On older systems /bin and /sbin are not yet links into /usr. */
function installed(file: string): boolean {
  return existsSync(file) || existsSync(file.replace("/usr/", "/"));
}
