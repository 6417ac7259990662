import type { State } from "../state/database.js";
import { readJson } from "../state/json.js";
import type { Cloud } from "./cloud.js";
import { notFound } from "./errors.js";
import { type DnsPointer, newPointers } from "./pointers.js";
import { freePublicAddress } from "./public-pool.js";
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
export function insertPrimaryIp(cloud: Cloud, wanted: NewPrimaryIp): PrimaryIpRow {
  const { state } = cloud;
  const ip = freePublicAddress(cloud, wanted.type);
  const id = state.newId();
  state.insert("primary_ips", {
    id,
    name: wanted.name ?? `primary_ip-${id}`,
    type: wanted.type,
    ip,
    location: wanted.location,
    assignee_id: wanted.assigneeId,
    auto_delete: Number(wanted.autoDelete),
    dns_ptr: newPointers(wanted.type, ip),
    labels: JSON.stringify(wanted.labels ?? {}),
    created: timestamp(),
  });
  return findPrimaryIp(state, id);
}
