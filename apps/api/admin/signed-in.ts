import type { FastifyRequest } from "fastify";
import { notFound } from "../http/problem.js";
import type { Services } from "../services.js";
import { currentSlug, StoreMoved } from "../stores/moved.js";
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
  { db, environment, sessions }: Services,
  request: FastifyRequest,
  slug: string,
): Promise<Store> {
  const token = readSessionCookie(request, environment);
  const store = token === undefined ? undefined : await sessions.find(token);
  if (!store) throw new SignInRequired();
  if (store.slug === slug) return store;
  // An address that this merchant's own shop had before.
  if ((await currentSlug(db, slug)) === store.slug) throw new StoreMoved(store.slug);
  throw notFound("You have no shop at this address.");
}
