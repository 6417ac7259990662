import { Type } from "typebox";
import type { App } from "./app.js";
import type { Cloud } from "./cloud.js";
import { invalidInput, isProtected, locked, notFound, refused } from "./errors.js";
import { allImages, findServerImage, serverBeingMadeFrom, toImageResource } from "./image-rows.js";
import { checkLabels } from "./labels.js";
import { asArray, labelQuery, listQuery, nameQuery, oneOrMore, paginate, sendPage } from "./listing.js";
import { Body, IdParams, Image, Labels } from "./schemas.js";

const One = Type.Object({ image: Image });
const among = (values: string[] | undefined, value: string) => !values || values.includes(value);

/** System images, which never change, and those of servers. */
export function imageRoutes(app: App, cloud: Cloud): void {
  const { state, actions, host } = cloud;

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
          include_deprecated: Type.Optional(Type.Boolean()),
          architecture: oneOrMore(Type.Enum(["x86", "arm"])),
        }),
      },
    },
    (request, reply) => {
      const { type, status, architecture, bound_to: boundTo } = request.query;
      const images = allImages(cloud).filter(
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

  app.get("/images/:id", { schema: { params: IdParams, response: { 200: One } } }, (request) => {
    const image = allImages(cloud).find(({ id }) => id === request.params.id);
    if (!image) throw notFound("image", request.params.id);
    return { image };
  });

  app.put(
    "/images/:id",
    {
      schema: {
        params: IdParams,
        body: Body({
          description: Type.Optional(Type.String({ maxLength: 1000 })),
          type: Type.Optional(Type.Enum(["snapshot"])),
          labels: Type.Optional(Labels),
        }),
        response: { 200: One },
      },
    },
    (request) => {
      const row = findServerImage(cloud, request.params.id);
      const { description = row.description, type, labels } = request.body;
      if (labels) checkLabels(labels);
      if (type === row.type) throw invalidInput({ type: ["is a snapshot already"] });
      state.update("images", row.id, {
        description,
        // A backup that becomes a snapshot outlives its server.
        ...(type && { type, bound_to: null }),
        ...(labels && { labels: JSON.stringify(labels) }),
      });
      return { image: toImageResource(cloud, findServerImage(cloud, row.id)) };
    },
  );

  app.delete("/images/:id", { schema: { params: IdParams } }, async (request, reply) => {
    const row = findServerImage(cloud, request.params.id);
    if (row.protection_delete) throw isProtected("image", "deleted");
    if (actions.runningOn({ type: "image", id: row.id }).length > 0) throw locked("image");
    const server = serverBeingMadeFrom(state, row.id);
    if (server !== undefined) {
      throw refused("resource_in_use", `server ${server} is just being made from it`, 409);
    }
    // First from the state: what is not in it is removed from the computer by the next start, at the latest.
    state.run("DELETE FROM images WHERE id = ?", row.id);
    await host.images.remove(String(row.id));
    return reply.code(204).send();
  });
}
