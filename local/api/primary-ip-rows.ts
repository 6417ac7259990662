import type { PublicAddresses } from "../machines/host.js";
import type { State } from "../state/database.js";
import { readJson } from "../state/json.js";
import { inIPv6Network } from "./addresses.js";
import type { Cloud } from "./cloud.js";
import { notFound, refused } from "./errors.js";
import { timestamp } from "../state/actions.js";

export interface PrimaryIpRow {
  id: number;
  name: string;
  type: "ipv4" | "ipv6";
  /** "203.0.113.10" or "2001:db8:0:10::/64" */
  ip: string;
  location: string;
  assignee_id: number | null;
  auto_delete: 0 | 1;
  protection_delete: 0 | 1;
  dns_ptr: string;
  labels: string;
  created: string;
}

export interface DnsPointer {
  ip: string;
  dns_ptr: string;
}

/** @throws ApiError not_found that names `field` */
export function findPrimaryIp(state: State, id: number, field?: string): PrimaryIpRow {
  const row = state.get<PrimaryIpRow>("SELECT * FROM primary_ips WHERE id = ?", id);
  if (!row) throw notFound("primary IP", id, field);
  return row;
}

export const primaryIpOf = (
  state: State,
  serverId: number,
  type: "ipv4" | "ipv6",
): PrimaryIpRow | undefined =>
  state.get<PrimaryIpRow>("SELECT * FROM primary_ips WHERE assignee_id = ? AND type = ?", serverId, type);

export const readPointers = (row: PrimaryIpRow): DnsPointer[] => readJson<DnsPointer[]>(row.dns_ptr);

/** What a server's public interface has, for the computer. */
export const publicAddressesOf = (state: State, serverId: number): PublicAddresses => ({
  ipv4: primaryIpOf(state, serverId, "ipv4")?.ip,
  ipv6Network: primaryIpOf(state, serverId, "ipv6")?.ip,
});

/** The reverse DNS entry that an IPv4 address has until it is changed, as Hetzner names it. */
export const defaultPointer = (ip: string): DnsPointer => ({
  ip,
  dns_ptr: `static.${ip.split(".").toReversed().join(".")}.clients.your-server.de`,
});

export interface NewPrimaryIp {
  /** Default: "primary_ip-" and the id. */
  name?: string;
  type: "ipv4" | "ipv6";
  location: string;
  assigneeId: number | null;
  autoDelete: boolean;
  labels?: Record<string, string>;
}

/** Takes the lowest free address of the instance. @throws ApiError resource_limit_exceeded when none is left */
export function insertPrimaryIp({ state, pool }: Cloud, wanted: NewPrimaryIp): PrimaryIpRow {
  const taken = new Set(state.all<{ ip: string }>("SELECT ip FROM primary_ips").map(({ ip }) => ip));
  const ip = wanted.type === "ipv4" ? pool.ipv4(taken) : pool.ipv6(taken);
  if (ip === undefined) {
    throw refused(
      "resource_limit_exceeded",
      `all ${wanted.type} addresses of this local cloud are in use`,
      403,
    );
  }
  const id = state.newId();
  const pointers = wanted.type === "ipv4" ? [defaultPointer(ip)] : [];
  state.insert("primary_ips", {
    id,
    name: wanted.name ?? `primary_ip-${id}`,
    type: wanted.type,
    ip,
    location: wanted.location,
    assignee_id: wanted.assigneeId,
    auto_delete: Number(wanted.autoDelete),
    dns_ptr: JSON.stringify(pointers),
    labels: JSON.stringify(wanted.labels ?? {}),
    created: timestamp(),
  });
  return findPrimaryIp(state, id);
}

/**
 * Sets, or with null resets, the reverse DNS entry of one address of a primary IP.
 * @returns false when the address is not its own
 */
export function setPointer(state: State, row: PrimaryIpRow, ip: string, name: string | null): boolean {
  const own = row.type === "ipv4" ? ip === row.ip : inIPv6Network(ip, row.ip);
  if (!own) return false;
  const others = readPointers(row).filter((pointer) => pointer.ip !== ip);
  const reset = row.type === "ipv4" ? [defaultPointer(ip)] : [];
  const pointers = [...others, ...(name === null ? reset : [{ ip, dns_ptr: name }])];
  state.update("primary_ips", row.id, { dns_ptr: JSON.stringify(pointers) });
  return true;
}
