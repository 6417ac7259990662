import type { Static } from "typebox";
import type { State } from "../state/database.js";
import { readJson } from "../state/json.js";
import type { Cloud } from "./cloud.js";
import { locked, notFound, refused } from "./errors.js";
import { firewallsOf } from "./firewall-rows.js";
import { floatingIpsOf } from "./floating-ip-rows.js";
import { imageOfServer } from "./image-rows.js";
import { readLabels } from "./labels.js";
import { balancersWithServer } from "./load-balancer-rows.js";
import { findPlacementGroup } from "./placement-groups.js";
import { primaryIpOf, readPointers } from "./primary-ip-rows.js";
import { volumesOf } from "./volume-rows.js";
import type { ServerResource, ServerStatus, ServerType } from "./schemas.js";

export interface ServerRow {
  id: number;
  name: string;
  status: Static<typeof ServerStatus>;
  server_type: string;
  /** Name of the system image. */
  image: string;
  /** Id of the snapshot or backup that it was made from; it may be gone meanwhile. */
  image_id: number | null;
  /** Hours of the day in UTC, e.g. "22-02"; null: no backups. */
  backup_window: string | null;
  location: string;
  /** GB */
  primary_disk_size: number;
  placement_group_id: number | null;
  protection_delete: 0 | 1;
  protection_rebuild: 0 | 1;
  labels: string;
  created: string;
  user_data: string | null;
  authorized_keys: string | null;
}

export interface AttachmentRow {
  server_id: number;
  network_id: number;
  ip: string;
  alias_ips: string;
  mac_address: string;
}

/** @throws ApiError not_found that names `field` */
export function findServer(state: State, id: number, field?: string): ServerRow {
  const row = state.get<ServerRow>("SELECT * FROM servers WHERE id = ?", id);
  if (!row) throw notFound("server", id, field);
  return row;
}

/** The server, when no other action excludes a new one. @throws ApiError not_found or locked */
export function findUnlockedServer({ state, actions }: Cloud, id: number, field?: string): ServerRow {
  const row = findServer(state, id, field);
  if (actions.isLocked(id)) throw locked("server");
  return row;
}

/** @throws ApiError server_not_stopped */
export function requireOff(server: ServerRow): void {
  if (server.status !== "off") throw refused("server_not_stopped", `server ${server.id} must be powered off`);
}

export const setStatus = (state: State, id: number, status: ServerRow["status"]): void =>
  state.update("servers", id, { status });

/** The server's private networks in the order in which they were attached. */
export const attachmentsOf = (state: State, serverId: number): AttachmentRow[] =>
  state.all<AttachmentRow>("SELECT * FROM server_networks WHERE server_id = ? ORDER BY rowid", serverId);

export const readAliases = (row: AttachmentRow): string[] => readJson<string[]>(row.alias_ips);

export function serverTypeOf({ catalog }: Pick<Cloud, "catalog">, row: ServerRow): Static<typeof ServerType> {
  const type = catalog.serverTypes.find(({ name }) => name === row.server_type);
  if (!type) throw new Error(`server ${row.id} is of the unknown type ${row.server_type}`);
  return type;
}

export function toServerResource(cloud: Cloud, row: ServerRow): ServerResource {
  const { state, actions, catalog } = cloud;
  const type = serverTypeOf(cloud, row);
  const location = catalog.locations.find(({ name }) => name === row.location);
  if (!location) throw new Error(`server ${row.id} is in the unknown location ${row.location}`);
  const ipv4 = primaryIpOf(state, row.id, "ipv4");
  const ipv6 = primaryIpOf(state, row.id, "ipv6");
  const running = actions.runningOn({ type: "server", id: row.id });
  const pending = running.some((command) => command === "apply_firewall" || command === "create_server");
  return {
    id: row.id,
    name: row.name,
    status: row.status,
    created: row.created,
    public_net: {
      ipv4: ipv4
        ? {
            id: ipv4.id,
            ip: ipv4.ip,
            blocked: false,
            dns_ptr: readPointers(ipv4)[0]?.dns_ptr ?? "",
          }
        : null,
      ipv6: ipv6 ? { id: ipv6.id, ip: ipv6.ip, blocked: false, dns_ptr: readPointers(ipv6) } : null,
      floating_ips: floatingIpsOf(state, row.id).map(({ id }) => id),
      firewalls: firewallsOf(state, row).map(({ id }) => ({
        id,
        status: pending ? ("pending" as const) : ("applied" as const),
      })),
    },
    private_net: attachmentsOf(state, row.id).map((attachment) => ({
      network: attachment.network_id,
      ip: attachment.ip,
      alias_ips: readAliases(attachment),
      mac_address: attachment.mac_address,
    })),
    server_type: type,
    location,
    image: imageOfServer(cloud, row),
    iso: null,
    rescue_enabled: false,
    locked: actions.isLocked(row.id),
    backup_window: row.backup_window,
    outgoing_traffic: null,
    ingoing_traffic: null,
    included_traffic: type.prices.find((price) => price.location === row.location)?.included_traffic ?? 0,
    protection: { delete: row.protection_delete === 1, rebuild: row.protection_rebuild === 1 },
    labels: readLabels(row.labels),
    volumes: volumesOf(state, row.id).map(({ id }) => id),
    load_balancers: balancersWithServer(state, row.id),
    primary_disk_size: row.primary_disk_size,
    placement_group:
      row.placement_group_id === null ? null : findPlacementGroup(state, row.placement_group_id),
  };
}
