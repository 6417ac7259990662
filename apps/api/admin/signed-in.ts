import type { FastifyRequest } from "fastify";
import { notFound } from "../http/problem.js";
import type { Services } from "../services.js";
import type { Store } from "../stores/stores.js";
import { readSessionCookie } from "./session-cookie.js";

/** The visitor has no session; a browser is led to the sign-in page. */
export class SignInRequired extends Error {
  override name = "SignInRequired";
}

/**
 * The signed-in merchant's store, if it is the one in the address; other stores do not exist for this merchant. Every
 * merchant's route asks first.
 */
export async function merchantStore(
  { environment, sessions }: Services,
  request: FastifyRequest,
  slug: string,
): Promise<Store> {
  const token = readSessionCookie(request, environment);
  const store = token === undefined ? undefined : await sessions.find(token);
  if (!store) throw new SignInRequired();
  if (store.slug !== slug) throw notFound("You have no shop at this address.");
  return store;
}
