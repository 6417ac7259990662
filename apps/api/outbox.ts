import type { Transaction } from "kysely";
import type { ProductSnapshot } from "./catalogue/snapshot.js";
import type { Tables } from "./database/tables.js";
import type { Actor, OrderStatus } from "./orders/status.js";

/** What happened, in the past tense. The payload is the event's public contract. */
export type DomainEvent =
  | { type: "store.created"; payload: { storeId: number; slug: string; name: string } }
  | { type: "store.moved"; payload: { storeId: number; slug: string; formerSlug: string } }
  | { type: "product.created" | "product.updated"; payload: ProductSnapshot }
  | {
      type: "order.placed";
      payload: {
        orderId: number;
        storeId: number;
        totalPaise: number;
        lines: { productId: number; quantity: number; pricePaise: number }[];
      };
    }
  | {
      type: `order.${Exclude<OrderStatus, "placed">}`;
      payload: { orderId: number; storeId: number; actor: Actor };
    };

/** Writes events to the outbox in the transaction that causes them: both happen, or neither does. */
export async function recordEvents(
  transaction: Transaction<Tables>,
  events: readonly DomainEvent[],
): Promise<void> {
  if (events.length === 0) return;
  await transaction
    .insertInto("outbox")
    .values(
      events.map((event) => ({
        ...aggregate(event),
        type: event.type,
        payload: JSON.stringify(event.payload),
      })),
    )
    .execute();
}

function aggregate(event: DomainEvent): {
  aggregate_type: "store" | "product" | "order";
  aggregate_id: string;
} {
  if (event.type === "store.created" || event.type === "store.moved")
    return { aggregate_type: "store", aggregate_id: String(event.payload.storeId) };
  if ("productId" in event.payload)
    return { aggregate_type: "product", aggregate_id: String(event.payload.productId) };
  return { aggregate_type: "order", aggregate_id: String(event.payload.orderId) };
}
