import { mkdtemp, rm } from "node:fs/promises";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { seed } from "../../apps/api/seed/fill.js";
import { sampleStore } from "../../apps/api/seed/catalogue.js";
import { Journal } from "../../src/load/journal.js";
import { startLoad } from "../../src/load/load.js";
import type { Report } from "../../src/load/report.js";
import { verify, type AskDatabase } from "../../src/load/verify.js";
import { startShop, type Shop } from "./shop.js";

// The judge is judged: on the real shop, then on a database in which something was made wrong.

let shop: Shop;
let url: string;
let folder: string;
let database: Client;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dukaan-load-"));
  shop = await startShop();
  await seed(shop.db, { stores: 3, productsPerStore: 40, giant: false, onProgress: () => undefined });
  url = await shop.app.listen({ host: "127.0.0.1", port: 0 });
  database = new Client({ connectionString: shop.databaseUrl });
  await database.connect();
});
afterAll(async () => {
  await database?.end();
  await shop?.stop();
  await rm(folder, { recursive: true, force: true });
});

const ask: AskDatabase = async (sql) => {
  const { rows } = await database.query<Record<string, string>>(sql);
  return Object.values(rows[0] ?? {})[0] ?? "";
};

async function runFor(milliseconds: number, journal: string, to = url): Promise<Report> {
  const load = await startLoad({
    url: to,
    rate: 60,
    seed: 5,
    mix: { catalogue: 40, product: 10, cart: 10, order: 40 },
    stores: [0, 1, 2].map((index) => sampleStore(index).slug),
    journal,
  });
  await sleep(milliseconds);
  return load.stop();
}

describe("a shop that works", () => {
  let journal: string;
  let report: Report;

  beforeAll(async () => {
    journal = join(folder, "journal.jsonl");
    report = await runFor(3000, journal);
  });

  test("is visited in every way, without an error", () => {
    expect(report.errors).toEqual({});
    expect(Object.keys(report.byKind).toSorted()).toEqual([
      "cart",
      "catalogue",
      "checkout",
      "order",
      "product",
      "receipt",
    ]);
    expect(report.orders.placed).toBeGreaterThan(40);
    expect(report.orders.unknown).toBe(0);
  });

  test("agrees with its journal", async () => {
    const { findings, orders } = await verify(journal, ask);
    expect(findings).toEqual([]);
    expect(orders.inDatabase).toBe(orders.placed);
  });

  const anOrder = "(SELECT min(id) FROM orders)";
  const copy = (key: string, buyer: string) => `
    INSERT INTO orders (public_id, store_id, idempotency_key, request_hash, buyer_name, buyer_phone, total_paise)
    SELECT left(md5('${key}'), 22), store_id, '${key}', request_hash, ${buyer}, buyer_phone, total_paise
    FROM orders WHERE id = ${anOrder};
    INSERT INTO order_lines SELECT currval('orders_id_seq'), product_id, name, price_paise, quantity
    FROM order_lines WHERE order_id = ${anOrder}`;

  test.each([
    [
      "a lost order",
      `DELETE FROM order_lines WHERE order_id = ${anOrder}; DELETE FROM orders WHERE id = ${anOrder}`,
      "lost",
    ],
    ["a doubled order", copy("another-key-of-the-same", "buyer_name"), "doubled"],
    [
      "a wrong stock",
      "UPDATE products SET stock = stock + 1 WHERE id = (SELECT min(id) FROM products)",
      "wrong stock",
    ],
    [
      "a product that is gone",
      "UPDATE products SET id = DEFAULT WHERE id = (SELECT max(id) FROM products WHERE id NOT IN (SELECT product_id FROM order_lines))",
      "wrong stock",
    ],
    ["a wrong total", `UPDATE orders SET total_paise = total_paise + 1 WHERE id = ${anOrder}`, "wrong"],
    ["a wrong line", `UPDATE order_lines SET quantity = 7 WHERE order_id = ${anOrder}`, "wrong"],
    [
      "an order from nowhere",
      copy("a-key-that-nobody-sent", "'Load ' || split_part(buyer_name, ' ', 2) || ' 999999'"),
      "unknown",
    ],
  ])("notices %s", async (_what, damage, kind) => {
    await database.query("BEGIN");
    try {
      await database.query(damage);
      const { ok, findings } = await verify(journal, ask);
      expect(ok).toBe(false);
      expect(new Set(findings.map((finding) => finding.kind))).toEqual(new Set([kind]));
    } finally {
      await database.query("ROLLBACK");
    }
  });
});

test("orders whose answers are lost are there once when repeated, or once or not at all when nothing ever comes back", async () => {
  let lost = 0;
  const lossy = createServer((asked, answering) => {
    const { method = "", url: path = "", headers } = asked;
    const onward = request(new URL(path, url), { method, headers }, (answer) => {
      const isOrder = method === "POST" && /\/(orders|checkout)$/.test(path);
      // Most orders lose one answer, some lose all of them.
      if (isOrder && (path.includes("001") || lost++ % 2 === 0)) {
        answer.resume().on("end", () => asked.socket.destroy());
        return;
      }
      answering.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(answering);
    });
    asked.pipe(onward);
  });
  await new Promise<void>((resolve) => {
    lossy.listen(0, "127.0.0.1", resolve);
  });
  try {
    const journal = join(folder, "lossy.jsonl");
    const report = await runFor(2000, journal, `http://127.0.0.1:${(lossy.address() as AddressInfo).port}`);
    expect(Object.keys(report.errors)).toEqual(["connection closed"]);
    expect(report.orders.placed).toBeGreaterThan(5);
    expect(report.orders.unknown).toBeGreaterThan(5);
    const { findings, orders } = await verify(journal, ask);
    expect(findings).toEqual([]);
    expect(orders.openThere).toBe(report.orders.unknown);
  } finally {
    lossy.closeAllConnections();
    lossy.close();
  }
});

test("what the journal's disk takes is no time of the shop's", async () => {
  const slow = vi.spyOn(Journal.prototype, "add").mockImplementation(() => sleep(2000));
  const report = await runFor(1500, join(folder, "slow.jsonl")).finally(() => slow.mockRestore());
  expect(report.orders.placed).toBeGreaterThan(5);
  expect(report.generator.journalMs).toBeGreaterThan(1990);
  expect(report.byKind.order!.p90).toBeLessThan(1500);
});
