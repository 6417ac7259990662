import { Type } from "typebox";
import {
  timestamp,
  type Action as ActionValue,
  type ActionLog,
  type Job,
  type RunningAction,
} from "../state/actions.js";
import type { App } from "./app.js";
import { settled, type Cloud } from "./cloud.js";
import { invalidInput, refused } from "./errors.js";
import {
  backupsOf,
  findServerImage,
  serverBeingMadeFrom,
  toImageResource,
  type ImageRow,
} from "./image-rows.js";
import { checkLabels, type Labels as LabelValues } from "./labels.js";
import { Action, Body, IdParams, Image, Labels, Nullable } from "./schemas.js";
import { findServer, findUnlockedServer, type ServerRow } from "./server-rows.js";

const Answer = { 201: Type.Object({ action: Action }) };

/** A server keeps that many backups; the next one takes the place of the oldest. */
const backupsPerServer = 7;

/** The four hours a day, UTC, in which a server's backup is made; as at Hetzner. */
export const backupWindows = ["22-02", "02-06", "06-10", "10-14", "14-18", "18-22"] as const;

/** Writes an image that is to be made of a server and starts making it. Call in a transaction. */
export function startImage(
  { state, actions }: Pick<Cloud, "state" | "actions">,
  server: ServerRow,
  wish: { type: "snapshot" | "backup"; description: string; labels: LabelValues },
): { id: number; action: ActionValue } {
  const id = state.newId();
  state.insert("images", {
    id,
    type: wish.type,
    status: "creating",
    description: wish.description,
    disk_size: server.primary_disk_size,
    server_id: server.id,
    server_name: server.name,
    bound_to: wish.type === "backup" ? server.id : null,
    system_image: server.image,
    labels: JSON.stringify(wish.labels),
    created: timestamp(),
  });
  const action = actions.start("create_image", [
    { type: "server", id: server.id },
    { type: "image", id },
  ]);
  return { id, action };
}

export function imageActionRoutes(app: App, cloud: Cloud): void {
  const { state, actions } = cloud;

  app.post(
    "/servers/:id/actions/create_image",
    {
      schema: {
        params: IdParams,
        body: Body({
          type: Type.Optional(Nullable(Type.Enum(["snapshot", "backup"]))),
          description: Type.Optional(Nullable(Type.String({ maxLength: 1000 }))),
          labels: Type.Optional(Labels),
        }),
        response: { 201: Type.Object({ action: Action, image: Image }) },
      },
    },
    async (request, reply) => {
      const server = findUnlockedServer(cloud, request.params.id);
      const type = request.body.type ?? "snapshot";
      const labels = checkLabels(request.body.labels ?? {});
      if (type === "backup" && server.backup_window === null) {
        throw invalidInput({ type: ["backups are not enabled for the server: enable them first"] });
      }
      // Like the real cloud, which names it by the time and the server.
      const description = request.body.description || `${server.name} ${timestamp()}`;
      const { id, action } = state.transaction(() =>
        startImage(cloud, server, { type, description, labels }),
      );
      const image = toImageResource(cloud, findServerImage(cloud, id));
      void reply.code(201);
      return { image, ...(await settled(cloud, action)) };
    },
  );

  app.post(
    "/servers/:id/actions/enable_backup",
    {
      schema: {
        params: IdParams,
        // The window was once chosen by the caller; the field is still sent by some clients, and ignored.
        body: Body({ backup_window: Type.Optional(Nullable(Type.String())) }),
        response: Answer,
      },
    },
    (request, reply) => {
      const server = findUnlockedServer(cloud, request.params.id);
      const window = server.backup_window ?? backupWindows[server.id % backupWindows.length] ?? "22-02";
      void reply.code(201);
      return state.transaction(() => {
        state.update("servers", server.id, { backup_window: window });
        return { action: actions.done("enable_backup", [{ type: "server", id: server.id }]) };
      });
    },
  );

  app.post(
    "/servers/:id/actions/disable_backup",
    { schema: { params: IdParams, body: Type.Optional(Type.Unknown()), response: Answer } },
    async (request, reply) => {
      const server = findUnlockedServer(cloud, request.params.id);
      const action = state.transaction(() => {
        state.update("servers", server.id, { backup_window: null });
        return actions.done("disable_backup", [{ type: "server", id: server.id }]);
      });
      await removeBackups(cloud, backupsOf(state, server.id), request.log);
      void reply.code(201);
      return { action };
    },
  );

  app.post(
    "/images/:id/actions/change_protection",
    { schema: { params: IdParams, body: Body({ delete: Type.Optional(Type.Boolean()) }), response: Answer } },
    (request, reply) => {
      const row = findServerImage(cloud, request.params.id);
      if (row.type === "backup") {
        throw refused("unsupported_error", "a backup cannot be protected: make a snapshot of it");
      }
      const wanted = request.body.delete ?? row.protection_delete === 1;
      void reply.code(201);
      return state.transaction(() => {
        state.update("images", row.id, { protection_delete: Number(wanted) });
        return { action: actions.done("change_protection", [{ type: "image", id: row.id }]) };
      });
    },
  );
}

function imageIdOf({ resources }: RunningAction): number {
  const reference = resources.find(({ type }) => type === "image");
  if (!reference) throw new Error("the action names no image");
  return reference.id;
}

/** GB with two decimals, never 0: what is there takes something. */
const gigabytes = (bytes: number): number => Math.max(0.01, Math.round((bytes / 2 ** 30) * 100) / 100);

export function imageJobs(cloud: Cloud, log: ActionLog): Record<string, Job> {
  const { state, host } = cloud;
  return {
    create_image: {
      run: async (action) => {
        const row = findServerImage(cloud, imageIdOf(action));
        const server = findServer(state, row.server_id);
        const bytes = await host.images.create(String(server.id), String(row.id));
        state.update("images", row.id, { status: "available", image_size: gigabytes(bytes) });
        if (row.type === "backup") await removeOldBackups(cloud, server.id, log);
      },
      undo: (action) => {
        const id = imageIdOf(action);
        void host.images.remove(String(id)).catch(() => undefined);
        state.run("DELETE FROM images WHERE id = ?", id);
      },
    },
  };
}

async function removeOldBackups(cloud: Cloud, serverId: number, log: ActionLog): Promise<void> {
  const surplus = backupsOf(cloud.state, serverId).slice(0, -backupsPerServer);
  // One that is in use goes with the next backup.
  const unused = surplus.filter(({ id }) => serverBeingMadeFrom(cloud.state, id) === undefined);
  await removeUnused(cloud, unused, log);
}

/** Removes backups. One that another server is just being made from becomes a snapshot. */
export async function removeBackups(
  cloud: Cloud,
  backups: readonly ImageRow[],
  log: ActionLog,
): Promise<void> {
  const { state } = cloud;
  const unused = state.transaction(() =>
    backups.filter(({ id }) => {
      const inUse = serverBeingMadeFrom(state, id) !== undefined;
      if (inUse) state.update("images", id, { type: "snapshot", bound_to: null });
      return !inUse;
    }),
  );
  await removeUnused(cloud, unused, log);
}

/**
 * Removes images that nothing is being made from. A file that cannot be removed fails nothing: what is not in the state
 * is removed from the computer by the next start.
 */
async function removeUnused(
  { state, host }: Cloud,
  images: readonly ImageRow[],
  log: ActionLog,
): Promise<void> {
  state.transaction(() => {
    for (const { id } of images) state.run("DELETE FROM images WHERE id = ?", id);
  });
  for (const { id } of images) {
    await host.images
      .remove(String(id))
      .catch((error: unknown) => log.error({ err: error, image: id }, "a backup's file was not removed"));
  }
}

/** How often it is looked whether a backup is due, in milliseconds, and how old the last one must be, in hours. */
const LOOK_MS = 5 * 60_000;
const leastHours = 20;

/** Servers whose window is now and that have no backup of this day. @param now in milliseconds */
export function dueForBackup(
  servers: readonly Pick<ServerRow, "id" | "backup_window">[],
  backups: readonly Pick<ImageRow, "bound_to" | "created">[],
  now: number,
): number[] {
  const hour = new Date(now).getUTCHours();
  return servers.flatMap(({ id, backup_window: window }) => {
    const [from = 0, to = 0] = (window ?? "").split("-").map(Number);
    const inWindow = window !== null && (from < to ? hour >= from && hour < to : hour >= from || hour < to);
    const recent = backups.some(
      (backup) => backup.bound_to === id && now - Date.parse(backup.created) < leastHours * 3_600_000,
    );
    return inWindow && !recent ? [id] : [];
  });
}

/** Makes backups when they are due, until `stop` is called. */
export function scheduleBackups(cloud: Cloud, log: ActionLog): { stop(): void } {
  const timer = setInterval(() => {
    try {
      startDueBackups(cloud, log, Date.now());
    } catch (error) {
      log.error({ err: error }, "it could not be looked which backups are due");
    }
  }, LOOK_MS);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}

/** Starts each backup that is due; one that cannot be started keeps no other from it. @param now in milliseconds */
export function startDueBackups(cloud: Pick<Cloud, "state" | "actions">, log: ActionLog, now: number): void {
  const { state, actions } = cloud;
  const backups = state.all<ImageRow>("SELECT * FROM images WHERE type = 'backup'");
  for (const id of dueForBackup(state.all<ServerRow>("SELECT * FROM servers"), backups, now)) {
    if (actions.isLocked(id)) continue;
    const description = `Backup of ${timestamp()}`;
    try {
      state.transaction(() =>
        startImage(cloud, findServer(state, id), { type: "backup", description, labels: {} }),
      );
    } catch (error) {
      log.error({ err: error, server: id }, "the backup that is due could not be started");
    }
  }
}
