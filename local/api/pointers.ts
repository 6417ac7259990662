import type { State } from "../state/database.js";
import { readJson } from "../state/json.js";
import { inIPv6Network } from "./addresses.js";

/** A reverse DNS entry. */
export interface DnsPointer {
  ip: string;
  dns_ptr: string;
}

/** What has reverse DNS entries: an IPv4 address, or an IPv6 network with one for any of its addresses. */
interface Pointed {
  id: number;
  type: "ipv4" | "ipv6";
  ip: string;
  dns_ptr: string;
}

/** The reverse DNS entry that an IPv4 address has until it is changed, as Hetzner names it. */
export const defaultPointer = (ip: string): DnsPointer => ({
  ip,
  dns_ptr: `static.${ip.split(".").toReversed().join(".")}.clients.your-server.de`,
});

/** The entries of a new address. */
export const newPointers = (type: "ipv4" | "ipv6", ip: string): string =>
  JSON.stringify(type === "ipv4" ? [defaultPointer(ip)] : []);

/**
 * Sets, or with null resets, the reverse DNS entry of one address.
 * @returns false when the address is not its own
 */
export function setPointer(
  state: State,
  table: "primary_ips" | "floating_ips",
  row: Pointed,
  ip: string,
  name: string | null,
): boolean {
  const own = row.type === "ipv4" ? ip === row.ip : inIPv6Network(ip, row.ip);
  if (!own) return false;
  const others = readJson<DnsPointer[]>(row.dns_ptr).filter((pointer) => pointer.ip !== ip);
  const reset = row.type === "ipv4" ? [defaultPointer(ip)] : [];
  const pointers = [...others, ...(name === null ? reset : [{ ip, dns_ptr: name }])];
  state.update(table, row.id, { dns_ptr: JSON.stringify(pointers) });
  return true;
}
