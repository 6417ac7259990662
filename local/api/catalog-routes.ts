import { Type } from "typebox";
import type { App } from "./app.js";
import { pricing } from "./catalog.js";
import type { Cloud } from "./cloud.js";
import { notFound } from "./errors.js";
import { asArray, labelQuery, listQuery, nameQuery, oneOrMore, paginate, sendPage } from "./listing.js";
import { IdParams, Image, Location, ServerType } from "./schemas.js";

const among = (values: string[] | undefined, value: string) => !values || values.includes(value);

const Flag = Type.Optional(Type.Boolean());
const Architecture = oneOrMore(Type.Enum(["x86", "arm"]));

/** What never changes: locations, server types, images, ISOs and prices. */
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

  app.get(
    "/images",
    {
      schema: {
        querystring: Type.Object({
          ...listQuery,
          ...nameQuery,
          ...labelQuery,
          type: oneOrMore(Type.Enum(["system", "app", "snapshot", "backup"])),
          status: oneOrMore(Type.Enum(["available", "creating", "unavailable"])),
          bound_to: oneOrMore(Type.String()),
          include_deprecated: Flag,
          architecture: Architecture,
        }),
      },
    },
    (request, reply) => {
      const { type, status, architecture, bound_to: boundTo } = request.query;
      const images = catalog.images.filter(
        (image) =>
          among(asArray(type), image.type) &&
          among(asArray(status), image.status) &&
          among(asArray(architecture), image.architecture) &&
          among(asArray(boundTo), String(image.bound_to)),
      );
      const page = paginate(images, request.query, ["id", "name", "created"]);
      return sendPage(request, reply, "images", page, (image) => image);
    },
  );
  app.get(
    "/images/:id",
    { schema: { params: IdParams, response: { 200: Type.Object({ image: Image }) } } },
    (request) => ({ image: byId("image", catalog.images, request.params.id) }),
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
