import { sql } from "kysely";
import { inTransaction, type Database } from "../database/database.js";
import { violatesForeignKey } from "../database/errors.js";
import { recordEvents } from "../outbox.js";
import { toPage, type Cursor, type Page } from "./cursor.js";
import { SNAPSHOT_COLUMNS, type ProductImage, type ProductSnapshot } from "./snapshot.js";

/** A product as lists show it. */
export interface ListedProduct {
  id: number;
  name: string;
  pricePaise: number;
  /** What it cost before. */
  compareAtPaise: number | null;
  stock: number;
  hidden: boolean;
  /** Higher ones come first; among equals the newest. */
  position: number;
  image: ProductImage | null;
}

/** A product as its own page shows it. */
export interface Product extends Omit<ListedProduct, "image"> {
  description: string;
  categoryId: number | null;
  images: ProductImage[];
}

/** What a merchant says about a product. */
export interface ProductInput {
  name: string;
  description?: string;
  pricePaise: number;
  compareAtPaise?: number | null;
  stock: number;
  hidden?: boolean;
  position?: number;
  categoryId?: number | null;
}

export const PRODUCT_NAME_MAX = 120;
export const DESCRIPTION_MAX = 4_000;
export const STOCK_MAX = 1_000_000;

/** Columns of a product in a list. */
export const COLUMNS = [
  "id",
  "name",
  "price_paise as pricePaise",
  "compare_at_paise as compareAtPaise",
  "stock",
  "hidden",
  "position",
] as const;

export const firstImage = sql<ProductImage | null>`images -> 0`.as("image");

export interface ListOptions {
  /** Also those that buyers do not see. */
  withHidden?: boolean;
}

/** One page of a store's products, by position and then newest first. */
export async function listProducts(
  db: Database,
  storeId: number,
  cursor: Cursor | undefined,
  pageSize: number,
  { withHidden = false }: ListOptions = {},
): Promise<Page<ListedProduct>> {
  let query = db
    .selectFrom("products")
    .select([...COLUMNS, firstImage])
    .where("store_id", "=", storeId)
    .limit(pageSize + 1);
  if (!withHidden) query = query.where((row) => row.not("hidden"));
  const newer = cursor?.direction === "newer";
  if (cursor) {
    const key = sql`(${cursor.position}::integer, ${cursor.id}::bigint)`;
    query = query.where(
      newer ? sql<boolean>`(position, id) > ${key}` : sql<boolean>`(position, id) < ${key}`,
    );
  }
  const order = newer ? "asc" : "desc";
  const rows = await query.orderBy("position", order).orderBy("id", order).execute();
  return toPage(rows, pageSize, cursor);
}

/** One product of a store; one that is hidden only for its merchant. */
export async function findProduct(
  db: Database,
  storeId: number,
  productId: number,
  { withHidden = false }: ListOptions = {},
): Promise<Product | undefined> {
  let query = db
    .selectFrom("products")
    .select([...COLUMNS, "description", "category_id as categoryId", "images"])
    .where("store_id", "=", storeId)
    .where("id", "=", productId);
  if (!withHidden) query = query.where((row) => row.not("hidden"));
  return await query.executeTakeFirst();
}

/** Those of the given products that buyers of the store see, in no particular order. */
export async function findProducts(
  db: Database,
  storeId: number,
  productIds: readonly number[],
): Promise<ListedProduct[]> {
  if (productIds.length === 0) return [];
  return await db
    .selectFrom("products")
    .select([...COLUMNS, firstImage])
    .where("store_id", "=", storeId)
    .where(sql<boolean>`id = ANY(${productIds}::bigint[])`)
    .where((row) => row.not("hidden"))
    .execute();
}

/** Adds a product to a store and returns its id; `no-category` when the store has not the one that is named. */
export async function createProduct(
  db: Database,
  storeId: number,
  input: ProductInput,
): Promise<number | "no-category"> {
  return await whereCategoryExists(async () =>
    inTransaction(db, async (transaction) => {
      const product = await transaction
        .insertInto("products")
        .values({ store_id: storeId, stock: input.stock, ...columnsOf(input) })
        .returning(SNAPSHOT_COLUMNS)
        .executeTakeFirstOrThrow();
      await recordEvents(transaction, [{ type: "product.created", payload: product }]);
      return product.productId;
    }),
  );
}

/**
 * Changes a product. `stockChange` is added to what is there rather than set, so that pieces sold meanwhile stay sold.
 * `undefined`: the store has no such product; `stock-out-of-range`: the change would lead below zero or over the limit.
 */
export async function updateProduct(
  db: Database,
  storeId: number,
  productId: number,
  change: Omit<ProductInput, "stock"> & { stockChange: number },
): Promise<ProductSnapshot | "stock-out-of-range" | "no-category" | undefined> {
  return await whereCategoryExists(async () =>
    inTransaction(db, async (transaction) => {
      const current = await transaction
        .selectFrom("products")
        .select("stock")
        .where("store_id", "=", storeId)
        .where("id", "=", productId)
        .forNoKeyUpdate()
        .executeTakeFirst();
      if (!current) return undefined;
      const stock = current.stock + change.stockChange;
      if (stock < 0 || stock > STOCK_MAX) return "stock-out-of-range";
      const product = await transaction
        .updateTable("products")
        .set((row) => ({
          ...columnsOf(change),
          stock,
          version: row("version", "+", 1),
          updated_at: sql<Date>`now()`,
        }))
        .where("id", "=", productId)
        .returning(SNAPSHOT_COLUMNS)
        .executeTakeFirstOrThrow();
      await recordEvents(transaction, [{ type: "product.updated", payload: product }]);
      return product;
    }),
  );
}

function columnsOf(input: Omit<ProductInput, "stock">) {
  return {
    name: input.name,
    description: input.description ?? "",
    price_paise: input.pricePaise,
    compare_at_paise: input.compareAtPaise ?? null,
    hidden: input.hidden ?? false,
    position: input.position ?? 0,
    category_id: input.categoryId ?? null,
  };
}

async function whereCategoryExists<T>(change: () => Promise<T>): Promise<T | "no-category"> {
  try {
    return await change();
  } catch (error) {
    if (violatesForeignKey(error, "products_category_fkey")) return "no-category";
    throw error;
  }
}
