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
 * Gives a store another address. The one before leads there for ever; no other store can take it, this one can.
 * `slug-taken`: another store has it or had it.
 */
export async function moveStore(
  db: Database,
  storeId: number,
  slug: string,
): Promise<"slug-taken" | undefined> {
  try {
    await db.transaction().execute(async (transaction) => {
      const { slug: formerSlug } = await transaction
        .selectFrom("stores")
        .select("slug")
        .where("id", "=", storeId)
        .forUpdate()
        .executeTakeFirstOrThrow();
      if (formerSlug === slug) return;
      await transaction.updateTable("stores").set({ slug }).where("id", "=", storeId).execute();
      await recordEvents(transaction, [{ type: "store.moved", payload: { storeId, slug, formerSlug } }]);
    });
    return undefined;
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
