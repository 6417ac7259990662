import { Type } from "@fastify/type-provider-typebox";
import type { App } from "../http/app.js";
import { notFound } from "../http/problem.js";
import type { Services } from "../services.js";
import { FORMATS } from "./picture.js";

const YEAR = 365 * 24 * 60 * 60;

/** Hands pictures on from the object storage. A name never means another picture, so caches may keep them for ever. */
export function registerImageRoutes(app: App, { images }: Services): void {
  const params = Type.Object({ digest: Type.String(), file: Type.String() });
  app.get("/images/:digest/:file", { schema: { params } }, async (request, reply) => {
    const { digest, file } = request.params;
    const format = /^[1-9]\d{1,3}\.(webp|jpg)$/.exec(file)?.[1];
    if (!images || !/^[0-9a-f]{32}$/.test(digest) || (format !== "webp" && format !== "jpg"))
      throw notFound("There is no such picture.");
    const etag = `"${digest}-${file}"`;
    const found =
      request.headers["if-none-match"] === etag ? "unchanged" : await images.store.get(digest, file);
    if (!found) throw notFound("There is no such picture.");
    reply.header("cache-control", `public, max-age=${YEAR}, immutable`).header("etag", etag);
    if (found === "unchanged") return await reply.code(304).send();
    if (found.length !== undefined) reply.header("content-length", found.length);
    return await reply.type(FORMATS[format]).send(found.body);
  });
}
