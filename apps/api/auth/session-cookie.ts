import type { FastifyReply, FastifyRequest } from "fastify";
import type { ServerEnvironment } from "../environment.js";
import { IDLE_SECONDS } from "./sessions.js";
import { CODE_SECONDS } from "./sign-in-codes.js";

type Origin = Pick<ServerEnvironment, "publicUrl">;

// Browsers accept a __Host- cookie only over TLS, for the whole site and from this very host (RFC 6265bis, 4.1.3.2).
// Over plain HTTP, for development, the names go without.
const isSecure = ({ publicUrl }: Origin): boolean => publicUrl.startsWith("https:");
const cookieName = (name: "session" | "sign-in", environment: Origin): string =>
  isSecure(environment) ? `__Host-${name}` : name;

const options = (environment: Origin) =>
  ({ path: "/", httpOnly: true, sameSite: "lax", secure: isSecure(environment) }) as const;

/** The session's token that the browser sent. */
export function readSessionCookie(request: FastifyRequest, environment: Origin): string | undefined {
  return request.cookies[cookieName("session", environment)];
}

export function setSessionCookie(reply: FastifyReply, environment: Origin, token: string): void {
  reply.setCookie(cookieName("session", environment), token, {
    ...options(environment),
    maxAge: IDLE_SECONDS,
  });
}

export function clearSessionCookie(reply: FastifyReply, environment: Origin): void {
  reply.clearCookie(cookieName("session", environment), options(environment));
}

/** The challenge that ties a code to the browser that asked for it. */
export function readChallengeCookie(request: FastifyRequest, environment: Origin): string | undefined {
  return request.cookies[cookieName("sign-in", environment)];
}

export function setChallengeCookie(reply: FastifyReply, environment: Origin, challenge: string): void {
  reply.setCookie(cookieName("sign-in", environment), challenge, {
    ...options(environment),
    maxAge: CODE_SECONDS,
  });
}

export function clearChallengeCookie(reply: FastifyReply, environment: Origin): void {
  reply.clearCookie(cookieName("sign-in", environment), options(environment));
}
