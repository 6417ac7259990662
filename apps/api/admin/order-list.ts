import { sql, type Kysely } from "kysely";
import { toPage, type Cursor, type Page } from "../catalogue/cursor.js";
import type { Tables } from "../database/tables.js";
import type { OrderStatus } from "../orders/status.js";
import type { OrderFilter } from "./order-filter.js";

/** An order in the merchant's list. */
export interface OrderSummary {
  /** The order's number. */
  id: number;
  status: OrderStatus;
  totalPaise: number;
  createdAt: Date;
  buyerName: string;
  buyerPhone: string;
}

/** Columns of `orders` that make an {@link OrderSummary}. */
export const SUMMARY_COLUMNS = [
  "orders.id",
  "orders.status",
  "orders.total_paise as totalPaise",
  "orders.created_at as createdAt",
  "orders.buyer_name as buyerName",
  "orders.buyer_phone as buyerPhone",
] as const;

/** One page of a store's orders, newest first. */
export async function listOrders(
  db: Kysely<Tables>,
  storeId: number,
  filter: OrderFilter,
  cursor: Cursor | undefined,
  pageSize: number,
): Promise<Page<OrderSummary>> {
  const query = filteredOrders(db, storeId, filter)
    .select(SUMMARY_COLUMNS)
    .limit(pageSize + 1);
  const rows = await (
    cursor?.direction === "newer"
      ? query.where("orders.id", ">", cursor.id).orderBy("orders.id", "asc")
      : query
          .$if(cursor !== undefined, (older) => older.where("orders.id", "<", cursor!.id))
          .orderBy("orders.id", "desc")
  ).execute();
  return toPage(rows, pageSize, cursor);
}

/** A store's orders as far as a filter lets them through. */
export function filteredOrders(db: Kysely<Tables>, storeId: number, filter: OrderFilter) {
  const { status, fromDay, toDay, search } = filter;
  let query = db.selectFrom("orders").where("orders.store_id", "=", storeId);
  if (status) query = query.where("orders.status", "=", status);
  if (fromDay) query = query.where("orders.created_at", ">=", startOf(fromDay));
  if (toDay) query = query.where("orders.created_at", "<", sql<Date>`${startOf(toDay)} + interval '1 day'`);
  if (search?.kind === "name")
    query = query.where("buyer_name", "ilike", `%${search.text.replaceAll(/[\\%_]/g, String.raw`\$&`)}%`);
  if (search?.kind === "digits") {
    const { digits } = search;
    const reversed = digits.split("").toReversed().join("");
    query = query.where((order) =>
      order.or([
        order("orders.id", "=", Number(digits)),
        // Two digits are the end of too many numbers to help.
        ...(digits.length > 2 ? [sql<boolean>`reverse(buyer_phone) LIKE ${`${reversed}%`}`] : []),
      ]),
    );
  }
  return query;
}

function startOf(day: string) {
  return sql<Date>`(${day}::date::timestamp AT TIME ZONE 'Asia/Kolkata')`;
}
