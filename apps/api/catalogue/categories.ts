import { inTransaction, type Database } from "../database/database.js";
import { violatesForeignKey } from "../database/errors.js";
import { recordEvents, type CategorySnapshot } from "../outbox.js";
import { slugFromText } from "../stores/slug.js";

/** A shelf of a shop. */
export interface Category {
  id: number;
  slug: string;
  name: string;
  position: number;
}

export const CATEGORY_NAME_MAX = 60;
export const CATEGORIES_MAX = 50;
export const POSITION_MAX = 9_999;

export interface CategoryInput {
  name: string;
  /** Lower ones are listed first. */
  position: number;
}

/** Whether the text can stand in a category's address. */
export function isCategorySlug(text: string): boolean {
  return text.length <= 60 && /^[a-z0-9]+(-[a-z0-9]+)*$/.test(text);
}

/** A store's categories in their order. */
export async function listCategories(db: Database, storeId: number): Promise<Category[]> {
  return await db
    .selectFrom("categories")
    .select(["id", "slug", "name", "position"])
    .where("store_id", "=", storeId)
    .orderBy("position")
    .orderBy("name")
    .orderBy("id")
    .execute();
}

/** Adds a category; `too-many` when the store has {@link CATEGORIES_MAX}. */
export async function createCategory(
  db: Database,
  storeId: number,
  input: CategoryInput,
): Promise<Category | "too-many"> {
  return await inTransaction(db, async (transaction) => {
    // One at a time a store: the number of categories and their slugs are looked at before one is added.
    await transaction
      .selectFrom("stores")
      .select("id")
      .where("id", "=", storeId)
      .forNoKeyUpdate()
      .executeTakeFirstOrThrow();
    const present = await transaction
      .selectFrom("categories")
      .select("slug")
      .where("store_id", "=", storeId)
      .execute();
    if (present.length >= CATEGORIES_MAX) return "too-many";
    const slug = freeSlug(
      input.name,
      present.map((category) => category.slug),
    );
    const category = await transaction
      .insertInto("categories")
      .values({ store_id: storeId, slug, name: input.name, position: input.position })
      .returning(["id", "slug", "name", "position"])
      .executeTakeFirstOrThrow();
    await recordEvents(transaction, [{ type: "category.created", payload: snapshot(storeId, category) }]);
    return category;
  });
}

/** Changes a category; its address stays. False: the store has no such category. */
export async function updateCategory(
  db: Database,
  storeId: number,
  categoryId: number,
  input: CategoryInput,
): Promise<boolean> {
  return await inTransaction(db, async (transaction) => {
    const category = await transaction
      .updateTable("categories")
      .set({ name: input.name, position: input.position })
      .where("store_id", "=", storeId)
      .where("id", "=", categoryId)
      .returning(["id", "slug", "name", "position"])
      .executeTakeFirst();
    if (!category) return false;
    await recordEvents(transaction, [{ type: "category.updated", payload: snapshot(storeId, category) }]);
    return true;
  });
}

/** Deletes an empty category; `in-use` when products are in it. False: the store has no such category. */
export async function deleteCategory(
  db: Database,
  storeId: number,
  categoryId: number,
): Promise<boolean | "in-use"> {
  try {
    return await inTransaction(db, async (transaction) => {
      const { numDeletedRows } = await transaction
        .deleteFrom("categories")
        .where("store_id", "=", storeId)
        .where("id", "=", categoryId)
        .executeTakeFirst();
      if (numDeletedRows === 0n) return false;
      await recordEvents(transaction, [{ type: "category.deleted", payload: { categoryId, storeId } }]);
      return true;
    });
  } catch (error) {
    if (violatesForeignKey(error, "products_category_fkey")) return "in-use";
    throw error;
  }
}

function snapshot(storeId: number, { id, slug, name, position }: Category): CategorySnapshot {
  return { categoryId: id, storeId, slug, name, position };
}

/** `Silk sarees` → `silk-sarees`; with a number behind it when that is taken, or when the name has no Latin letters. */
function freeSlug(name: string, taken: readonly string[]): string {
  const wanted = slugFromText(name, 50);
  if (wanted !== "" && !taken.includes(wanted)) return wanted;
  for (let number = wanted === "" ? 1 : 2; ; number++) {
    const slug = `${wanted || "category"}-${number}`;
    if (!taken.includes(slug)) return slug;
  }
}
