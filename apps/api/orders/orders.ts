import type { Database } from "../database/database.js";
import type { OrderStatus } from "./status.js";

export interface OrderLine {
  productId: number;
  name: string;
  pricePaise: number;
  quantity: number;
}

/** An order as its buyer sees it. */
export interface Order {
  number: number;
  publicId: string;
  status: OrderStatus;
  totalPaise: number;
  createdAt: Date;
  buyerName: string;
  store: { slug: string; name: string };
  lines: OrderLine[];
}

/** The order with this unguessable id. */
export async function findOrder(db: Database, publicId: string): Promise<Order | undefined> {
  const order = await db
    .selectFrom("orders")
    .innerJoin("stores", "stores.id", "orders.store_id")
    .select([
      "orders.id as number",
      "orders.public_id as publicId",
      "orders.status",
      "orders.total_paise as totalPaise",
      "orders.created_at as createdAt",
      "orders.buyer_name as buyerName",
      "stores.slug",
      "stores.name",
    ])
    .where("orders.public_id", "=", publicId)
    .executeTakeFirst();
  if (!order) return undefined;
  const lines = await db
    .selectFrom("order_lines")
    .select(["product_id as productId", "name", "price_paise as pricePaise", "quantity"])
    .where("order_id", "=", order.number)
    .orderBy("product_id")
    .execute();
  const { slug, name, ...rest } = order;
  return { ...rest, store: { slug, name }, lines };
}

/** An order in the merchant's list. */
export interface OrderSummary {
  number: number;
  publicId: string;
  totalPaise: number;
  createdAt: Date;
  buyerName: string;
  buyerPhone: string;
}

/** A store's latest orders, newest first. */
export async function latestOrders(db: Database, storeId: number, limit: number): Promise<OrderSummary[]> {
  return await db
    .selectFrom("orders")
    .select([
      "id as number",
      "public_id as publicId",
      "total_paise as totalPaise",
      "created_at as createdAt",
      "buyer_name as buyerName",
      "buyer_phone as buyerPhone",
    ])
    .where("store_id", "=", storeId)
    .orderBy("id", "desc")
    .limit(limit)
    .execute();
}

/** An Indian mobile number as `+91` and ten digits; `undefined` when the text is none. Accepts spaces, hyphens, 0 or +91. */
export function parsePhone(text: string): string | undefined {
  const digits = text.trim().replaceAll(/[\s()-]/g, "");
  const match = /^(?:\+?91|0)?([6-9]\d{9})$/.exec(digits);
  return match ? `+91${match[1]}` : undefined;
}
