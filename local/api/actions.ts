import type { FastifyReply, FastifyRequest } from "fastify";
import { Type, type Static } from "typebox";
import type { ResourceType } from "../state/actions.js";
import type { App } from "./app.js";
import type { Cloud } from "./cloud.js";
import { notFound, removed } from "./errors.js";
import { asArray, listQuery, oneOrMore, paginate, sendPage } from "./listing.js";
import { Action, Id, IdParams } from "./schemas.js";
import { findZone } from "./zone-rows.js";
import { ZoneParams } from "./zones.js";

const ActionQuery = Type.Object({
  ...listQuery,
  id: oneOrMore(Id),
  status: oneOrMore(Type.Enum(["running", "success", "error"])),
});
const OneAction = Type.Object({ action: Action });
const sortable = ["id", "command", "status", "started", "finished"] as const;

/** Kinds of resources that have actions, by their path. */
const owners: Record<string, { type: ResourceType; table: string; kind: string }> = {
  servers: { type: "server", table: "servers", kind: "server" },
  networks: { type: "network", table: "networks", kind: "network" },
  firewalls: { type: "firewall", table: "firewalls", kind: "firewall" },
  primary_ips: { type: "primary_ip", table: "primary_ips", kind: "primary IP" },
  volumes: { type: "volume", table: "volumes", kind: "volume" },
  floating_ips: { type: "floating_ip", table: "floating_ips", kind: "floating IP" },
  load_balancers: { type: "load_balancer", table: "load_balancers", kind: "load balancer" },
  images: { type: "image", table: "images", kind: "image" },
  certificates: { type: "certificate", table: "certificates", kind: "certificate" },
  zones: { type: "zone", table: "zones", kind: "zone" },
};

const IdActionParams = Type.Object({ ...IdParams.properties, action_id: Id });
const ZoneActionParams = Type.Object({ ...ZoneParams.properties, action_id: Id });

/** /actions, and the same below every resource. */
export function actionRoutes(app: App, { state, actions }: Cloud): void {
  const list = (
    request: FastifyRequest,
    reply: FastifyReply,
    ids: number[],
    query: Static<typeof ActionQuery>,
  ) => {
    const statuses = asArray(query.status);
    const rows = ids
      .flatMap((id) => actions.find(id) ?? [])
      .filter(({ status }) => !statuses || statuses.includes(status));
    return sendPage(request, reply, "actions", paginate(rows, query, sortable), (action) => action);
  };

  app.get("/actions", { schema: { querystring: ActionQuery } }, (request, reply) => {
    const ids = asArray(request.query.id);
    if (!ids) {
      throw removed(
        "https://docs.hetzner.cloud/changelog#2025-01-30-listing-arbitrary-actions-in-the-actions-list-endpoint-is-removed",
      );
    }
    return list(request, reply, [...new Set(ids)], request.query);
  });

  app.get("/actions/:id", { schema: { params: IdParams, response: { 200: OneAction } } }, (request) => {
    const action = actions.find(request.params.id);
    if (!action) throw notFound("action", request.params.id);
    return { action };
  });

  for (const [path, { type, table, kind }] of Object.entries(owners)) {
    app.get(`/${path}/actions`, { schema: { querystring: ActionQuery } }, (request, reply) => {
      const wanted = asArray(request.query.id);
      const ids = actions.idsOf(type).filter((id) => !wanted || wanted.includes(id));
      return list(request, reply, ids, request.query);
    });

    app.get(
      `/${path}/actions/:id`,
      { schema: { params: IdParams, response: { 200: OneAction } } },
      (request) => {
        const action = actions.find(request.params.id);
        if (!action?.resources.some((resource) => resource.type === type)) {
          throw notFound("action", request.params.id);
        }
        return { action };
      },
    );

    const key = type === "zone" ? "id_or_name" : "id";
    const Owner = type === "zone" ? ZoneParams : IdParams;
    /** @throws ApiError not_found */
    const ownerId = (params: Partial<Record<"id" | "id_or_name", number | string>>): number => {
      if (type === "zone") return findZone(state, String(params.id_or_name)).id;
      const id = Number(params.id);
      if (!state.get(`SELECT 1 FROM ${table} WHERE id = ?`, id)) throw notFound(kind, id);
      return id;
    };
    app.get(
      `/${path}/:${key}/actions`,
      { schema: { params: Owner, querystring: ActionQuery } },
      (request, reply) => {
        const id = ownerId(request.params);
        return list(request, reply, actions.idsOf(type, id), request.query);
      },
    );

    app.get(
      `/${path}/:${key}/actions/:action_id`,
      {
        schema: {
          params: type === "zone" ? ZoneActionParams : IdActionParams,
          response: { 200: OneAction },
        },
      },
      (request) => {
        const { action_id: actionId } = request.params;
        const id = ownerId(request.params);
        const action = actions.find(actionId);
        if (!action?.resources.some((resource) => resource.type === type && resource.id === id)) {
          throw notFound("action", actionId);
        }
        return { action };
      },
    );
  }
}
