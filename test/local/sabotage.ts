import { type ChildProcess, spawn } from "node:child_process";
import { appendFile, mkdir, readFile, rename, rm, rmdir, truncate, writeFile } from "node:fs/promises";
import { execa } from "execa";
import { detectControlGroups } from "../../local/machines/cgroups.js";
import { execInMachine } from "../../local/machines/enter.js";
import { applyFirewall } from "../../local/machines/firewall.js";
import {
  type Instance,
  machineGroup,
  machineLink,
  machineNamespace,
  networkNamespace,
} from "../../local/machines/instance.js";
import { balancerFiles } from "../../local/machines/load-balancers.js";
import { nameServerFiles } from "../../local/machines/name-server.js";
import { namespacePath } from "../../local/machines/namespaces.js";
import { exitsFolder, pidsFolder } from "../../local/machines/nspawn.js";
import { readMachine, readStations, requireMachine } from "../../local/machines/records.js";
import { volumeImage } from "../../local/machines/volume-devices.js";
import { until } from "./machine-lab.js";

/** A cloud whose process is gone, with one of each kind. */
export interface Target {
  instance: Instance;
  stateFile: string;
  /** Ids. */
  web: string;
  network: string;
  /** Volumes: the web server's, and nobody's. */
  used: string;
  spare: string;
  balancer: string;
}

export interface Sabotage {
  what: string;
  /** @returns what `mend` needs to know */
  break: (target: Target) => Promise<unknown>;
  mend: (target: Target, broken: unknown) => Promise<unknown>;
  /** What the check says of it. */
  says: RegExp;
}

export const command = async (line: string): Promise<string> => (await execa("sh", ["-ec", line])).stdout;
const inWorld = ({ instance }: Target, line: string) =>
  command(`nsenter --net=${namespacePath(instance.world)} ${line}`);
const inWeb = async ({ instance, web }: Target, line: string) => {
  const { exitCode, stderr } = await execInMachine(instance, web, ["sh", "-ec", line]);
  if (exitCode !== 0) throw new Error(stderr);
};
const firewallAnew = async ({ instance }: Target) => applyFirewall(instance, await readStations(instance));

/** Adds a line that changes nothing but the text. @returns the text before */
const changed = async (file: string): Promise<string> => {
  const before = await readFile(file, "utf8");
  await appendFile(file, "# changed\n");
  return before;
};
const zoneOf = ({ instance }: Target) => `${nameServerFiles(instance).zonesFolder}/check.test.zone`;
const haproxyOf = ({ instance, balancer }: Target) => balancerFiles(instance, balancer).configuration;

const limitOf = async ({ instance, web }: Target): Promise<string> => {
  const folder = (await detectControlGroups()).folder(machineGroup(instance, web), "memory");
  return command(`ls ${folder}/memory.limit_in_bytes 2>/dev/null || ls ${folder}/memory.max`);
};
const strayGroup = async ({ instance }: Target) =>
  (await detectControlGroups()).folder(`${instance.name}/77`, "memory");
const privateDevice = async ({ instance, web }: Target) =>
  (await requireMachine(instance, web)).attachments[0]?.device;

/** What can be broken on the computer, and be mended by hand. */
export const onComputer: Sabotage[] = [
  {
    what: "a network namespace too many",
    break: ({ instance }) => command(`ip netns add ${instance.world}.m77`),
    mend: ({ instance }) => command(`ip netns delete ${instance.world}.m77`),
    says: /network namespace \S+\.m77 is one too many/,
  },
  {
    what: "a control group too many",
    break: async (target) => mkdir(await strayGroup(target)),
    mend: async (target) => rmdir(await strayGroup(target)),
    says: /control group 77 is one too many/,
  },
  {
    what: "a limit that is not enforced",
    break: async (target) => writeFile(await limitOf(target), String(2 ** 28)),
    mend: async (target) => writeFile(await limitOf(target), String(512 * 2 ** 20)),
    says: /server \d+ \(web\): enforced limits: the computer has .*268435456/,
  },
  {
    what: "a mount too many",
    break: ({ instance: { runFolder } }) =>
      command(`mkdir ${runFolder}/m && mount -t tmpfs tmpfs ${runFolder}/m`),
    mend: ({ instance: { runFolder } }) => command(`umount ${runFolder}/m && rmdir ${runFolder}/m`),
    says: /mount \S*\/m is one too many/,
  },
  {
    what: "rules of the firewall that are gone",
    break: (target) => inWorld(target, "nft flush chain inet dukaan input"),
    mend: firewallAnew,
    says: /the firewall: rule .* is missing/,
  },
  {
    what: "a rule of the firewall too many",
    break: (target) => inWorld(target, "nft add rule inet dukaan forward accept"),
    mend: firewallAnew,
    says: /the firewall: rule .* is one too many/,
  },
  {
    what: "a route to a server",
    break: async ({ instance, web }) => {
      const ipv4 = (await readMachine(instance, web))?.addresses.ipv4;
      await command(`ip -n ${instance.world} route delete ${ipv4}/32 dev ${machineLink(web)}`);
      return ipv4;
    },
    mend: ({ instance, web }, ipv4) =>
      command(`ip -n ${instance.world} route add ${String(ipv4)}/32 dev ${machineLink(web)}`),
    says: /the world: route to 203\.0\.113\.\d+ on m\d+ is missing/,
  },
  {
    what: "this computer's way to the servers",
    break: ({ instance }) => command(`ip route delete ${instance.addresses.ipv4Range}`),
    mend: ({ instance: { world, addresses } }) =>
      command(
        `ip route add ${addresses.ipv4Range} via ${addresses.worldIpv4} dev ${world} src ${addresses.hostIpv4}`,
      ),
    says: /this computer's route to 203\.0\.113\.\S+ is missing/,
  },
  {
    what: "an interface in the world too many",
    break: ({ instance }) => command(`ip -n ${instance.world} link add stray type bridge`),
    mend: ({ instance }) => command(`ip -n ${instance.world} link delete stray`),
    says: /the world: interface stray is one too many/,
  },
  {
    what: "a private address of a server",
    break: async (target) => {
      const namespace = machineNamespace(target.instance, target.web);
      await command(`ip -n ${namespace} address delete 10.0.0.2/32 dev ${await privateDevice(target)}`);
    },
    mend: async (target) => {
      const namespace = machineNamespace(target.instance, target.web);
      await command(`ip -n ${namespace} address add 10.0.0.2/32 dev ${await privateDevice(target)}`);
    },
    says: /server \d+ \(web\): its machine has not the address 10\.0\.0\.2/,
  },
  {
    what: "an interface of a network's router too many",
    break: ({ instance, network }) =>
      command(`ip -n ${networkNamespace(instance, network)} link add stray type bridge`),
    mend: ({ instance, network }) =>
      command(`ip -n ${networkNamespace(instance, network)} link delete stray`),
    says: /network \d+ \(net\): its router's interface stray is one too many/,
  },
  {
    what: "a loop device on a volume that nobody has",
    break: ({ instance, spare }) => command(`losetup --find --show ${volumeImage(instance, spare)}`),
    mend: (_, device) => command(`losetup --detach ${String(device)}`),
    says: /volume \d+ \(spare\): is attached to no server, and open as \/dev\/loop/,
  },
  {
    what: "a volume that shrank",
    break: ({ instance, spare }) => truncate(volumeImage(instance, spare), 2 ** 30),
    mend: ({ instance, spare }) => truncate(volumeImage(instance, spare), 10 * 2 ** 30),
    says: /volume \d+ \(spare\): size: the computer has 1073741824/,
  },
  {
    what: "a volume without its file",
    break: ({ instance, spare, stateFile }) => rename(volumeImage(instance, spare), `${stateFile}.img`),
    mend: ({ instance, spare, stateFile }) => rename(`${stateFile}.img`, volumeImage(instance, spare)),
    says: /file of a volume \d+\.img is missing/,
  },
  {
    what: "a volume that its server does not see",
    break: (target) => inWeb(target, "mv /dev/sdb /dev/moved"),
    mend: (target) => inWeb(target, "mv /dev/moved /dev/sdb"),
    says: /server \d+ \(web\): \/dev\/sdb \(volume \d+\): the computer has "nothing"/,
  },
  {
    what: "a folder of a machine that nobody knows",
    break: ({ instance }) => mkdir(`${instance.machinesFolder}/77`),
    mend: ({ instance }) => rmdir(`${instance.machinesFolder}/77`),
    says: /folder of machine 77 is one too many/,
  },
  {
    what: "something unfinished",
    break: ({ instance, web }) => writeFile(`${instance.machinesFolder}/${web}/half.new`, ""),
    mend: ({ instance, web }) => rm(`${instance.machinesFolder}/${web}/half.new`),
    says: /machine \d+: half\.new is left of something unfinished/,
  },
  {
    what: "an image that nobody knows",
    break: ({ instance }) => mkdir(`${instance.imagesFolder}/77`, { recursive: true }),
    mend: ({ instance }) => rmdir(`${instance.imagesFolder}/77`),
    says: /image 77 is one too many/,
  },
  {
    what: "the file of a process that is not",
    break: ({ instance }) => writeFile(`${pidsFolder(instance)}/77`, "1 1"),
    mend: ({ instance }) => rm(`${pidsFolder(instance)}/77`),
    says: /file of the process of machine 77 is one too many/,
  },
  {
    what: "the file of an end that nobody heard of",
    break: ({ instance }) => writeFile(`${exitsFolder(instance)}/77`, "0"),
    mend: ({ instance }) => rm(`${exitsFolder(instance)}/77`),
    says: /file of the end of machine 77 is one too many/,
  },
  {
    what: "a supervisor that nobody knows",
    break: async ({ instance }) => {
      const words = ["-c", "sleep 600; true", "/local/machines/supervise.sh", `${pidsFolder(instance)}/77`];
      const child: ChildProcess = spawn("sh", words, { detached: true, stdio: "ignore" });
      await until(async () => (await readFile(`/proc/${child.pid}/cmdline`, "utf8")).includes("supervise"));
      return child.pid;
    },
    mend: async (_, pid) => process.kill(-Number(pid), "SIGKILL"),
    says: /process \d+ supervises a machine that it should not/,
  },
  {
    what: "a load balancer's configuration",
    break: (target) => changed(haproxyOf(target)),
    mend: (target, before) => writeFile(haproxyOf(target), String(before)),
    says: /load balancer \d+ \(front\): its HAProxy is configured otherwise/,
  },
  {
    what: "a zone's file",
    break: (target) => changed(zoneOf(target)),
    mend: (target, before) => writeFile(zoneOf(target), String(before)),
    says: /the name server: its file of check\.test is not what the state says/,
  },
];
