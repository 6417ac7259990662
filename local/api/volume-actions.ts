import { Type } from "typebox";
import type { Job, RunningAction } from "../state/actions.js";
import type { App } from "./app.js";
import { settled, type Cloud } from "./cloud.js";
import { invalidInput, refused } from "./errors.js";
import { Action, Body, Id, IdParams } from "./schemas.js";
import { findUnlockedServer } from "./server-rows.js";
import {
  attachReferences,
  findUnlockedVolume,
  findVolume,
  giveVolume,
  type VolumeRow,
} from "./volume-rows.js";
import { VolumeSize } from "./volumes.js";

const Answer = { 201: Type.Object({ action: Action }) };

export function volumeActionRoutes(app: App, cloud: Cloud): void {
  const { state, actions } = cloud;

  app.post(
    "/volumes/:id/actions/attach",
    {
      schema: {
        params: IdParams,
        body: Body({ server: Id, automount: Type.Optional(Type.Boolean()) }),
        response: Answer,
      },
    },
    (request, reply) => {
      const row = findUnlockedVolume(cloud, request.params.id);
      const server = findUnlockedServer(cloud, request.body.server, "server");
      void reply.code(201);
      return settled(
        cloud,
        state.transaction(() => {
          giveVolume(state, row, server, "server");
          return actions.start("attach_volume", attachReferences(server.id, row.id), {
            automount: String(request.body.automount ?? false),
          });
        }),
      );
    },
  );

  app.post(
    "/volumes/:id/actions/detach",
    { schema: { params: IdParams, body: Type.Optional(Type.Unknown()), response: Answer } },
    (request, reply) => {
      const row = findUnlockedVolume(cloud, request.params.id);
      if (row.server_id === null) throw refused("service_error", "volume is not attached to a server");
      const server = findUnlockedServer(cloud, row.server_id);
      void reply.code(201);
      return settled(cloud, actions.start("detach_volume", attachReferences(server.id, row.id)));
    },
  );

  app.post(
    "/volumes/:id/actions/resize",
    { schema: { params: IdParams, body: Body({ size: VolumeSize }), response: Answer } },
    (request, reply) => {
      const row = findUnlockedVolume(cloud, request.params.id);
      const { size } = request.body;
      if (size <= row.size)
        throw invalidInput({ size: [`must be greater than ${row.size}, the present size`] });
      void reply.code(201);
      return settled(
        cloud,
        actions.start("resize_volume", [{ type: "volume", id: row.id }], { size: String(size) }),
      );
    },
  );

  app.post(
    "/volumes/:id/actions/change_protection",
    { schema: { params: IdParams, body: Body({ delete: Type.Optional(Type.Boolean()) }), response: Answer } },
    (request, reply) => {
      const row = findVolume(state, request.params.id);
      const wanted = request.body.delete ?? row.protection_delete === 1;
      void reply.code(201);
      return state.transaction(() => {
        state.update("volumes", row.id, { protection_delete: Number(wanted) });
        return { action: actions.done("change_protection", [{ type: "volume", id: row.id }]) };
      });
    },
  );
}

function volumeIdOf({ resources }: RunningAction): number {
  const reference = resources.find(({ type }) => type === "volume");
  if (!reference) throw new Error("the action names no volume");
  return reference.id;
}

const bytes = (gigabytes: number): number => gigabytes * 2 ** 30;

export function volumeJobs({ state, host }: Cloud): Record<string, Job> {
  const volumeOf = (action: RunningAction): VolumeRow => findVolume(state, volumeIdOf(action));
  const make = async (row: VolumeRow): Promise<void> => {
    if (row.status === "available") return;
    await host.createVolume({
      id: String(row.id),
      sizeBytes: bytes(row.size),
      format: row.format ?? undefined,
    });
    state.update("volumes", row.id, { status: "available" });
  };
  return {
    create_volume: {
      run: async (action) => make(volumeOf(action)),
      // A volume that could not be made is none.
      undo: (action) => state.run("DELETE FROM volumes WHERE id = ?", volumeIdOf(action)),
    },
    attach_volume: {
      run: async (action) => {
        const row = volumeOf(action);
        // The server deleted meanwhile has let go of it.
        if (row.server_id === null) throw new Error("the server is gone");
        // It may have been asked for together with the volume, which is made in a turn of its own.
        await make(row);
        await host.attachVolume(
          String(row.server_id),
          String(row.id),
          action.arguments["automount"] === "true",
        );
      },
      undo: (action) => {
        const server = action.resources.find(({ type }) => type === "server");
        const id = volumeIdOf(action);
        state.update("volumes", id, { server_id: null });
        if (server) void host.detachVolume(String(server.id), String(id)).catch(() => undefined);
      },
    },
    detach_volume: {
      run: async (action) => {
        const row = volumeOf(action);
        if (row.server_id !== null) await host.detachVolume(String(row.server_id), String(row.id));
        state.update("volumes", row.id, { server_id: null });
      },
    },
    resize_volume: {
      run: async (action) => {
        const { id } = volumeOf(action);
        const size = Number(action.arguments["size"]);
        await host.resizeVolume(String(id), bytes(size));
        state.update("volumes", id, { size });
      },
    },
  };
}
