import type { Transaction } from "kysely";
import type { Tables } from "../database/tables.js";
import { recordEvents } from "../outbox.js";
import { keyColumns, type OrderKey } from "./orders.js";
import { mayMove, type Actor, type OrderStatus } from "./status.js";
import { changeStock, lockProducts } from "./stock.js";

export interface Move {
  /** Where the order stood when somebody decided to move it. */
  from: OrderStatus;
  to: Exclude<OrderStatus, "placed">;
  actor: Actor;
}

export type MoveResult =
  | { outcome: "moved" }
  /** Nothing was changed: the order stands elsewhere by now, or this way does not exist. */
  | { outcome: "refused"; status: OrderStatus }
  | { outcome: "not-found" };

/**
 * Moves an order to another status and writes down when and by whom; a cancelled one gives its pieces back. All of it,
 * with the events, belongs to the transaction. Of several moves at once from the same status exactly one is made.
 */
export async function moveOrder(
  transaction: Transaction<Tables>,
  key: OrderKey,
  { from, to, actor }: Move,
): Promise<MoveResult> {
  const order = mayMove(from, to, actor) ? await claim(transaction, key, from, to) : undefined;
  if (!order) {
    const current = await transaction
      .selectFrom("orders")
      .select("status")
      .where((where) => where.and(keyColumns(key)))
      .executeTakeFirst();
    return current ? { outcome: "refused", status: current.status } : { outcome: "not-found" };
  }
  await transaction.insertInto("order_history").values({ order_id: order.id, status: to, actor }).execute();
  const returned = to === "cancelled" ? await returnPieces(transaction, order) : [];
  await recordEvents(transaction, [
    { type: `order.${to}`, payload: { orderId: order.id, storeId: order.storeId, actor } },
    ...returned.map((payload) => ({ type: "product.updated" as const, payload })),
  ]);
  return { outcome: "moved" };
}

// A concurrent move that was first has changed the status, so the condition on it fails here.
async function claim(
  transaction: Transaction<Tables>,
  key: OrderKey,
  from: OrderStatus,
  to: Move["to"],
): Promise<{ id: number; storeId: number } | undefined> {
  return await transaction
    .updateTable("orders")
    .set({ status: to })
    .where((where) => where.and(keyColumns(key)))
    .where("status", "=", from)
    .returning(["id", "store_id as storeId"])
    .executeTakeFirst();
}

// An order is never locked after a product anywhere else, so locking products after an order cannot deadlock.
async function returnPieces(transaction: Transaction<Tables>, order: { id: number; storeId: number }) {
  const lines = await transaction
    .selectFrom("order_lines")
    .select(["product_id as productId", "quantity"])
    .where("order_id", "=", order.id)
    .execute();
  await lockProducts(
    transaction,
    order.storeId,
    lines.map((line) => line.productId),
  );
  return await changeStock(transaction, lines, "return");
}
