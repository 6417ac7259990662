import type { Static } from "typebox";
import type { State } from "../state/database.js";
import type { Cloud } from "./cloud.js";
import { invalidInput, notFound, refused } from "./errors.js";
import { readLabels } from "./labels.js";
import type { Image, ServerType } from "./schemas.js";

/** A snapshot or a backup of a server. */
export interface ImageRow {
  id: number;
  type: "snapshot" | "backup";
  status: "creating" | "available";
  description: string;
  /** GB that it takes here; null until it is made. */
  image_size: number | null;
  /** GB of the disk that it was made from. */
  disk_size: number;
  server_id: number;
  server_name: string;
  bound_to: number | null;
  system_image: string;
  protection_delete: 0 | 1;
  labels: string;
  created: string;
}

type ImageValue = Static<typeof Image>;

export const imageRows = (state: State): ImageRow[] =>
  state.all<ImageRow>("SELECT * FROM images ORDER BY id");

/** @throws ApiError not_found; unsupported_error for an image that is not of a server and never changes */
export function findServerImage({ state, catalog }: Cloud, id: number): ImageRow {
  const row = state.get<ImageRow>("SELECT * FROM images WHERE id = ?", id);
  if (row) return row;
  if (!catalog.images.some((image) => image.id === id)) throw notFound("image", id);
  throw refused("unsupported_error", "only images of the types snapshot and backup can be changed");
}

export const backupsOf = (state: State, serverId: number): ImageRow[] =>
  state.all<ImageRow>("SELECT * FROM images WHERE bound_to = ? ORDER BY id", serverId);

/** The id of a server whose disk is at present copied from the image: it cannot be removed meanwhile. */
export const serverBeingMadeFrom = (state: State, imageId: number): number | undefined =>
  state.get<{ id: number }>(
    `SELECT id FROM servers WHERE status = 'initializing' AND image_id = ?
     UNION ALL
     SELECT resource_id FROM actions JOIN action_resources ON action_id = id
     WHERE status = 'running' AND command = 'rebuild_server' AND json_extract(arguments, '$.imageId') = ?`,
    imageId,
    String(imageId),
  )?.id;

export function toImageResource({ catalog }: Cloud, row: ImageRow): ImageValue {
  const system = catalog.images.find(({ name }) => name === row.system_image);
  if (!system) throw new Error(`image ${row.id} is of the unknown system ${row.system_image}`);
  return {
    ...system,
    id: row.id,
    type: row.type,
    status: row.status,
    name: null,
    description: row.description,
    image_size: row.image_size,
    disk_size: row.disk_size,
    created: row.created,
    created_from: { id: row.server_id, name: row.server_name },
    bound_to: row.bound_to,
    rapid_deploy: false,
    protection: { delete: row.protection_delete === 1 },
    labels: readLabels(row.labels),
  };
}

/** Every image that there is. */
export const allImages = (cloud: Cloud): ImageValue[] => [
  ...cloud.catalog.images,
  ...imageRows(cloud.state).map((row) => toImageResource(cloud, row)),
];

/** What a server says of its image: null when the image was deleted meanwhile. */
export function imageOfServer(
  { state, catalog, ...cloud }: Cloud,
  { image, image_id: id }: { image: string; image_id: number | null },
): ImageValue | null {
  if (id === null) return catalog.images.find(({ name }) => name === image) ?? null;
  const row = state.get<ImageRow>("SELECT * FROM images WHERE id = ?", id);
  return row ? toImageResource({ state, catalog, ...cloud }, row) : null;
}

/** What a disk is made from. */
export interface DiskSource {
  /** Name of the system image. */
  system: string;
  /** Of the snapshot or backup, if it is one. */
  imageId?: number | undefined;
  /** GB that the disk must have at least. */
  diskSize: number;
}

/** @param wanted id or name; a snapshot has no name @throws ApiError that names the field `image` */
export function findUsableImage(cloud: Cloud, wanted: number | string): DiskSource {
  const found = allImages(cloud).find(({ id, name }) => name === wanted || String(id) === String(wanted));
  if (!found) throw notFound("image", wanted, "image");
  if (found.status !== "available") throw invalidInput({ image: [`image ${found.id} is still being made`] });
  if (found.name !== null) return { system: found.name, diskSize: found.disk_size };
  const system = cloud.state.get<ImageRow>("SELECT * FROM images WHERE id = ?", found.id)?.system_image;
  if (system === undefined) throw notFound("image", wanted, "image");
  return { system, imageId: found.id, diskSize: found.disk_size };
}

/** @throws ApiError invalid_input that names `image` */
export function requireFittingDisk({ diskSize }: DiskSource, type: Static<typeof ServerType>): void {
  if (diskSize <= type.disk) return;
  throw invalidInput({
    image: [`has a disk of ${diskSize} GB, the server type ${type.name} one of ${type.disk} GB`],
  });
}
