import type { State } from "../state/database.js";
import { isPrivate, parseRange4, type Range4 } from "./addresses.js";
import { invalidInput, notFound } from "./errors.js";

export interface NetworkRow {
  id: number;
  name: string;
  ip_range: string;
  expose_routes_to_vswitch: 0 | 1;
  protection_delete: 0 | 1;
  labels: string;
  created: string;
}

/** @throws ApiError not_found that names `field` */
export function findNetwork(state: State, id: number, field?: string): NetworkRow {
  const row = state.get<NetworkRow>("SELECT * FROM networks WHERE id = ?", id);
  if (!row) throw notFound("network", id, field);
  return row;
}

export interface SubnetRow {
  ip_range: string;
  type: "cloud" | "server";
  network_zone: string;
}

/** Subnets in the order in which they were added. */
export const subnetsOf = (state: State, networkId: number): SubnetRow[] =>
  state.all<SubnetRow>(
    "SELECT ip_range, type, network_zone FROM network_subnets WHERE network_id = ? ORDER BY rowid",
    networkId,
  );

export interface RouteRow {
  destination: string;
  gateway: string;
}

export const routesOf = (state: State, networkId: number): RouteRow[] =>
  state
    .all<RouteRow>(
      "SELECT destination, gateway FROM network_routes WHERE network_id = ? ORDER BY rowid",
      networkId,
    )
    .map(({ destination, gateway }) => ({ destination, gateway }));

/** Ids of the servers that are attached, oldest first. */
export const serversIn = (state: State, networkId: number): number[] =>
  state
    .all<{ id: number }>(
      "SELECT server_id AS id FROM server_networks WHERE network_id = ? ORDER BY server_id",
      networkId,
    )
    .map(({ id }) => id);

/** A range that the state holds. */
export function storedRange(text: string): Range4 {
  const range = parseRange4(text);
  if (!range) throw new Error(`the state holds an invalid range: ${text}`);
  return range;
}

/** Reads a network's range: a block of RFC 1918 of at least 256 addresses. @throws ApiError naming ip_range */
export function readNetworkRange(text: string): Range4 {
  const range = parseRange4(text);
  const messages: string[] = [];
  if (!range) messages.push(`'${text}' is not an IPv4 CIDR block without host bits, such as 10.0.0.0/16`);
  else {
    if (!isPrivate(range)) messages.push("must lie in 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16");
    if (range.prefix > 24) messages.push("must be /24 or larger");
  }
  if (!range || messages.length > 0) throw invalidInput({ ip_range: messages });
  return range;
}
