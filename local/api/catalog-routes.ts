import { Type } from "typebox";
import type { App } from "./app.js";
import { pricing } from "./catalog.js";
import type { Cloud } from "./cloud.js";
import { notFound } from "./errors.js";
import { listQuery, nameQuery, oneOrMore, paginate, sendPage } from "./listing.js";
import { IdParams, Location, ServerType } from "./schemas.js";

const Flag = Type.Optional(Type.Boolean());
const Architecture = oneOrMore(Type.Enum(["x86", "arm"]));

/** What never changes: locations, server types, ISOs and prices. */
export function catalogRoutes(app: App, { catalog }: Cloud): void {
  app.get(
    "/locations",
    { schema: { querystring: Type.Object({ ...listQuery, ...nameQuery }) } },
    (request, reply) => {
      const page = paginate(catalog.locations, request.query, ["id", "name"]);
      return sendPage(request, reply, "locations", page, (location) => location);
    },
  );
  app.get(
    "/locations/:id",
    { schema: { params: IdParams, response: { 200: Type.Object({ location: Location }) } } },
    (request) => ({ location: byId("location", catalog.locations, request.params.id) }),
  );

  app.get(
    "/server_types",
    { schema: { querystring: Type.Object({ ...listQuery, ...nameQuery }) } },
    (request, reply) => {
      const page = paginate(catalog.serverTypes, request.query, ["id", "name"]);
      return sendPage(request, reply, "server_types", page, (type) => type);
    },
  );
  app.get(
    "/server_types/:id",
    { schema: { params: IdParams, response: { 200: Type.Object({ server_type: ServerType }) } } },
    (request) => ({ server_type: byId("server type", catalog.serverTypes, request.params.id) }),
  );

  // A machine here starts from its disk only: there is nothing to offer.
  app.get(
    "/isos",
    {
      schema: {
        querystring: Type.Object({
          ...listQuery,
          ...nameQuery,
          architecture: Architecture,
          include_architecture_wildcard: Flag,
          include_wildcard_architecture: Flag,
        }),
      },
    },
    (request, reply) => {
      const page = paginate<{ id: number; name: string }>([], request.query, ["id", "name"]);
      return sendPage(request, reply, "isos", page, (iso) => iso);
    },
  );
  app.get("/isos/:id", { schema: { params: IdParams } }, (request) => {
    throw notFound("ISO", request.params.id);
  });

  app.get("/pricing", () => ({ pricing: pricing(catalog) }));
}

function byId<T extends { id: number }>(kind: string, all: readonly T[], id: number): T {
  const found = all.find((one) => one.id === id);
  if (!found) throw notFound(kind, id);
  return found;
}
