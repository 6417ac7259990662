import type { Static } from "typebox";
import type { State } from "../state/database.js";
import { readJson } from "../state/json.js";
import type { Cloud } from "./cloud.js";
import { invalidInput, locked, notFound } from "./errors.js";
import { readLabels } from "./labels.js";
import type { DnsPointer } from "./pointers.js";
import type { FloatingIp } from "./schemas.js";
import type { ServerRow } from "./server-rows.js";

export interface FloatingIpRow {
  id: number;
  name: string;
  description: string | null;
  type: "ipv4" | "ipv6";
  /** "203.0.113.10" or "2001:db8:0:10::/64" */
  ip: string;
  home_location: string;
  server_id: number | null;
  protection_delete: 0 | 1;
  dns_ptr: string;
  labels: string;
  created: string;
}

/** @throws ApiError not_found */
export function findFloatingIp(state: State, id: number): FloatingIpRow {
  const row = state.get<FloatingIpRow>("SELECT * FROM floating_ips WHERE id = ?", id);
  if (!row) throw notFound("floating IP", id);
  return row;
}

/** The floating IP, when no action runs on it. @throws ApiError not_found or locked */
export function findUnlockedFloatingIp({ state, actions }: Cloud, id: number): FloatingIpRow {
  const row = findFloatingIp(state, id);
  if (actions.runningOn({ type: "floating_ip", id }).length > 0) throw locked("floating IP");
  return row;
}

export const floatingIpsOf = (state: State, serverId: number): FloatingIpRow[] =>
  state.all<FloatingIpRow>("SELECT * FROM floating_ips WHERE server_id = ? ORDER BY id", serverId);

/** @throws ApiError invalid_input unless the server is in the network zone of the floating IP's home */
export function requireSameZone({ catalog }: Cloud, home: string, server: ServerRow): void {
  const zoneOf = (location: string) => catalog.locations.find(({ name }) => name === location)?.network_zone;
  if (zoneOf(home) === zoneOf(server.location)) return;
  const where = `the floating IP is at home in ${home}, the server in ${server.location}`;
  throw invalidInput({ server: [`${where}: another network zone`] });
}

export function toFloatingIpResource({ catalog }: Cloud, row: FloatingIpRow): Static<typeof FloatingIp> {
  const home = catalog.locations.find(({ name }) => name === row.home_location);
  if (!home) throw new Error(`floating IP ${row.id} is in the unknown location ${row.home_location}`);
  return {
    id: row.id,
    name: row.name,
    description: row.description,
    created: row.created,
    ip: row.ip,
    type: row.type,
    server: row.server_id,
    dns_ptr: readJson<DnsPointer[]>(row.dns_ptr),
    home_location: home,
    blocked: false,
    protection: { delete: row.protection_delete === 1 },
    labels: readLabels(row.labels),
  };
}
