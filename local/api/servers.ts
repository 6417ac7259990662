import { Type } from "typebox";
import type { App } from "./app.js";
import { settled, settleTime, type Cloud } from "./cloud.js";
import { isProtected } from "./errors.js";
import { requireFirewallLimit, startOn } from "./firewall-actions.js";
import { firewallsOf } from "./firewall-rows.js";
import { checkLabels } from "./labels.js";
import { asArray, labelQuery, listQuery, nameQuery, oneOrMore, paginate, sendPage } from "./listing.js";
import { requireFreeName, requireHostName } from "./names.js";
import { Action, Body, IdParams, Labels, Nullable, Server, ServerStatus } from "./schemas.js";
import { createServer, ServerInput } from "./server-create.js";
import {
  findServer,
  findUnlockedServer,
  setStatus,
  toServerResource,
  type ServerRow,
} from "./server-rows.js";

const One = Type.Object({ server: Server });

export function serverRoutes(app: App, cloud: Cloud): void {
  const { state, actions } = cloud;

  app.get(
    "/servers",
    {
      schema: {
        querystring: Type.Object({
          ...listQuery,
          ...nameQuery,
          ...labelQuery,
          status: oneOrMore(ServerStatus),
        }),
      },
    },
    (request, reply) => {
      const statuses = asArray(request.query.status);
      const rows = state
        .all<ServerRow>("SELECT * FROM servers")
        .filter(({ status }) => !statuses || statuses.includes(status));
      const page = paginate(rows, request.query, ["id", "name", "created"]);
      return sendPage(request, reply, "servers", page, (row) => toServerResource(cloud, row));
    },
  );

  app.post(
    "/servers",
    {
      schema: {
        body: ServerInput,
        response: {
          201: Type.Object({
            server: Server,
            action: Action,
            next_actions: Type.Array(Action),
            root_password: Nullable(Type.String()),
          }),
        },
      },
    },
    (request, reply) => {
      const { id, action, nextActions } = state.transaction(() => createServer(cloud, request.body));
      void reply.code(201);
      const server = toServerResource(cloud, findServer(state, id));
      // Machines here are entered by key; without one there is no password to hand out either.
      return { server, action, next_actions: nextActions, root_password: null };
    },
  );

  app.get("/servers/:id", { schema: { params: IdParams, response: { 200: One } } }, (request) => ({
    server: toServerResource(cloud, findServer(state, request.params.id)),
  }));

  app.put(
    "/servers/:id",
    {
      schema: {
        params: IdParams,
        body: Body({ name: Type.Optional(Type.String()), labels: Type.Optional(Labels) }),
        response: { 200: One },
      },
    },
    (request) => {
      const row = findServer(state, request.params.id);
      const { name = row.name, labels } = request.body;
      if (labels) checkLabels(labels);
      requireHostName(name);
      requireFreeName(state, "servers", name, row.id);
      const started = state.transaction(() => {
        const before = firewallsOf(state, row).map(({ id }) => id);
        state.update("servers", row.id, { name, ...(labels && { labels: JSON.stringify(labels) }) });
        const after = firewallsOf(state, findServer(state, row.id)).map(({ id }) => id);
        requireFirewallLimit(cloud, row.id);
        const gained = after.filter((id) => !before.includes(id));
        const lost = before.filter((id) => !after.includes(id));
        return [
          ...gained.flatMap((id) => startOn(cloud, "apply_firewall", id, [row.id])),
          ...lost.flatMap((id) => startOn(cloud, "remove_firewall", id, [row.id])),
        ];
      });
      return actions
        .settle(started, settleTime)
        .then(() => actions.changed())
        .then(() => ({ server: toServerResource(cloud, findServer(state, row.id)) }));
    },
  );

  app.delete(
    "/servers/:id",
    { schema: { params: IdParams, response: { 200: Type.Object({ action: Action }) } } },
    (request) => {
      const row = findUnlockedServer(cloud, request.params.id);
      if (row.protection_delete) throw isProtected("server", "deleted");
      const started = state.transaction(() => {
        setStatus(state, row.id, "deleting");
        return actions.start("delete_server", [{ type: "server", id: row.id }]);
      });
      return settled(cloud, started);
    },
  );
}
