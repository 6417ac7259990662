import { Client } from "pg";
import { vi } from "vitest";
import { runStatement } from "./postgres.js";
import type { Shop } from "./shop.js";

/** Orders that {@link addManyOrders} adds. */
export const ORDERS = 100_000;

/** Gives a store {@link ORDERS} orders of one piece each, one a minute up to now; the last fifty are still `placed`. */
export async function addManyOrders(shop: Shop, storeId: number, productId: number): Promise<void> {
  await runStatement(
    shop.databaseUrl,
    `INSERT INTO orders (public_id, store_id, idempotency_key, request_hash, buyer_name, buyer_phone, total_paise,
       status, created_at, address_street, address_city, address_pin)
     SELECT left(md5(n::text), 22), ${storeId}, 'made-for-the-test-' || n, sha256(n::text::bytea),
       (ARRAY['Ravi','Asha','Meena','Imran','Divya','Farhan','Gita'])[1 + n % 7] || ' ' ||
       (ARRAY['Kumar','Rao','Shah','Iyer','Khan'])[1 + n % 5] || CASE n % 5000 WHEN 0 THEN ' Wadia' ELSE '' END,
       '+91' || (9000000000 + n), 10000 + n % 100,
       CASE WHEN n <= ${ORDERS} - 50 THEN (ARRAY['delivered','delivered','delivered','cancelled'])[1 + n % 4] ELSE 'placed' END,
       now() - (${ORDERS} - n) * interval '1 minute', n || ', MG Road', 'Pune', '411001'
     FROM generate_series(1, ${ORDERS}) AS n;
     INSERT INTO order_lines SELECT id, ${productId}, 'Besan laddu', total_paise, 1 FROM orders WHERE store_id = ${storeId}`,
  );
  // As autovacuum does after so many rows.
  await runStatement(shop.databaseUrl, "VACUUM ANALYZE orders");
  await runStatement(shop.databaseUrl, "ANALYZE order_lines");
}

/**
 * What the database does for a query: names of the indexes that it goes through, and whether it reads all rows.
 * @param about what the statement says, if other statements are sent with it
 */
export async function planOf(shop: Shop, ask: () => Promise<unknown>, about = /orders/): Promise<string> {
  const query = vi.spyOn(Client.prototype, "query");
  await ask();
  const calls = query.mock.calls as unknown as [string, unknown[] | undefined][];
  const [text, values] = calls.find(([statement]) => about.test(statement)) ?? [""];
  query.mockRestore();
  const { rows } = await shop.pool.query<{ "QUERY PLAN": string }>(`EXPLAIN ${text}`, values);
  return rows.map((row) => row["QUERY PLAN"]).join("\n");
}
