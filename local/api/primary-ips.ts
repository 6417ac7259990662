import { Type, type Static } from "typebox";
import type { App } from "./app.js";
import { settleTime, type Cloud } from "./cloud.js";
import { invalidInput, isProtected, notFound, refused } from "./errors.js";
import { checkLabels, readLabels } from "./labels.js";
import { labelQuery, listQuery, nameQuery, paginate, sendPage } from "./listing.js";
import { requireFreeName } from "./names.js";
import { requireNoAddress } from "./primary-ip-actions.js";
import { findPrimaryIp, insertPrimaryIp, readPointers, type PrimaryIpRow } from "./primary-ip-rows.js";
import { Action, Body, Id, IdOrName, IdParams, Labels, Name, Nullable, PrimaryIp } from "./schemas.js";
import { findUnlockedServer } from "./server-rows.js";

function toResource({ catalog }: Cloud, row: PrimaryIpRow): Static<typeof PrimaryIp> {
  const location = catalog.locations.find(({ name }) => name === row.location);
  if (!location) throw new Error(`primary IP ${row.id} is in the unknown location ${row.location}`);
  return {
    id: row.id,
    name: row.name,
    labels: readLabels(row.labels),
    created: row.created,
    blocked: false,
    location,
    ip: row.ip,
    dns_ptr: readPointers(row),
    protection: { delete: row.protection_delete === 1 },
    type: row.type,
    auto_delete: row.auto_delete === 1,
    assignee_type: "server",
    assignee_id: row.assignee_id,
  };
}

const One = Type.Object({ primary_ip: PrimaryIp });

export function primaryIpRoutes(app: App, cloud: Cloud): void {
  const { state, actions, catalog } = cloud;

  app.get(
    "/primary_ips",
    {
      schema: {
        querystring: Type.Object({
          ...listQuery,
          ...nameQuery,
          ...labelQuery,
          ip: Type.Optional(Type.String()),
        }),
      },
    },
    (request, reply) => {
      const { ip } = request.query;
      const rows = state
        .all<PrimaryIpRow>("SELECT * FROM primary_ips")
        .filter((row) => ip === undefined || row.ip === ip || row.ip.split("/")[0] === ip);
      const page = paginate(rows, request.query, ["id", "name", "created"]);
      return sendPage(request, reply, "primary_ips", page, (row) => toResource(cloud, row));
    },
  );

  app.post(
    "/primary_ips",
    {
      schema: {
        body: Body({
          name: Name,
          type: Type.Enum(["ipv4", "ipv6"]),
          location: Type.Optional(Nullable(IdOrName)),
          assignee_type: Type.Optional(Type.Enum(["server"])),
          assignee_id: Type.Optional(Nullable(Id)),
          auto_delete: Type.Optional(Type.Boolean()),
          labels: Type.Optional(Labels),
        }),
        response: { 201: Type.Object({ primary_ip: PrimaryIp, action: Type.Optional(Action) }) },
      },
    },
    async (request, reply) => {
      const { name, type, location: wanted, assignee_id: assigneeId, auto_delete: autoDelete } = request.body;
      const labels = checkLabels(request.body.labels ?? {});
      requireFreeName(state, "primary_ips", name);
      if ((wanted ?? null) === null && (assigneeId ?? null) === null) {
        throw invalidInput({ location: ["is needed unless assignee_id is given"] });
      }
      if ((wanted ?? null) !== null && (assigneeId ?? null) !== null) {
        throw invalidInput({ location: ["must not be given together with assignee_id"] });
      }
      const server = assigneeId ? findUnlockedServer(cloud, assigneeId, "assignee_id") : undefined;
      if (server) requireNoAddress(state, server, type);
      const location =
        server?.location ??
        catalog.locations.find(({ id, name: own }) => id === wanted || own === wanted)?.name;
      if (location === undefined) throw notFound("location", wanted ?? "", "location");
      const { id, started } = state.transaction(() => {
        const row = insertPrimaryIp(cloud, {
          name,
          type,
          location,
          labels,
          assigneeId: server?.id ?? null,
          autoDelete: autoDelete ?? false,
        });
        const resources = server
          ? [
              { type: "server" as const, id: server.id },
              { type: "primary_ip" as const, id: row.id },
            ]
          : [];
        return { id: row.id, started: server ? [actions.start("assign_primary_ip", resources)] : [] };
      });
      const [action] = await actions.settle(started, settleTime);
      void reply.code(201);
      return { primary_ip: toResource(cloud, findPrimaryIp(state, id)), ...(action ? { action } : {}) };
    },
  );

  app.get("/primary_ips/:id", { schema: { params: IdParams, response: { 200: One } } }, (request) => ({
    primary_ip: toResource(cloud, findPrimaryIp(state, request.params.id)),
  }));

  app.put(
    "/primary_ips/:id",
    {
      schema: {
        params: IdParams,
        body: Body({
          name: Type.Optional(Name),
          labels: Type.Optional(Labels),
          auto_delete: Type.Optional(Type.Boolean()),
        }),
        response: { 200: One },
      },
    },
    (request) => {
      const row = findPrimaryIp(state, request.params.id);
      const { name = row.name, labels, auto_delete: autoDelete } = request.body;
      if (labels) checkLabels(labels);
      if (autoDelete && row.protection_delete) {
        throw invalidInput({ auto_delete: ["must be false while the primary IP is protected"] });
      }
      requireFreeName(state, "primary_ips", name, row.id);
      state.update("primary_ips", row.id, {
        name,
        ...(labels && { labels: JSON.stringify(labels) }),
        ...(autoDelete !== undefined && { auto_delete: Number(autoDelete) }),
      });
      return { primary_ip: toResource(cloud, findPrimaryIp(state, row.id)) };
    },
  );

  app.delete("/primary_ips/:id", { schema: { params: IdParams } }, (request, reply) => {
    const row = findPrimaryIp(state, request.params.id);
    if (row.protection_delete) throw isProtected("primary IP", "deleted");
    if (row.assignee_id !== null) {
      throw refused(
        "must_be_unassigned",
        `primary IP is assigned to server ${row.assignee_id}: unassign it first`,
      );
    }
    state.run("DELETE FROM primary_ips WHERE id = ?", row.id);
    cloud.actions.changed();
    return reply.code(204).send();
  });
}
