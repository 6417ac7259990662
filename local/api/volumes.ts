import { Type } from "typebox";
import { timestamp } from "../state/actions.js";
import type { App } from "./app.js";
import { settleTime, type Cloud } from "./cloud.js";
import { invalidInput, isProtected, notFound, refused } from "./errors.js";
import { checkLabels } from "./labels.js";
import { asArray, labelQuery, listQuery, nameQuery, oneOrMore, paginate, sendPage } from "./listing.js";
import { requireFreeName } from "./names.js";
import { Action, Body, Id, IdOrName, IdParams, Labels, Name, Nullable, Volume } from "./schemas.js";
import { findUnlockedServer } from "./server-rows.js";
import {
  attachReferences,
  findUnlockedVolume,
  findVolume,
  giveVolume,
  toVolumeResource,
  type VolumeRow,
} from "./volume-rows.js";

const One = Type.Object({ volume: Volume });

/** GB, as at Hetzner. */
export const VolumeSize = Type.Integer({ minimum: 10, maximum: 10_240 });

export function volumeRoutes(app: App, cloud: Cloud): void {
  const { state, actions, catalog } = cloud;

  app.get(
    "/volumes",
    {
      schema: {
        querystring: Type.Object({
          ...listQuery,
          ...nameQuery,
          ...labelQuery,
          status: oneOrMore(Type.Enum(["available", "creating"])),
        }),
      },
    },
    (request, reply) => {
      const statuses = asArray(request.query.status);
      const rows = state
        .all<VolumeRow>("SELECT * FROM volumes")
        .filter(({ status }) => !statuses || statuses.includes(status));
      const page = paginate(rows, request.query, ["id", "name", "created"]);
      return sendPage(request, reply, "volumes", page, (row) => toVolumeResource(cloud, row));
    },
  );

  app.post(
    "/volumes",
    {
      schema: {
        body: Body({
          name: Name,
          size: VolumeSize,
          server: Type.Optional(Nullable(Id)),
          location: Type.Optional(Nullable(IdOrName)),
          automount: Type.Optional(Type.Boolean()),
          format: Type.Optional(Nullable(Type.Enum(["ext4", "xfs"]))),
          labels: Type.Optional(Labels),
        }),
        response: {
          201: Type.Object({ volume: Volume, action: Action, next_actions: Type.Array(Action) }),
        },
      },
    },
    async (request, reply) => {
      const { name, size, location: wanted, server: serverId, automount = false } = request.body;
      const labels = checkLabels(request.body.labels ?? {});
      requireFreeName(state, "volumes", name);
      const server = serverId ? findUnlockedServer(cloud, serverId, "server") : undefined;
      if (!server && !wanted) throw invalidInput({ location: ["is needed unless server is given"] });
      if (automount && !server) throw invalidInput({ automount: ["needs a server"] });
      const location =
        catalog.locations.find(({ id, name: own }) => id === wanted || own === wanted)?.name ??
        (wanted ? undefined : server?.location);
      if (location === undefined) throw notFound("location", wanted ?? "", "location");

      const { volume: made, started } = state.transaction(() => {
        const volumeId = state.newId();
        state.insert("volumes", {
          id: volumeId,
          name,
          status: "creating",
          size,
          location,
          format: request.body.format ?? null,
          labels: JSON.stringify(labels),
          created: timestamp(),
        });
        const create = actions.start("create_volume", [{ type: "volume", id: volumeId }]);
        const volume = () => toVolumeResource(cloud, findVolume(state, volumeId));
        if (!server) return { volume: volume(), started: [create] };
        giveVolume(state, findVolume(state, volumeId), server, "location");
        const references = attachReferences(server.id, volumeId);
        const attach = actions.start("attach_volume", references, { automount: String(automount) });
        return { volume: volume(), started: [create, attach] };
      });
      const [action, ...next] = await actions.settle(started, settleTime);
      if (!action) throw new Error("no action was started");
      void reply.code(201);
      return { volume: made, action, next_actions: next };
    },
  );

  app.get("/volumes/:id", { schema: { params: IdParams, response: { 200: One } } }, (request) => ({
    volume: toVolumeResource(cloud, findVolume(state, request.params.id)),
  }));

  app.put(
    "/volumes/:id",
    {
      schema: {
        params: IdParams,
        body: Body({ name: Type.Optional(Name), labels: Type.Optional(Labels) }),
        response: { 200: One },
      },
    },
    (request) => {
      const row = findVolume(state, request.params.id);
      const { name = row.name, labels } = request.body;
      if (labels) checkLabels(labels);
      requireFreeName(state, "volumes", name, row.id);
      state.update("volumes", row.id, { name, ...(labels && { labels: JSON.stringify(labels) }) });
      return { volume: toVolumeResource(cloud, findVolume(state, row.id)) };
    },
  );

  app.delete("/volumes/:id", { schema: { params: IdParams } }, async (request, reply) => {
    const row = findUnlockedVolume(cloud, request.params.id);
    if (row.protection_delete) throw isProtected("volume", "deleted");
    if (row.server_id !== null) {
      throw refused("service_error", `volume is attached to server ${row.server_id}: detach it first`);
    }
    // First from the state: what is not in it is removed from the computer by the next start, at the latest.
    state.run("DELETE FROM volumes WHERE id = ?", row.id);
    await cloud.host.removeVolume(String(row.id));
    return reply.code(204).send();
  });
}
