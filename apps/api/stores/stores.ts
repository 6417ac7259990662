import { createHash, randomBytes } from "node:crypto";
import type { Database } from "../database/database.js";
import { violatesUnique } from "../database/errors.js";
import { recordEvents } from "../outbox.js";
import { isSlug } from "./slug.js";

export interface Store {
  id: number;
  slug: string;
  name: string;
}

export const STORE_NAME_MAX = 80;

/** What a merchant keeps to open the dashboard: shown once, stored only as a hash. */
export interface CreatedStore {
  store: Store;
  adminKey: string;
}

/** Creates a store with a new admin key; `slug-taken` when another store has that address. */
export async function createStore(
  db: Database,
  input: { name: string; slug: string },
): Promise<CreatedStore | "slug-taken"> {
  const adminKey = randomBytes(24).toString("base64url");
  try {
    const store = await db.transaction().execute(async (transaction) => {
      const created = await transaction
        .insertInto("stores")
        .values({ name: input.name, slug: input.slug, admin_key_hash: hashAdminKey(adminKey) })
        .returning(["id", "slug", "name"])
        .executeTakeFirstOrThrow();
      await recordEvents(transaction, [
        { type: "store.created", payload: { storeId: created.id, slug: created.slug, name: created.name } },
      ]);
      return created;
    });
    return { store, adminKey };
  } catch (error) {
    if (violatesUnique(error, "stores_slug_key")) return "slug-taken";
    throw error;
  }
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

/** The store that this key opens. */
export async function findStoreByAdminKey(
  db: Database,
  slug: string,
  adminKey: string,
): Promise<Store | undefined> {
  if (!isSlug(slug)) return undefined;
  return await db
    .selectFrom("stores")
    .select(["id", "slug", "name"])
    .where("slug", "=", slug)
    .where("admin_key_hash", "=", hashAdminKey(adminKey))
    .executeTakeFirst();
}

// The key has 192 random bits, so a plain hash is enough: there is nothing to guess that a slow hash would protect.
function hashAdminKey(adminKey: string): Buffer {
  return createHash("sha256").update(adminKey).digest();
}
