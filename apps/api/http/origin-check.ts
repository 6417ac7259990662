import type { FastifyRequest } from "fastify";
import { Problem } from "./problem.js";

const SAFE_METHODS = new Set(["GET", "HEAD", "OPTIONS"]);

/** Whether requests of this method change nothing. */
export function isSafeMethod(method: string): boolean {
  return SAFE_METHODS.has(method);
}

/**
 * Refuses a write that a page of another site made the browser send (CSRF). Browsers say where a request comes from
 * in Sec-Fetch-Site, older ones in Origin; a client that sends neither is no browser and carries no cookie of a
 * visitor. Same rules as Go's net/http.CrossOriginProtection. For a buyer's forms this and SameSite cookies are all there
 * is: their pages are public and cached, so they cannot carry a token of one visitor, and there is no account behind them.
 * A merchant's forms carry one as well, see the merchant area.
 */
export function refuseCrossOrigin(request: FastifyRequest, publicUrl: string): void {
  if (isSafeMethod(request.method)) return;
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
