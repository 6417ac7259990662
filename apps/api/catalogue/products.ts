import { sql } from "kysely";
import type { Database } from "../database/database.js";
import { recordEvents, type ProductSnapshot } from "../outbox.js";
import { toPage, type Cursor, type Page } from "./cursor.js";

/** A product as a shop shows it. */
export interface Product {
  id: number;
  name: string;
  pricePaise: number;
  stock: number;
}

export interface ProductInput {
  name: string;
  pricePaise: number;
  stock: number;
}

export const PRODUCT_NAME_MAX = 120;
export const STOCK_MAX = 1_000_000;

const COLUMNS = ["id", "name", "price_paise as pricePaise", "stock"] as const;

/** One page of a store's products, newest first. */
export async function listProducts(
  db: Database,
  storeId: number,
  cursor: Cursor | undefined,
  pageSize: number,
): Promise<Page<Product>> {
  const query = db
    .selectFrom("products")
    .select(COLUMNS)
    .where("store_id", "=", storeId)
    .limit(pageSize + 1);
  const rows = await (
    cursor?.direction === "newer"
      ? query.where("id", ">", cursor.id).orderBy("id", "asc")
      : query.$if(cursor !== undefined, (older) => older.where("id", "<", cursor!.id)).orderBy("id", "desc")
  ).execute();
  return toPage(rows, pageSize, cursor);
}

/** One product of a store. */
export async function findProduct(
  db: Database,
  storeId: number,
  productId: number,
): Promise<Product | undefined> {
  return await db
    .selectFrom("products")
    .select(COLUMNS)
    .where("store_id", "=", storeId)
    .where("id", "=", productId)
    .executeTakeFirst();
}

/** Those of the given products that the store has, in no particular order. */
export async function findProducts(
  db: Database,
  storeId: number,
  productIds: readonly number[],
): Promise<Product[]> {
  if (productIds.length === 0) return [];
  return await db
    .selectFrom("products")
    .select(COLUMNS)
    .where("store_id", "=", storeId)
    .where(sql<boolean>`id = ANY(${productIds}::bigint[])`)
    .execute();
}

/** Adds a product to a store and returns its id. */
export async function createProduct(db: Database, storeId: number, input: ProductInput): Promise<number> {
  return await db.transaction().execute(async (transaction) => {
    const product = await transaction
      .insertInto("products")
      .values({ store_id: storeId, name: input.name, price_paise: input.pricePaise, stock: input.stock })
      .returning(SNAPSHOT_COLUMNS)
      .executeTakeFirstOrThrow();
    await recordEvents(transaction, [{ type: "product.created", payload: product }]);
    return product.productId;
  });
}

/**
 * Changes a product. `stockChange` is added to what is there rather than set, so that pieces sold meanwhile stay sold.
 * `undefined`: the store has no such product; `stock-out-of-range`: the change would lead below zero or over the limit.
 */
export async function updateProduct(
  db: Database,
  storeId: number,
  productId: number,
  change: { name: string; pricePaise: number; stockChange: number },
): Promise<ProductSnapshot | "stock-out-of-range" | undefined> {
  return await db.transaction().execute(async (transaction) => {
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
        name: change.name,
        price_paise: change.pricePaise,
        stock,
        version: row("version", "+", 1),
        updated_at: sql<Date>`now()`,
      }))
      .where("id", "=", productId)
      .returning(SNAPSHOT_COLUMNS)
      .executeTakeFirstOrThrow();
    await recordEvents(transaction, [{ type: "product.updated", payload: product }]);
    return product;
  });
}

const SNAPSHOT_COLUMNS = [
  "id as productId",
  "store_id as storeId",
  "name",
  "price_paise as pricePaise",
  "stock",
  "version",
] as const;
