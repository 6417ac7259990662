import { jsonArrayFrom } from "kysely/helpers/postgres";
import type { Database } from "../database/database.js";
import type { Address } from "./buyer.js";
import type { Actor, OrderStatus } from "./status.js";

export interface OrderLine {
  productId: number;
  name: string;
  pricePaise: number;
  quantity: number;
}

/** Names one order: by the id that its buyer was given, or by its number within a merchant's store. */
export type OrderKey = { publicId: string } | { storeId: number; number: number };

/** The columns that {@link OrderKey} stands for. */
export function keyColumns(key: OrderKey) {
  return "publicId" in key
    ? { "orders.public_id": key.publicId }
    : { "orders.store_id": key.storeId, "orders.id": key.number };
}

/** A status that an order has reached. */
export interface Step {
  status: OrderStatus;
  actor: Actor;
  at: Date;
}

export interface Order {
  number: number;
  publicId: string;
  status: OrderStatus;
  totalPaise: number;
  paymentMethod: "cash-on-delivery";
  createdAt: Date;
  buyerName: string;
  /** `+91` and ten digits. */
  buyerPhone: string;
  /** Absent in orders that were placed before addresses were asked for. */
  address: Address | undefined;
  store: { slug: string; name: string; whatsappPhone: string | null };
  lines: OrderLine[];
  /** What happened so far, oldest first; it begins with the placing. */
  history: Step[];
}

/** An order with everything that belongs to it, in one query. */
export async function findOrder(db: Database, key: OrderKey): Promise<Order | undefined> {
  const row = await db
    .selectFrom("orders")
    .innerJoin("stores", "stores.id", "orders.store_id")
    .select((order) => [
      "orders.id as number",
      "orders.public_id as publicId",
      "orders.status",
      "orders.total_paise as totalPaise",
      "orders.payment_method as paymentMethod",
      "orders.created_at as createdAt",
      "orders.buyer_name as buyerName",
      "orders.buyer_phone as buyerPhone",
      "address_street as street",
      "address_landmark as landmark",
      "address_city as city",
      "address_pin as pin",
      "stores.slug",
      "stores.name",
      "stores.whatsapp_phone as whatsappPhone",
      jsonArrayFrom(
        order
          .selectFrom("order_lines")
          .select(["product_id as productId", "name", "price_paise as pricePaise", "quantity"])
          .whereRef("order_id", "=", "orders.id")
          .orderBy("product_id"),
      ).as("lines"),
      jsonArrayFrom(
        order
          .selectFrom("order_history")
          .select(["status", "actor", "at"])
          .whereRef("order_id", "=", "orders.id")
          .orderBy("at"),
      ).as("moves"),
    ])
    .where((where) => where.and(keyColumns(key)))
    .executeTakeFirst();
  if (!row) return undefined;
  const { slug, name, whatsappPhone, street, landmark, city, pin, moves, ...rest } = row;
  return {
    ...rest,
    store: { slug, name, whatsappPhone },
    address: street && city && pin ? { street, ...(landmark && { landmark }), city, pin } : undefined,
    history: [
      { status: "placed", actor: "buyer", at: row.createdAt },
      ...moves.map(({ status, actor, at }) => ({ status, actor, at: new Date(at) })),
    ],
  };
}
