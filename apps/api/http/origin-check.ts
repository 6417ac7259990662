import type { FastifyRequest } from "fastify";
import { Problem } from "./problem.js";

const SAFE_METHODS = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * Refuses a write that a page of another site made the browser send (CSRF). Browsers say where a request comes from
 * in Sec-Fetch-Site, older ones in Origin; a client that sends neither is no browser and carries no cookie of a
 * visitor. Same rules as Go's net/http.CrossOriginProtection.
 */
export function refuseCrossOrigin(request: FastifyRequest, publicUrl: string): void {
  if (SAFE_METHODS.has(request.method)) return;
  const site = request.headers["sec-fetch-site"];
  if (site === "same-origin" || site === "none") return;
  const { origin } = request.headers;
  if (site === undefined && (origin === undefined || isOwn(origin, request, publicUrl))) return;
  throw new Problem(403, "cross-origin", "This form was sent from another site, so nothing was changed.");
}

function isOwn(origin: string, request: FastifyRequest, publicUrl: string): boolean {
  if (origin === publicUrl) return true;
  return URL.canParse(origin) && new URL(origin).host === request.headers.host;
}
