import { sql, type Transaction } from "kysely";
import type { CartLine } from "../cart/cart.js";
import { STOCK_MAX } from "../catalogue/products.js";
import { snapshotColumns, type ProductSnapshot } from "../catalogue/snapshot.js";
import type { Tables } from "../database/tables.js";

/**
 * Locks those of the given products that the store has, and says what they are. Always in the order of ids: two carts
 * with the same products in another order then wait instead of deadlocking.
 */
export async function lockProducts(
  transaction: Transaction<Tables>,
  storeId: number,
  productIds: readonly number[],
): Promise<Map<number, { name: string; pricePaise: number; stock: number; hidden: boolean }>> {
  const rows = await transaction
    .selectFrom("products")
    .select(["id", "name", "price_paise as pricePaise", "stock", "hidden"])
    .where("store_id", "=", storeId)
    .where(sql<boolean>`id = ANY(${productIds}::bigint[])`)
    .orderBy("id")
    .forNoKeyUpdate()
    .execute();
  return new Map(rows.map((row) => [row.id, row]));
}

/**
 * Takes pieces out of the stock or gives them back, after {@link lockProducts}; each product once. What comes back on
 * top of the largest stock is dropped: it was more than anybody counts.
 */
export async function changeStock(
  transaction: Transaction<Tables>,
  lines: readonly CartLine[],
  direction: "take" | "return",
): Promise<ProductSnapshot[]> {
  const sign = direction === "take" ? -1 : 1;
  const { rows } = await sql<ProductSnapshot>`
    UPDATE products
    SET stock = least(products.stock + change.pieces, ${STOCK_MAX}), version = version + 1, updated_at = now()
    FROM unnest(
      ${lines.map((line) => line.productId)}::bigint[],
      ${lines.map((line) => sign * line.quantity)}::integer[]
    ) AS change (id, pieces)
    WHERE products.id = change.id
    RETURNING ${snapshotColumns}
  `.execute(transaction);
  return rows;
}
