import { existsSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { firewallSpec } from "../api/firewall-rows.js";
import { limitsOf } from "../api/jobs.js";
import { publicAddressesOf } from "../api/public-addresses.js";
import { attachmentsOf, readAliases, type ServerRow } from "../api/server-rows.js";
import { volumesOf } from "../api/volume-rows.js";
import { diskImage, loopDevices } from "../machines/disks.js";
import type { MachineLimits } from "../machines/host.js";
import { machineGroup, machineNamespace } from "../machines/instance.js";
import { ipJson, namespaceExists } from "../machines/namespaces.js";
import { leaderOf } from "../machines/nspawn.js";
import type { MachineRecord } from "../machines/records.js";
import { numberOf, volumeImage } from "../machines/volume-devices.js";
import { asked, compare, compareSets, type Look, subjectOf } from "./look.js";

/** Each server against its machine: what is on record, its disk, and whether it runs, in what and with what. */
export async function checkServers(look: Look): Promise<void> {
  const { state } = look.cloud;
  const servers = state.all<ServerRow>("SELECT * FROM servers");
  const known = new Set(servers.map(({ id }) => String(id)));
  for (const id of look.machines.keys()) {
    if (!known.has(id) && !look.busy.has(`server:${id}`))
      look.differ(`machine ${id}`, "is on this computer, and the state has no such server");
  }
  await Promise.all(
    servers.filter(({ id }) => !look.busy.has(`server:${id}`)).map((server) => checkServer(look, server)),
  );
}

async function checkServer(look: Look, server: ServerRow): Promise<void> {
  const { state } = look.cloud;
  const subject = subjectOf("server", server);
  const machine = look.machines.get(String(server.id));
  if (machine === undefined) return look.differ(subject, "has no machine on this computer");
  const wanted = (what: string, found: unknown, value: unknown) => compare(look, subject, what, found, value);
  wanted("public addresses", machine.addresses, publicAddressesOf(state, server.id));
  wanted("firewall", machine.firewall, firewallSpec(state, server));
  wanted(
    "private networks",
    byId(machine.attachments.map(asked)),
    byId(
      attachmentsOf(state, server.id).map((row) => ({
        networkId: String(row.network_id),
        ip: row.ip,
        aliasIps: readAliases(row),
        macAddress: row.mac_address,
      })),
    ),
  );
  wanted(
    "volumes",
    (machine.volumes ?? []).map(({ id }) => id).sort(),
    volumesOf(state, server.id)
      .filter(({ id }) => !look.busy.has(`volume:${id}`))
      .map(({ id }) => String(id))
      .sort(),
  );
  const limits = limitsOf(look.cloud, server);
  wanted("limits", machine.limits, limits);
  const disk = await stat(diskImage(look.instance, machine.id)).catch(() => undefined);
  wanted("size of its disk", disk?.size, limits.diskBytes);

  const runs = look.running.has(machine.id);
  if (runs !== (server.status === "running")) {
    return look.differ(subject, `the state says ${server.status}, its machine is ${runs ? "on" : "off"}`);
  }
  await (runs ? checkRunning(look, subject, machine) : checkOff(look, subject, machine));
}

const byId = <T extends { networkId: string }>(list: T[]): T[] =>
  list.toSorted((one, other) => one.networkId.localeCompare(other.networkId));

async function checkRunning(look: Look, subject: string, machine: MachineRecord): Promise<void> {
  const { instance, groups } = look;
  const { id } = machine;
  const leader = await leaderOf(instance, id);
  if (leader === undefined) return look.differ(subject, "its machine runs without a first process");
  const name = (await readFile(`/proc/${leader}/comm`, "utf8").catch(() => "")).trim();
  compare(look, subject, "its first process", name, "systemd");
  compare(look, subject, "enforced limits", await enforcedLimits(look, id), {
    memoryBytes: machine.limits.memoryBytes,
    cores: machine.limits.cores,
  });
  const inGroup = await groups.processes(machineGroup(instance, id));
  if (!inGroup.includes(leader)) look.differ(subject, "its processes are outside of its control groups");
  const disks = (await loopDevices(diskImage(instance, id))).length;
  if (disks !== 1) look.differ(subject, `its disk is open ${disks} times`);

  const namespace = machineNamespace(instance, id);
  if (!namespaceExists(namespace)) return look.differ(subject, "runs without its network namespace");
  const devices = machine.attachments.map(({ device }) => device);
  const links = await ipJson<{ ifname: string; addr_info: { local: string }[] }>(namespace, [
    "address",
    "show",
  ]);
  compareSets(
    look,
    subject,
    "interface",
    links.map(({ ifname }) => ifname).filter((device) => /^(eth|enp)[0-9]/.test(device)),
    ["eth0", ...devices],
  );
  const local = new Set(
    links.flatMap(({ addr_info: addresses }) => addresses.map((address) => address.local)),
  );
  const { ipv4, ipv6Network } = machine.addresses;
  for (const address of [
    ...(ipv4 === undefined ? [] : [ipv4]),
    ...(ipv6Network === undefined ? [] : [ipv6Network.replace(/::\/64$/, "::1")]),
    ...machine.attachments.map(({ ip }) => ip),
  ]) {
    if (!local.has(address)) look.differ(subject, `its machine has not the address ${address}`);
  }
  for (const volume of machine.volumes ?? []) {
    if (look.busy.has(`volume:${volume.id}`)) continue;
    const [loop, ...more] = await loopDevices(volumeImage(instance, volume.id));
    if (loop === undefined || more.length > 0) {
      look.differ(subject, `volume ${volume.id} is open ${loop === undefined ? 0 : 1 + more.length} times`);
      continue;
    }
    const node = await stat(`/proc/${leader}/root/dev/${volume.device}`).catch(() => undefined);
    const seen = node?.isBlockDevice() ? `${node.rdev >> 8}:${node.rdev & 255}` : "nothing";
    compare(look, subject, `/dev/${volume.device} (volume ${volume.id})`, seen, await numberOf(loop.device));
  }
}

async function checkOff(look: Look, subject: string, machine: MachineRecord): Promise<void> {
  const { instance, groups } = look;
  const left = (what: string) => look.differ(subject, `is off, and still has ${what}`);
  const processes = await groups.processes(machineGroup(instance, machine.id));
  if (processes.length > 0) left(`processes: ${processes.slice(0, 10).join(", ")}`);
  if (namespaceExists(machineNamespace(instance, machine.id))) left("its network namespace");
  if (existsSync(groups.folder(machineGroup(instance, machine.id), "memory"))) left("its control groups");
  const images = [
    diskImage(instance, machine.id),
    ...(machine.volumes ?? []).map(({ id }) => volumeImage(instance, id)),
  ];
  for (const image of images) {
    for (const { device } of await loopDevices(image)) left(`${device} on ${image}`);
  }
}

async function enforcedLimits(
  { instance, groups }: Look,
  id: string,
): Promise<Pick<MachineLimits, "memoryBytes" | "cores">> {
  const group = machineGroup(instance, id);
  const read = async (controller: "cpu" | "memory", ...names: string[]): Promise<string> => {
    for (const name of names) {
      const text = await readFile(`${groups.folder(group, controller)}/${name}`, "utf8").catch(
        () => undefined,
      );
      if (text !== undefined) return text.trim();
    }
    return "";
  };
  // Version 1 of control groups has a file for each number, version 2 has both of the processor's in one.
  const [quota, period] = (await read("cpu", "cpu.max")).split(" ");
  const cores =
    period === undefined
      ? Number(await read("cpu", "cpu.cfs_quota_us")) / Number(await read("cpu", "cpu.cfs_period_us"))
      : Number(quota) / Number(period);
  return { cores, memoryBytes: Number(await read("memory", "memory.limit_in_bytes", "memory.max")) };
}
