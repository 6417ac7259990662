import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { run } from "./command.js";
import { hostLimitsUp } from "./host-limits.js";
import { hostRoutesUp } from "./host-routes.js";
import { HOST_LINK, type Instance } from "./instance.js";
import {
  addNamespace,
  deleteNamespace,
  interfaceExists,
  ipBatch,
  namespacesOf,
  setKernel,
} from "./namespaces.js";

/**
 * The "internet" of an instance: a namespace that routes between its machines' public addresses, and one cable from it
 * to this computer. It has no way further on: no default route, here as there.
 */
export async function worldUp(instance: Instance): Promise<void> {
  const { world } = instance;
  const { hostIpv4, worldIpv4, ipv4Range, hostIpv6, ipv6Range } = instance.addresses;
  await hostLimitsUp();
  await hostRoutesUp();
  await addNamespace(world);
  if (!existsSync(`/sys/class/net/${world}`) || !(await interfaceExists(world, HOST_LINK))) {
    if (existsSync(`/sys/class/net/${world}`)) await run("ip", ["link", "delete", world]);
    await run("ip", ["link", "add", world, "type", "veth", "peer", "name", HOST_LINK, "netns", world]);
  }
  await setKernel(world, {
    "net.ipv4.ip_forward": "1",
    "net.ipv6.conf.all.forwarding": "1",
    // Whoever asks for what does not exist is told so each time, not once a second: waiting helps nobody here.
    "net.ipv4.icmp_ratelimit": "0",
    "net.ipv6.icmp.ratelimit": "0",
    // The firewall knows each machine's addresses and checks sources more strictly.
    "net.ipv4.conf.all.rp_filter": "0",
    "net.ipv4.conf.default.rp_filter": "0",
  });
  await ipBatch(world, [
    "link set lo up",
    `link set ${HOST_LINK} addrgenmode none`,
    `link set ${HOST_LINK} up`,
    `address replace ${worldIpv4} peer ${hostIpv4} dev ${HOST_LINK}`,
    `address replace fe80::2/64 dev ${HOST_LINK} nodad`,
    `route replace ${hostIpv6}/128 via fe80::1 dev ${HOST_LINK}`,
  ]);
  // Where IPv6 is switched off for new interfaces it is on for this one.
  await writeFile(`/proc/sys/net/ipv6/conf/${world}/disable_ipv6`, "0");
  await ipBatch(undefined, [
    `link set ${world} addrgenmode none`,
    `link set ${world} up`,
    `address replace ${hostIpv4} peer ${worldIpv4} dev ${world}`,
    `route replace ${ipv4Range} via ${worldIpv4} dev ${world} src ${hostIpv4}`,
    `address replace fe80::1/64 dev ${world} nodad`,
    `address replace ${hostIpv6}/128 dev ${world} nodad`,
    `route replace ${ipv6Range} via fe80::2 dev ${world} src ${hostIpv6}`,
  ]);
}

/** Takes away the world, its cable (with it, its routes) and every other namespace of the instance. */
export async function worldDown(instance: Instance): Promise<void> {
  if (existsSync(`/sys/class/net/${instance.world}`)) await run("ip", ["link", "delete", instance.world]);
  for (const namespace of await namespacesOf(instance)) await deleteNamespace(namespace);
}
