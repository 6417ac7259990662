import { Type, type Static } from "typebox";
import { timestamp } from "../state/actions.js";
import type { State } from "../state/database.js";
import type { App } from "./app.js";
import type { Cloud } from "./cloud.js";
import { notFound } from "./errors.js";
import { checkLabels, readLabels } from "./labels.js";
import { asArray, labelQuery, listQuery, nameQuery, oneOrMore, paginate, sendPage } from "./listing.js";
import { requireFreeName } from "./names.js";
import { Body, IdParams, Labels, Name, PlacementGroup } from "./schemas.js";

interface PlacementGroupRow {
  id: number;
  name: string;
  type: "spread";
  labels: string;
  created: string;
}

/** @throws ApiError not_found that names `field` */
export function findPlacementGroup(state: State, id: number, field?: string): Static<typeof PlacementGroup> {
  const row = state.get<PlacementGroupRow>("SELECT * FROM placement_groups WHERE id = ?", id);
  if (!row) throw notFound("placement group", id, field);
  return toResource(state, row);
}

function toResource(state: State, row: PlacementGroupRow): Static<typeof PlacementGroup> {
  const servers = state.all<{ id: number }>(
    "SELECT id FROM servers WHERE placement_group_id = ? ORDER BY id",
    row.id,
  );
  return {
    id: row.id,
    name: row.name,
    labels: readLabels(row.labels),
    type: row.type,
    created: row.created,
    servers: servers.map(({ id }) => id),
  };
}

const One = Type.Object({ placement_group: PlacementGroup });

/** Groups are kept as asked; all machines of a local cloud share one computer whatever their group says. */
export function placementGroupRoutes(app: App, { state }: Cloud): void {
  app.get(
    "/placement_groups",
    {
      schema: {
        querystring: Type.Object({
          ...listQuery,
          ...nameQuery,
          ...labelQuery,
          type: oneOrMore(Type.Enum(["spread"])),
        }),
      },
    },
    (request, reply) => {
      const types = asArray(request.query.type);
      const rows = state
        .all<PlacementGroupRow>("SELECT * FROM placement_groups")
        .filter(({ type }) => !types || types.includes(type));
      const page = paginate(rows, request.query, ["id", "name", "created"]);
      return sendPage(request, reply, "placement_groups", page, (row) => toResource(state, row));
    },
  );

  app.post(
    "/placement_groups",
    {
      schema: {
        body: Body({ name: Name, type: Type.Enum(["spread"]), labels: Type.Optional(Labels) }),
        response: { 201: One },
      },
    },
    (request, reply) => {
      const { name, type } = request.body;
      const labels = checkLabels(request.body.labels ?? {});
      requireFreeName(state, "placement_groups", name);
      const id = state.newId();
      state.insert("placement_groups", {
        id,
        name,
        type,
        labels: JSON.stringify(labels),
        created: timestamp(),
      });
      void reply.code(201);
      return { placement_group: findPlacementGroup(state, id) };
    },
  );

  app.get("/placement_groups/:id", { schema: { params: IdParams, response: { 200: One } } }, (request) => ({
    placement_group: findPlacementGroup(state, request.params.id),
  }));

  app.put(
    "/placement_groups/:id",
    {
      schema: {
        params: IdParams,
        body: Body({ name: Type.Optional(Name), labels: Type.Optional(Labels) }),
        response: { 200: One },
      },
    },
    (request) => {
      const group = findPlacementGroup(state, request.params.id);
      const { name = group.name, labels = group.labels } = request.body;
      checkLabels(labels);
      requireFreeName(state, "placement_groups", name, group.id);
      state.update("placement_groups", group.id, { name, labels: JSON.stringify(labels) });
      return { placement_group: findPlacementGroup(state, group.id) };
    },
  );

  app.delete("/placement_groups/:id", { schema: { params: IdParams } }, (request, reply) => {
    const group = findPlacementGroup(state, request.params.id);
    state.run("DELETE FROM placement_groups WHERE id = ?", group.id);
    return reply.code(204).send();
  });
}
