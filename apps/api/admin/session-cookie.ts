import type { FastifyReply, FastifyRequest } from "fastify";
import type { ServerEnvironment } from "../environment.js";
import { SESSION_SECONDS } from "./sessions.js";

type Origin = Pick<ServerEnvironment, "publicUrl">;

// Browsers accept a __Host- cookie only over TLS, for the whole site and from this very host (RFC 6265bis, 4.1.3.2).
const isSecure = (environment: Origin): boolean => environment.publicUrl.startsWith("https:");
const cookieName = (environment: Origin): string => (isSecure(environment) ? "__Host-session" : "session");

const options = (environment: Origin) =>
  ({ path: "/", httpOnly: true, sameSite: "lax", secure: isSecure(environment) }) as const;

/** The token that the browser sent. */
export function readSessionCookie(request: FastifyRequest, environment: Origin): string | undefined {
  return request.cookies[cookieName(environment)];
}

export function setSessionCookie(reply: FastifyReply, environment: Origin, token: string): void {
  reply.setCookie(cookieName(environment), token, { ...options(environment), maxAge: SESSION_SECONDS });
}

export function clearSessionCookie(reply: FastifyReply, environment: Origin): void {
  reply.clearCookie(cookieName(environment), options(environment));
}
