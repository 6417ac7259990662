import type { Static } from "typebox";
import type { State } from "../state/database.js";
import type { Cloud } from "./cloud.js";
import { invalidInput, limitExceeded, locked, notFound, refused } from "./errors.js";
import { readLabels } from "./labels.js";
import type { Volume } from "./schemas.js";
import type { ServerRow } from "./server-rows.js";

export interface VolumeRow {
  id: number;
  name: string;
  status: "creating" | "available";
  /** GB */
  size: number;
  location: string;
  server_id: number | null;
  format: "ext4" | "xfs" | null;
  protection_delete: 0 | 1;
  labels: string;
  created: string;
}

/** As at Hetzner. */
const volumesPerServer = 16;

/** @throws ApiError not_found that names `field` */
export function findVolume(state: State, id: number, field?: string): VolumeRow {
  const row = state.get<VolumeRow>("SELECT * FROM volumes WHERE id = ?", id);
  if (!row) throw notFound("volume", id, field);
  return row;
}

/** The volume, when no action runs on it. @throws ApiError not_found or locked */
export function findUnlockedVolume({ state, actions }: Cloud, id: number, field?: string): VolumeRow {
  const row = findVolume(state, id, field);
  if (actions.runningOn({ type: "volume", id }).length > 0) throw locked("volume");
  return row;
}

export const volumesOf = (state: State, serverId: number): VolumeRow[] =>
  state.all<VolumeRow>("SELECT * FROM volumes WHERE server_id = ? ORDER BY id", serverId);

/**
 * Writes into the state that the server has the volume.
 * @param field of the request that names what may not fit
 * @throws ApiError when the volume is in use or elsewhere, or the server has as many as it can
 */
export function giveVolume(state: State, row: VolumeRow, server: ServerRow, field: string): void {
  if (row.server_id !== null) {
    throw refused("volume_already_attached", `volume ${row.id} is attached to server ${row.server_id}`);
  }
  if (row.location !== server.location) {
    throw invalidInput({ [field]: [`the volume is in ${row.location}, the server in ${server.location}`] });
  }
  if (volumesOf(state, server.id).length >= volumesPerServer) {
    throw limitExceeded("volumes_per_server", `a server can have ${volumesPerServer} volumes`);
  }
  state.update("volumes", row.id, { server_id: server.id });
}

export const attachReferences = (serverId: number, id: number) => [
  { type: "server" as const, id: serverId },
  { type: "volume" as const, id },
];

export function toVolumeResource({ catalog }: Cloud, row: VolumeRow): Static<typeof Volume> {
  const location = catalog.locations.find(({ name }) => name === row.location);
  if (!location) throw new Error(`volume ${row.id} is in the unknown location ${row.location}`);
  return {
    id: row.id,
    name: row.name,
    server: row.server_id,
    status: row.status,
    location,
    size: row.size,
    format: row.format,
    protection: { delete: row.protection_delete === 1 },
    labels: readLabels(row.labels),
    linux_device: `/dev/disk/by-id/scsi-0HC_Volume_${row.id}`,
    created: row.created,
  };
}
