import type { Transaction } from "kysely";
import type { Database } from "../database/database.js";
import { violatesUnique } from "../database/errors.js";
import type { Tables } from "../database/tables.js";
import { recordEvents } from "../outbox.js";
import { isSlug } from "./slug.js";

export interface Store {
  id: number;
  slug: string;
  name: string;
}

export const STORE_NAME_MAX = 80;

/** Stores that one merchant may open: enough for every real one, too few to take good addresses from others. */
export const STORES_MAX = 50;

/**
 * Creates a merchant's store. `slug-taken`: another store has that address, or had it; the transaction can only be rolled
 * back then.
 */
export async function createStore(
  transaction: Transaction<Tables>,
  merchantId: number,
  input: { name: string; slug: string },
): Promise<Store | "slug-taken" | "too-many"> {
  // One at a time a merchant: the stores are counted before one is added.
  await transaction
    .selectFrom("merchants")
    .select("id")
    .where("id", "=", merchantId)
    .forNoKeyUpdate()
    .executeTakeFirstOrThrow();
  if ((await listStores(transaction, merchantId)).length >= STORES_MAX) return "too-many";
  try {
    const store = await transaction
      .insertInto("stores")
      .values({ merchant_id: merchantId, name: input.name, slug: input.slug })
      .returning(["id", "slug", "name"])
      .executeTakeFirstOrThrow();
    await recordEvents(transaction, [
      { type: "store.created", payload: { storeId: store.id, slug: store.slug, name: store.name } },
    ]);
    return store;
  } catch (error) {
    if (violatesUnique(error, "stores_slug_key")) return "slug-taken";
    throw error;
  }
}

/** A merchant's stores, the oldest first; no more than {@link STORES_MAX}, which only sample data has. */
export async function listStores(db: Database, merchantId: number): Promise<Store[]> {
  return await db
    .selectFrom("stores")
    .select(["id", "slug", "name"])
    .where("merchant_id", "=", merchantId)
    .orderBy("id")
    .limit(STORES_MAX)
    .execute();
}

/** The store at an address. */
export async function findStore(db: Database, slug: string): Promise<Store | undefined> {
  if (!isSlug(slug)) return undefined;
  return await db
    .selectFrom("stores")
    .select(["id", "slug", "name"])
    .where("slug", "=", slug)
    .executeTakeFirst();
}
