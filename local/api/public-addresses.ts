import type { PublicAddresses } from "../machines/host.js";
import type { State } from "../state/database.js";
import type { Cloud } from "./cloud.js";
import { firewallSpec } from "./firewall-rows.js";
import { floatingIpsOf } from "./floating-ip-rows.js";
import { primaryIpOf } from "./primary-ip-rows.js";
import { findServer } from "./server-rows.js";

/** What a server's public interface has, for the computer. */
export function publicAddressesOf(state: State, serverId: number): PublicAddresses {
  const floating = floatingIpsOf(state, serverId);
  const of = (family: "ipv4" | "ipv6") => floating.filter(({ type }) => type === family).map(({ ip }) => ip);
  return {
    ipv4: primaryIpOf(state, serverId, "ipv4")?.ip,
    ipv6Network: primaryIpOf(state, serverId, "ipv6")?.ip,
    floatingIpv4: of("ipv4"),
    floatingIpv6Networks: of("ipv6"),
  };
}

/** Brings a server's machine to the addresses that the state says it has, and its firewall with them. */
export async function setAddresses({ state, host }: Cloud, serverId: number): Promise<void> {
  const server = findServer(state, serverId);
  await host.setPublicAddresses(String(serverId), publicAddressesOf(state, serverId));
  await host.setFirewall(String(serverId), firewallSpec(state, server));
}
