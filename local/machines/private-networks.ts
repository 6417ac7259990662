import type { NetworkSpec } from "./host.js";
import { type Instance, machineLink, machineNamespace, networkNamespace } from "./instance.js";
import {
  addNamespace,
  deleteNamespace,
  interfaceExists,
  ipBatch,
  ipBatchLenient,
  ipJson,
  namespaceExists,
  setKernel,
} from "./namespaces.js";
import type { MachineRecord, RecordedAttachment } from "./records.js";

/** As at Hetzner. */
const MTU = 1450;
const DEVICES = ["enp7s0", "enp8s0", "enp9s0"];
/** Marks our routes, so that those which are no longer wanted can be told from the kernel's. */
export const ROUTE_PROTOCOL = "200";

/**
 * A private network is a router in a namespace of its own, with a cable to each machine: machines reach each other
 * only through it, and there is no broadcast between them.
 */
export async function networkUp(instance: Instance, network: NetworkSpec): Promise<void> {
  const namespace = networkNamespace(instance, network.id);
  if (!namespaceExists(namespace)) {
    await addNamespace(namespace);
    await setKernel(namespace, {
      "net.ipv4.ip_forward": "1",
      "net.ipv4.icmp_ratelimit": "0",
      "net.ipv4.conf.all.rp_filter": "0",
      "net.ipv4.conf.default.rp_filter": "0",
      // The way from one machine to another leads through here; it cannot be told a shorter one.
      "net.ipv4.conf.all.send_redirects": "0",
      "net.ipv4.conf.default.send_redirects": "0",
    });
    await ipBatch(namespace, ["link set lo up"]);
  }
}

export async function networkDown(instance: Instance, id: string): Promise<void> {
  await deleteNamespace(networkNamespace(instance, id));
}

/** The name that a further private interface of a machine gets. At Hetzner a server has at most three. */
export function nextDevice(attachments: RecordedAttachment[]): string {
  const free = DEVICES.find((device) => !attachments.some((attachment) => attachment.device === device));
  if (free === undefined) throw new RangeError(`a machine has at most ${DEVICES.length} private networks`);
  return free;
}

/** Lays the cable from a running machine to the network's router and sets the machine's address and routes. */
export async function connect(
  instance: Instance,
  machineId: string,
  network: NetworkSpec,
  attachment: RecordedAttachment,
): Promise<void> {
  const router = networkNamespace(instance, network.id);
  const machine = machineNamespace(instance, machineId);
  const link = machineLink(machineId);
  const { device } = attachment;
  const gateway = gatewayOf(network.ipRange);
  if (!(await interfaceExists(machine, device))) {
    await ipBatchLenient(router, [`link delete ${link}`]);
    await ipBatch(router, [
      `link add ${link} mtu ${MTU} type veth peer name ${device} mtu ${MTU} address ${attachment.macAddress} netns ${machine}`,
    ]);
  }
  // Also when the cable is there: who laid it may have been killed before he came to this.
  await ipBatch(router, [
    `link set ${link} addrgenmode none`,
    `address replace ${gateway}/32 dev ${link}`,
    `link set ${link} up`,
  ]);
  await ipBatch(machine, [`link set ${device} addrgenmode none`, `link set ${device} up`]);
  const wanted = `${attachment.ip}/32`;
  const present = await ipJson<{ addr_info: { local: string; prefixlen: number }[] }>(machine, [
    "-4",
    "address",
    "show",
    "dev",
    device,
  ]);
  const others = present
    .flatMap((entry) => entry.addr_info)
    // Alias addresses are the guest's to set, as at Hetzner; only a former main address is ours to take away.
    .filter(({ local, prefixlen }) => prefixlen === 32 && local !== attachment.ip)
    .filter(({ local }) => !attachment.aliasIps.includes(local));
  await ipBatch(machine, [
    ...others.map(({ local }) => `address delete ${local}/32 dev ${device}`),
    `address replace ${wanted} dev ${device}`,
    `route replace ${gateway} dev ${device} scope link`,
    `route replace ${network.ipRange} via ${gateway} dev ${device}`,
  ]);
}

export async function disconnect(instance: Instance, machineId: string, networkId: string): Promise<void> {
  const router = networkNamespace(instance, networkId);
  if (namespaceExists(router)) await ipBatchLenient(router, [`link delete ${machineLink(machineId)}`]);
}

/**
 * Brings the router's routes to what the network and its running machines ask for: each machine's address on its
 * cable, its alias addresses and the network's static routes by way of it.
 */
export async function routeNetwork(
  instance: Instance,
  network: NetworkSpec,
  running: Pick<MachineRecord, "id" | "attachments">[],
): Promise<void> {
  const router = networkNamespace(instance, network.id);
  // One that was only just put on record has no cable yet: its routes come with that.
  const cables = new Set(
    (await ipJson<{ ifname: string }>(router, ["link", "show"])).map((link) => link.ifname),
  );
  const wanted = routesThrough(
    network,
    running.filter(({ id }) => cables.has(machineLink(id))),
  );
  const present = await ipJson<{ dst: string }>(router, ["route", "show", "proto", ROUTE_PROTOCOL]);
  await ipBatch(router, [
    ...present
      .filter(({ dst }) => !wanted.has(dst))
      .map(({ dst }) => `route delete ${dst} proto ${ROUTE_PROTOCOL}`),
    ...[...wanted].map(([to, how]) => `route replace ${to} ${how} proto ${ROUTE_PROTOCOL}`),
  ]);
}

/** The routes that a network's router has while these are connected: destination, as `ip` prints it, and way. */
export function routesThrough(
  network: NetworkSpec,
  running: Pick<MachineRecord, "id" | "attachments">[],
): Map<string, string> {
  const wanted = new Map<string, string>();
  for (const machine of running) {
    const link = machineLink(machine.id);
    for (const attachment of machine.attachments.filter(({ networkId }) => networkId === network.id)) {
      const by = `via ${attachment.ip} dev ${link} onlink`;
      wanted.set(attachment.ip, `dev ${link}`);
      for (const alias of attachment.aliasIps) wanted.set(alias, by);
      for (const route of network.routes) {
        if (route.gateway === attachment.ip) wanted.set(destination(route.destination), by);
      }
    }
  }
  return wanted;
}

/** "10.0.0.0/16" → "10.0.0.1" */
export function gatewayOf(ipRange: string): string {
  const [network = ""] = ipRange.split("/");
  const parts = network.split(".").map(Number);
  const last = parts.pop() ?? 0;
  return [...parts, last + 1].join(".");
}

/** As `ip` prints it: the default route by its name, a single address without its length. */
function destination(cidr: string): string {
  if (cidr === "0.0.0.0/0") return "default";
  return cidr.replace(/\/32$/, "");
}
