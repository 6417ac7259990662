import { hash } from "node:crypto";
import type { FastifyReply, FastifyRequest } from "fastify";

/**
 * Sends a page that is the same for everybody. Caches may keep it but ask before each use; an unchanged page costs
 * 304 and no body.
 */
export function sendPublicPage(request: FastifyRequest, reply: FastifyReply, page: string): FastifyReply {
  return sendPublic(request, reply, page, "text/html; charset=utf-8");
}

/** Sends JSON that is the same for everybody, under the same rules as {@link sendPublicPage}. */
export function sendPublicJson(request: FastifyRequest, reply: FastifyReply, content: object): FastifyReply {
  return sendPublic(request, reply, JSON.stringify(content), "application/json; charset=utf-8");
}

function sendPublic(request: FastifyRequest, reply: FastifyReply, text: string, type: string): FastifyReply {
  // Its bytes are needed twice.
  const body = Buffer.from(text);
  const etag = `"${hash("sha1", body, "base64url")}"`;
  reply.header("cache-control", "public, max-age=0, must-revalidate").header("etag", etag);
  if (matches(request.headers["if-none-match"], etag)) return reply.code(304).send();
  return reply.type(type).send(body);
}

/** Sends a page that belongs to one visitor: no cache may keep it. */
export function sendPrivatePage(reply: FastifyReply, page: string): FastifyReply {
  return reply.header("cache-control", "private, no-store").type("text/html; charset=utf-8").send(page);
}

// nginx makes an ETag weak when it compresses; If-None-Match compares weakly anyway (RFC 9110, 13.1.2).
function matches(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  if (ifNoneMatch.trim() === "*") return true;
  return ifNoneMatch.split(",").some((candidate) => candidate.trim().replace(/^W\//, "") === etag);
}
