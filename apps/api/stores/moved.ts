import { sql } from "kysely";
import type { Database } from "../database/database.js";
import { violatesUnique } from "../database/errors.js";
import { recordEvents } from "../outbox.js";
import { isSlug } from "./slug.js";

/** The address leads to where a store was; the same address with `slug` instead is right. */
export class StoreMoved extends Error {
  override name = "StoreMoved";
  constructor(readonly slug: string) {
    super(`the store is at ${slug} now`);
  }
}

/**
 * Addresses that one store may have had beside its own. Each is kept from everybody else for ever, so nobody shall collect
 * them.
 */
export const FORMER_SLUGS_MAX = 10;

/**
 * Gives a store another address. The one before leads there for ever; no other store can take it, this one can.
 * `slug-taken`: another store has it or had it. `too-many`: it had {@link FORMER_SLUGS_MAX} and wants none of them.
 */
export async function moveStore(
  db: Database,
  storeId: number,
  slug: string,
): Promise<"slug-taken" | "too-many" | undefined> {
  try {
    return await db.transaction().execute(async (transaction) => {
      const { slug: formerSlug } = await transaction
        .selectFrom("stores")
        .select("slug")
        .where("id", "=", storeId)
        .forUpdate()
        .executeTakeFirstOrThrow();
      if (formerSlug === slug) return undefined;
      // Its own one is among them. The store's row is locked, so nobody else adds one meanwhile.
      const { rows } = await sql<{ known: number; had: boolean }>`
        SELECT count(*)::int AS known, coalesce(bool_or(slug = ${slug}), false) AS had
        FROM store_slugs WHERE store_id = ${storeId}
      `.execute(transaction);
      const { known = 0, had = false } = rows[0] ?? {};
      if (!had && known > FORMER_SLUGS_MAX) return "too-many";
      await transaction.updateTable("stores").set({ slug }).where("id", "=", storeId).execute();
      await recordEvents(transaction, [{ type: "store.moved", payload: { storeId, slug, formerSlug } }]);
      return undefined;
    });
  } catch (error) {
    if (violatesUnique(error, "stores_slug_key")) return "slug-taken";
    throw error;
  }
}

/** Where the store is that was at this address; `undefined` when none ever was. */
export async function currentSlug(db: Database, formerSlug: string): Promise<string | undefined> {
  if (!isSlug(formerSlug)) return undefined;
  const store = await db
    .selectFrom("store_slugs")
    .innerJoin("stores", "stores.id", "store_slugs.store_id")
    .select("stores.slug")
    .where("store_slugs.slug", "=", formerSlug)
    .executeTakeFirst();
  return store?.slug;
}
