import { createHash } from "node:crypto";
import type { PublicAddresses } from "./host.js";
import {
  GATEWAY_IPV4,
  GATEWAY_IPV6,
  type Instance,
  machineLink,
  machineNamespace,
  SERVER_LINK_LOCAL,
} from "./instance.js";
import { addNamespace, deleteNamespace, interfaceExists, ipBatch, ipBatchLenient } from "./namespaces.js";

/** A machine's public interface, as its guest sees it. */
const PUBLIC_INTERFACE = "eth0";

/**
 * A fresh namespace with the public interface in it, as a server has when it is switched on: what the guest had set
 * there before (addresses, firewall rules, sysctls) is gone.
 */
export async function plugIn(instance: Instance, id: string, addresses: PublicAddresses): Promise<void> {
  await unplug(instance, id);
  const namespace = machineNamespace(instance, id);
  const link = machineLink(id);
  const { inWorld, inMachine } = placesOf(id, addresses);
  await addNamespace(namespace);
  await ipBatch(instance.world, [
    `link add ${link} type veth peer name ${PUBLIC_INTERFACE} address ${publicMac(id)} netns ${namespace}`,
    `link set ${link} addrgenmode none`,
    `address add ${GATEWAY_IPV4}/32 dev ${link}`,
    `address add ${GATEWAY_IPV6}/64 dev ${link} nodad`,
    `link set ${link} up`,
    ...inWorld,
  ]);
  await ipBatch(namespace, [
    "link set lo up",
    `link set ${PUBLIC_INTERFACE} addrgenmode none`,
    `link set ${PUBLIC_INTERFACE} up`,
    ...inMachine,
  ]);
}

/** Brings a running machine from one set of public addresses to another. */
export async function changeAddresses(
  instance: Instance,
  id: string,
  before: PublicAddresses,
  after: PublicAddresses,
): Promise<void> {
  const namespace = machineNamespace(instance, id);
  const link = machineLink(id);
  if (before.ipv4 !== undefined && before.ipv4 !== after.ipv4) {
    await ipBatchLenient(instance.world, [`route delete ${before.ipv4}/32 dev ${link}`]);
    await ipBatchLenient(namespace, [`address delete ${before.ipv4}/32 dev ${PUBLIC_INTERFACE}`]);
  }
  if (before.ipv6Network !== undefined && before.ipv6Network !== after.ipv6Network) {
    await ipBatchLenient(instance.world, [`route delete ${before.ipv6Network} dev ${link}`]);
    await ipBatchLenient(namespace, [
      `address delete ${firstOf(before.ipv6Network)}/64 dev ${PUBLIC_INTERFACE}`,
      `route delete default via ${GATEWAY_IPV6} dev ${PUBLIC_INTERFACE}`,
    ]);
  }
  if (after.ipv4 === undefined) {
    await ipBatchLenient(namespace, [`route delete default via ${GATEWAY_IPV4} dev ${PUBLIC_INTERFACE}`]);
  }
  const kept = new Set(floatingOf(after));
  const lost = floatingOf(before).filter((address) => !kept.has(address));
  for (const address of lost) await ipBatchLenient(instance.world, [`route delete ${address} dev ${link}`]);
  const { inWorld, inMachine } = placesOf(id, after);
  await ipBatch(namespace, inMachine);
  await ipBatch(instance.world, inWorld);
}

const floatingOf = ({ floatingIpv4 = [], floatingIpv6Networks = [] }: PublicAddresses): string[] => [
  ...floatingIpv4.map((address) => `${address}/32`),
  ...floatingIpv6Networks,
];

/** What gives a machine its public addresses, and leads to them: lines for `ip`, which may be there already. */
function placesOf(id: string, addresses: PublicAddresses): { inWorld: string[]; inMachine: string[] } {
  const inWorld: string[] = [];
  const inMachine: string[] = [];
  const link = machineLink(id);
  if (addresses.ipv4 !== undefined) {
    inWorld.push(`route replace ${addresses.ipv4}/32 dev ${link}`);
    inMachine.push(
      `address replace ${addresses.ipv4}/32 dev ${PUBLIC_INTERFACE}`,
      `route replace ${GATEWAY_IPV4} dev ${PUBLIC_INTERFACE} scope link`,
      `route replace default via ${GATEWAY_IPV4} dev ${PUBLIC_INTERFACE}`,
    );
  }
  if (addresses.ipv6Network !== undefined) {
    // The whole /64 goes to the server, also addresses that it has not taken itself.
    inWorld.push(`route replace ${addresses.ipv6Network} via ${SERVER_LINK_LOCAL} dev ${link}`);
    inMachine.push(
      `address replace ${SERVER_LINK_LOCAL}/64 dev ${PUBLIC_INTERFACE} nodad`,
      `address replace ${firstOf(addresses.ipv6Network)}/64 dev ${PUBLIC_INTERFACE} nodad`,
      `route replace default via ${GATEWAY_IPV6} dev ${PUBLIC_INTERFACE}`,
    );
  }
  const { floatingIpv4 = [], floatingIpv6Networks = [] } = addresses;
  for (const address of floatingIpv4) inWorld.push(`route replace ${address}/32 dev ${link}`);
  if (floatingIpv6Networks.length > 0 && addresses.ipv6Network === undefined) {
    inMachine.push(`address replace ${SERVER_LINK_LOCAL}/64 dev ${PUBLIC_INTERFACE} nodad`);
  }
  for (const network of floatingIpv6Networks) {
    inWorld.push(`route replace ${network} via ${SERVER_LINK_LOCAL} dev ${link}`);
  }
  return { inWorld, inMachine };
}

/** Cuts the cable: peers see silence, not the goodbyes of dying processes. */
export async function cutCable(instance: Instance, id: string, networks: string[]): Promise<void> {
  for (const namespace of [instance.world, ...networks]) {
    await ipBatchLenient(namespace, [`link set ${machineLink(id)} down`]);
  }
}

/** Removes the machine's public interface and its namespace. */
export async function unplug(instance: Instance, id: string): Promise<void> {
  if (await interfaceExists(instance.world, machineLink(id))) {
    await ipBatchLenient(instance.world, [`link delete ${machineLink(id)}`]);
  }
  await deleteNamespace(machineNamespace(instance, id));
}

/** "2001:db8:1:7::/64" → "2001:db8:1:7::1" */
function firstOf(ipv6Network: string): string {
  return ipv6Network.replace(/::\/64$/, "::1");
}

/** 96:00 and 32 bits of the id's hash: stable, as at Hetzner in look. */
function publicMac(id: string): string {
  const digest = createHash("sha256").update(id).digest("hex").slice(0, 8);
  return `96:00:${digest.match(/../g)?.join(":")}`;
}
