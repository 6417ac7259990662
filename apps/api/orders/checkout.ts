import { createHash, randomBytes } from "node:crypto";
import type { Transaction } from "kysely";
import type { RateLimits } from "../auth/rate-limits.js";
import type { CartLine } from "../cart/cart.js";
import type { Database } from "../database/database.js";
import { isRetryable, violatesUnique } from "../database/errors.js";
import type { Tables } from "../database/tables.js";
import { recordEvents } from "../outbox.js";
import type { Buyer } from "./buyer.js";
import { countOrder, TooManyOrders } from "./order-limits.js";
import { changeStock, lockProducts } from "./stock.js";

export interface CheckoutRequest {
  storeId: number;
  /** Address of the buyer's side, see `addressSubject`. */
  from: string;
  /** Chosen by the buyer's side, 16 to 64 characters: the same key never makes a second order in a store. */
  idempotencyKey: string;
  buyer: Buyer;
  /** At least one line; each product once. */
  lines: readonly CartLine[];
  /** The sum that the buyer agreed to. Absent: whatever it is. */
  expectedTotalPaise?: number;
}

/** A product that the store does not have in that number; `available` 0 also when it has none of that id. */
export interface Shortage {
  productId: number;
  name: string | undefined;
  requested: number;
  available: number;
}

export type CheckoutResult =
  | { outcome: "placed" | "already-placed"; publicId: string }
  | { outcome: "out-of-stock"; shortages: Shortage[] }
  | { outcome: "total-changed"; totalPaise: number }
  /** Another order was placed under this key. */
  | { outcome: "key-reused"; publicId: string }
  /** From this phone number or address, in this store. */
  | { outcome: "too-many"; waitSeconds: number };

/** What a buyer is told then. */
export const TOO_MANY_ORDERS =
  "Too many orders came from this phone number or internet connection. Please wait a while, or ask the shop.";

const ATTEMPTS = 3;

/**
 * Places an order: takes the pieces from the stock, records the order and its events, all or nothing. Stock never goes
 * below zero however many buyers come at once, and repeating a request (a double click, a retry after a lost answer)
 * returns the first order.
 */
export async function placeOrder(
  db: Database,
  limits: RateLimits,
  request: CheckoutRequest,
): Promise<CheckoutResult> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await db
        .transaction()
        .execute(async (transaction) => await attemptOrder(transaction, limits, request));
    } catch (error) {
      if (error instanceof TooManyOrders) return { outcome: "too-many", waitSeconds: error.waitSeconds };
      // A concurrent request with the same key won: the next attempt finds its order.
      const lost = isRetryable(error) || violatesUnique(error, "orders_store_id_idempotency_key_key");
      if (!lost || attempt === ATTEMPTS) throw error;
    }
  }
}

/**
 * The order that was placed under a key, for a buyer who asks again after the cart is gone. A key need not be hard to
 * guess and the order's address is a secret, so the buyer's phone number must be right as well.
 */
export async function findOrderByKey(
  db: Database,
  storeId: number,
  idempotencyKey: string,
  buyerPhone: string,
): Promise<string | undefined> {
  const order = await db
    .selectFrom("orders")
    .select("public_id")
    .where("store_id", "=", storeId)
    .where("idempotency_key", "=", idempotencyKey)
    .where("buyer_phone", "=", buyerPhone)
    .executeTakeFirst();
  return order?.public_id;
}

async function attemptOrder(
  transaction: Transaction<Tables>,
  limits: RateLimits,
  request: CheckoutRequest,
): Promise<CheckoutResult> {
  const requestHash = hashRequest(request);
  const products = await lockProducts(
    transaction,
    request.storeId,
    request.lines.map((line) => line.productId),
  );

  const earlier = await transaction
    .selectFrom("orders")
    .select(["public_id", "request_hash"])
    .where("store_id", "=", request.storeId)
    .where("idempotency_key", "=", request.idempotencyKey)
    .executeTakeFirst();
  if (earlier) {
    const outcome = earlier.request_hash.equals(requestHash) ? "already-placed" : "key-reused";
    return { outcome, publicId: earlier.public_id };
  }

  const lines = request.lines.map((line) => {
    const product = products.get(line.productId);
    // Hidden since the buyer saw it: as if it were gone.
    return { ...line, product: product?.hidden ? undefined : product };
  });
  const shortages = lines
    .filter((line) => (line.product?.stock ?? 0) < line.quantity)
    .map((line) => ({
      productId: line.productId,
      name: line.product?.name,
      requested: line.quantity,
      available: line.product?.stock ?? 0,
    }));
  if (shortages.length > 0) return { outcome: "out-of-stock", shortages };

  const priced = lines.map((line) => ({
    productId: line.productId,
    quantity: line.quantity,
    name: line.product!.name,
    pricePaise: line.product!.pricePaise,
  }));
  const totalPaise = priced.reduce((sum, line) => sum + line.pricePaise * line.quantity, 0);
  if (request.expectedTotalPaise !== undefined && request.expectedTotalPaise !== totalPaise)
    return { outcome: "total-changed", totalPaise };

  const { storeId, from } = request;
  await countOrder(transaction, limits, { storeId, from, phone: request.buyer.phone });
  const order = await insertOrder(transaction, request, requestHash, totalPaise);
  await transaction
    .insertInto("order_lines")
    .values(
      priced.map((line) => ({
        order_id: order.id,
        product_id: line.productId,
        name: line.name,
        price_paise: line.pricePaise,
        quantity: line.quantity,
      })),
    )
    .execute();
  const changed = await changeStock(transaction, request.lines, "take");
  await recordEvents(transaction, [
    {
      type: "order.placed",
      payload: {
        orderId: order.id,
        storeId: request.storeId,
        totalPaise,
        lines: priced.map(({ productId, quantity, pricePaise }) => ({ productId, quantity, pricePaise })),
      },
    },
    ...changed.map((payload) => ({ type: "product.updated" as const, payload })),
  ]);
  return { outcome: "placed", publicId: order.public_id };
}

async function insertOrder(
  transaction: Transaction<Tables>,
  request: CheckoutRequest,
  requestHash: Buffer,
  totalPaise: number,
): Promise<{ id: number; public_id: string }> {
  const { name, phone, address } = request.buyer;
  return await transaction
    .insertInto("orders")
    .values({
      public_id: randomBytes(16).toString("base64url"),
      store_id: request.storeId,
      idempotency_key: request.idempotencyKey,
      request_hash: requestHash,
      buyer_name: name,
      buyer_phone: phone,
      address_street: address.street,
      address_landmark: address.landmark ?? null,
      address_city: address.city,
      address_pin: address.pin,
      total_paise: totalPaise,
    })
    .returning(["id", "public_id"])
    .executeTakeFirstOrThrow();
}

function hashRequest(request: CheckoutRequest): Buffer {
  const lines = request.lines
    .toSorted((a, b) => a.productId - b.productId)
    .map((line) => [line.productId, line.quantity]);
  const { name, phone, address } = request.buyer;
  const { street, landmark = null, city, pin } = address;
  return createHash("sha256")
    .update(JSON.stringify([name, phone, street, landmark, city, pin, lines]))
    .digest();
}
