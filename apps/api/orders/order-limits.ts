import type { Transaction } from "kysely";
import type { RateLimit, RateLimits } from "../auth/rate-limits.js";
import type { Tables } from "../database/tables.js";

// Cash on delivery costs whoever orders nothing, so without these a single visitor could bury a shop's merchant in orders that
// nobody wants. They do not bound what one order takes: a stock that is held back comes back when the order is cancelled.

/** Nobody is asked to prove a number here, so this holds up mistakes and moods, and whoever uses somebody else's number. */
const ORDERS_PER_PHONE: RateLimit = { name: "orders by store and phone", burst: 10, everySeconds: 10 * 60 };
/** Mobile networks put thousands of phones behind one address: a shop that is talked about gets 200 orders from it. */
const ORDERS_PER_ADDRESS: RateLimit = { name: "orders by store and address", burst: 200, everySeconds: 30 };

/** Thrown inside the order's transaction, so that what was counted for it is given back with everything else. */
export class TooManyOrders extends Error {
  override name = "TooManyOrders";
  constructor(readonly waitSeconds: number) {
    super("too many orders from one phone number or address");
  }
}

/**
 * Counts an order for its phone number and for the address that it came from, as part of its transaction: only orders that
 * are placed count.
 * @param from see `addressSubject`
 * @throws TooManyOrders
 */
export async function countOrder(
  transaction: Transaction<Tables>,
  limits: RateLimits,
  { storeId, phone, from }: { storeId: number; phone: string; from: string },
): Promise<void> {
  for (const [limit, whose] of [
    [ORDERS_PER_ADDRESS, from],
    [ORDERS_PER_PHONE, phone],
  ] as const) {
    const waitSeconds = await limits.take(limit, `${storeId}/${whose}`, transaction);
    if (waitSeconds !== undefined) throw new TooManyOrders(waitSeconds);
  }
}
