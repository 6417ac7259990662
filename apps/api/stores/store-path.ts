import { Type } from "@fastify/type-provider-typebox";
import type { Database } from "../database/database.js";
import { notFound } from "../http/problem.js";
import { currentSlug, StoreMoved } from "./moved.js";
import { findStore, type Store } from "./stores.js";

/** Path parameters of a shop's pages. */
export const StorePath = Type.Object({ slug: Type.String() });

/** The store at an address; 404 when there is none, {@link StoreMoved} when it went to another address. */
export async function requireStore(db: Database, slug: string): Promise<Store> {
  return (await findStore(db, slug)) ?? (await storeIsElsewhere(db, slug));
}

/** Ends a request for a store that is not at the address. */
export async function storeIsElsewhere(db: Database, slug: string): Promise<never> {
  const now = await currentSlug(db, slug);
  throw now === undefined ? notFound("There is no shop at this address.") : new StoreMoved(now);
}
