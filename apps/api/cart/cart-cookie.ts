import type { FastifyReply, FastifyRequest } from "fastify";
import type { ServerEnvironment } from "../environment.js";
import { formatCart, parseCart, type CartLine } from "./cart.js";

const NAME = "cart";
const MONTH = 30 * 24 * 60 * 60;

/** The cart that the browser keeps for the shop whose pages it asks for. */
export function readCart(request: FastifyRequest): CartLine[] {
  return parseCart(request.cookies[NAME]);
}

/** Keeps a cart in the browser; the cookie's path limits it to one shop. An empty cart takes the cookie away. */
export function writeCart(
  reply: FastifyReply,
  environment: Pick<ServerEnvironment, "publicUrl">,
  slug: string,
  lines: readonly CartLine[],
): void {
  const options = {
    path: `/s/${slug}`,
    httpOnly: true,
    sameSite: "lax",
    secure: environment.publicUrl.startsWith("https:"),
  } as const;
  if (lines.length === 0) reply.clearCookie(NAME, options);
  else reply.setCookie(NAME, formatCart(lines), { ...options, maxAge: MONTH });
}
