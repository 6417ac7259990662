import { Type } from "@fastify/type-provider-typebox";
import type { Database } from "../database/database.js";
import { notFound } from "../http/problem.js";
import { findStore, type Store } from "./stores.js";

/** Path parameters of a shop's pages. */
export const StorePath = Type.Object({ slug: Type.String() });

/** The store at an address; 404 when there is none. */
export async function requireStore(db: Database, slug: string): Promise<Store> {
  const store = await findStore(db, slug);
  if (!store) throw notFound("There is no shop at this address.");
  return store;
}
