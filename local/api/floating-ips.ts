import { Type } from "typebox";
import { timestamp } from "../state/actions.js";
import type { App } from "./app.js";
import { settleTime, type Cloud } from "./cloud.js";
import { invalidInput, isProtected, notFound, refused } from "./errors.js";
import { setFloatingIp } from "./floating-ip-actions.js";
import {
  findFloatingIp,
  findUnlockedFloatingIp,
  requireSameZone,
  toFloatingIpResource,
  type FloatingIpRow,
} from "./floating-ip-rows.js";
import { checkLabels } from "./labels.js";
import { labelQuery, listQuery, nameQuery, paginate, sendPage } from "./listing.js";
import { requireFreeName } from "./names.js";
import { newPointers } from "./pointers.js";
import { freePublicAddress } from "./public-pool.js";
import { Action, Body, FloatingIp, Id, IdOrName, IdParams, Labels, Name, Nullable } from "./schemas.js";
import { findUnlockedServer } from "./server-rows.js";

const One = Type.Object({ floating_ip: FloatingIp });
const Description = Type.Optional(Nullable(Type.String({ maxLength: 1024 })));

export function floatingIpRoutes(app: App, cloud: Cloud): void {
  const { state, actions, catalog } = cloud;

  app.get(
    "/floating_ips",
    { schema: { querystring: Type.Object({ ...listQuery, ...nameQuery, ...labelQuery }) } },
    (request, reply) => {
      const rows = state.all<FloatingIpRow>("SELECT * FROM floating_ips");
      const page = paginate(rows, request.query, ["id", "name", "created"]);
      return sendPage(request, reply, "floating_ips", page, (row) => toFloatingIpResource(cloud, row));
    },
  );

  app.post(
    "/floating_ips",
    {
      schema: {
        body: Body({
          type: Type.Enum(["ipv4", "ipv6"]),
          home_location: Type.Optional(Nullable(IdOrName)),
          server: Type.Optional(Nullable(Id)),
          name: Type.Optional(Name),
          description: Description,
          labels: Type.Optional(Labels),
        }),
        response: { 201: Type.Object({ floating_ip: FloatingIp, action: Type.Optional(Action) }) },
      },
    },
    async (request, reply) => {
      const { type, home_location: wanted, server: serverId, description = null } = request.body;
      const labels = checkLabels(request.body.labels ?? {});
      if (!wanted && !serverId) throw invalidInput({ home_location: ["is needed unless server is given"] });
      const server = serverId ? findUnlockedServer(cloud, serverId, "server") : undefined;
      const home =
        catalog.locations.find(({ id, name }) => id === wanted || name === wanted)?.name ??
        (wanted ? undefined : server?.location);
      if (home === undefined) throw notFound("location", wanted ?? "", "home_location");
      if (server) requireSameZone(cloud, home, server);

      const { made, started } = state.transaction(() => {
        const id = state.newId();
        const name = request.body.name ?? `floating-ip-${id}`;
        requireFreeName(state, "floating_ips", name);
        const ip = freePublicAddress(cloud, type);
        state.insert("floating_ips", {
          id,
          name,
          description,
          type,
          ip,
          home_location: home,
          server_id: server?.id ?? null,
          dns_ptr: newPointers(type, ip),
          labels: JSON.stringify(labels),
          created: timestamp(),
        });
        return {
          made: toFloatingIpResource(cloud, findFloatingIp(state, id)),
          started: server ? [setFloatingIp(cloud, "assign_floating_ip", id, server.id, null)] : [],
        };
      });
      const [action] = await actions.settle(started, settleTime);
      void reply.code(201);
      return { floating_ip: made, ...(action && { action }) };
    },
  );

  app.get("/floating_ips/:id", { schema: { params: IdParams, response: { 200: One } } }, (request) => ({
    floating_ip: toFloatingIpResource(cloud, findFloatingIp(state, request.params.id)),
  }));

  app.put(
    "/floating_ips/:id",
    {
      schema: {
        params: IdParams,
        body: Body({
          name: Type.Optional(Name),
          description: Description,
          labels: Type.Optional(Labels),
        }),
        response: { 200: One },
      },
    },
    (request) => {
      const row = findFloatingIp(state, request.params.id);
      const { name = row.name, description = row.description, labels } = request.body;
      if (labels) checkLabels(labels);
      requireFreeName(state, "floating_ips", name, row.id);
      state.update("floating_ips", row.id, {
        name,
        description,
        ...(labels && { labels: JSON.stringify(labels) }),
      });
      return { floating_ip: toFloatingIpResource(cloud, findFloatingIp(state, row.id)) };
    },
  );

  app.delete("/floating_ips/:id", { schema: { params: IdParams } }, (request, reply) => {
    const row = findUnlockedFloatingIp(cloud, request.params.id);
    if (row.protection_delete) throw isProtected("floating IP", "deleted");
    // Until 2026-05-01 Hetzner unassigned it by itself.
    if (row.server_id !== null) {
      throw refused(
        "must_be_unassigned",
        `floating IP is assigned to server ${row.server_id}: unassign it first`,
      );
    }
    state.run("DELETE FROM floating_ips WHERE id = ?", row.id);
    cloud.actions.changed();
    return reply.code(204).send();
  });
}
