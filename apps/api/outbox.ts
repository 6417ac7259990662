import type { Transaction } from "kysely";
import type { ProductSnapshot } from "./catalogue/snapshot.js";
import type { Tables } from "./database/tables.js";
import type { Actor, OrderStatus } from "./orders/status.js";

/** What happened, in the past tense. The payload is the event's public contract. */
export type DomainEvent =
  | { type: "store.created"; payload: { storeId: number; slug: string; name: string } }
  | { type: "store.moved"; payload: { storeId: number; slug: string; formerSlug: string } }
  | {
      type: "store.updated";
      payload: { storeId: number; slug: string; name: string; whatsappPhone: string | null };
    }
  | { type: "category.created" | "category.updated"; payload: CategorySnapshot }
  | { type: "category.deleted"; payload: { categoryId: number; storeId: number } }
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

/** A category as events carry it: complete. Of two events about it the one with the higher sequence is newer. */
export interface CategorySnapshot {
  categoryId: number;
  storeId: number;
  slug: string;
  name: string;
  position: number;
}

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

function aggregate({ payload }: DomainEvent): {
  aggregate_type: "store" | "product" | "order";
  aggregate_id: string;
} {
  if ("orderId" in payload) return { aggregate_type: "order", aggregate_id: String(payload.orderId) };
  if ("productId" in payload) return { aggregate_type: "product", aggregate_id: String(payload.productId) };
  // A store's categories are part of it.
  return { aggregate_type: "store", aggregate_id: String(payload.storeId) };
}
