import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { readDashboard } from "../../apps/api/admin/dashboard.js";
import { listOrders } from "../../apps/api/admin/order-list.js";
import type { OrderFilter } from "../../apps/api/admin/order-filter.js";
import { dailySales, type DaySales } from "../../apps/api/admin/revenue.js";
import { FeatureFlags, switchFlag, type Flag } from "../../apps/api/flags.js";
import { addManyOrders, ORDERS, planOf } from "./many-orders.js";
import { quickest } from "../quickest.js";
import { openWithProduct, placeOrder } from "./ordering.js";
import { addProduct, openShop, startShop, textOf, type Shop, type Visitor } from "./shop.js";

// One shop with 100,000 orders, one a minute up to now, beside others with a few.

let shop: Shop;
let merchant: Visitor;
let storeId: number;
let last: number;

beforeAll(async () => {
  shop = await startShop();
  const opened = await openWithProduct(shop, "big");
  ({ merchant } = opened);
  const { productId } = opened;
  const other = await openWithProduct(shop, "small");
  await placeOrder(shop, "small", [{ productId: other.productId, quantity: 1 }]);
  ({ id: storeId } = await shop.db
    .selectFrom("stores")
    .select("id")
    .where("slug", "=", "big")
    .executeTakeFirstOrThrow());
  await addManyOrders(shop, storeId, productId);
  ({ id: last } = await shop.db
    .selectFrom("orders")
    .select((order) => order.fn.max("id").as("id"))
    .where("store_id", "=", storeId)
    .executeTakeFirstOrThrow());
});
afterAll(async () => await shop?.stop());

const ids = (body: string) =>
  [...body.matchAll(/href="\/admin\/big\/orders\/(\d+)"/g)].map((match) => Number(match[1]));

describe("the list of orders", () => {
  test.each<[string, OrderFilter, RegExp]>([
    ["the newest", {}, /Index Scan Backward using orders_(store_id_id_idx|pkey)/],
    ["a status", { status: "placed" }, /orders_store_id_status_id_idx/],
    ["a name", { search: { kind: "name", text: "wadia" } }, /orders_store_id_buyer_name_idx/],
    ["the end of a number", { search: { kind: "digits", digits: "99123" } }, /orders_store_id_phone_idx/],
    ["a day", { fromDay: "2020-01-01", toDay: "2020-01-01" }, /orders_store_id_created_at_idx/],
  ])("finds %s through an index", async (_what, filter, index) => {
    const plan = await planOf(shop, async () => await listOrders(shop.db, storeId, filter, undefined, 50));
    expect(plan).toMatch(index);
    expect(plan).not.toContain("Seq Scan on orders");
  });

  test("finds a small shop's orders without looking at the big one's", async () => {
    const { id } = await shop.db
      .selectFrom("stores")
      .select("id")
      .where("slug", "=", "small")
      .executeTakeFirstOrThrow();
    for (const search of [undefined, { kind: "name", text: "ravi" }] as const) {
      const filter = search === undefined ? {} : { search };
      const plan = await planOf(shop, async () => await listOrders(shop.db, id, filter, undefined, 50));
      expect(plan).toMatch(/orders_store_id_\w+_idx/);
    }
  });

  test("is paged from end to end within a filter, without gaps or repeats", async () => {
    const seen: number[] = [];
    let path: string | undefined = "/admin/big/orders?q=wadia&status=delivered";
    for (let pages = 0; path !== undefined && pages < 9; pages++) {
      const { body, status } = await merchant.get(path);
      expect(status).toBe(200);
      seen.push(...ids(body));
      const next = /rel="next" href="([^"]+)"/.exec(body.replaceAll("&#61;", "=").replaceAll("&#38;", "&"));
      path = next?.[1];
    }
    const { rows } = await shop.pool.query<{ id: number }>(
      "SELECT id FROM orders WHERE buyer_name LIKE '%Wadia' AND status = 'delivered' ORDER BY id DESC",
    );
    expect(seen).toEqual(rows.map((row) => row.id));
    const all = await merchant.get("/admin/big/orders");
    expect(ids(all.body)).toEqual(Array.from({ length: 50 }, (_, index) => last - index));
    const older = textOf(all.body.replaceAll("&#61;", "="), /rel="next" href="([^"]+)"/);
    expect(ids((await merchant.get(older)).body)[0]).toBe(last - 50);
  });

  test.each([
    ["the number", async () => String(last - 7)],
    ["the number with a mark", async () => `# ${last - 7}`],
    ["the whole phone number", async () => "+91 90000 99993"],
    ["its last digits", async () => "099993"],
  ])("finds one order by %s", async (_what, q) => {
    const search = new URLSearchParams({ q: await q() }).toString();
    expect(ids((await merchant.get(`/admin/big/orders?${search}`)).body)).toContain(last - 7);
  });

  test.each([
    ["%", 0],
    ["_avi", 0],
    ["\\", 0],
    ["' OR 1=1 --", 0],
    ["RAVI k", 50],
  ])("takes %j as text", async (q, found) => {
    const search = new URLSearchParams({ q }).toString();
    const { body, status } = await merchant.get(`/admin/big/orders?${search}`);
    expect(status).toBe(200);
    expect(ids(body)).toHaveLength(found);
  });

  test("shows one Indian day, from its first minute to its last", async () => {
    const { rows } = await shop.pool.query<{ day: string; orders: number }>(
      `SELECT to_char(created_at AT TIME ZONE 'Asia/Kolkata', 'YYYY-MM-DD') AS day, count(*) AS orders
       FROM orders WHERE store_id = $1 GROUP BY 1 ORDER BY 1 DESC OFFSET 3 LIMIT 1`,
      [storeId],
    );
    const { day, orders } = rows[0]!;
    expect(orders).toBe(24 * 60);
    const { rows: days } = await listOrders(shop.db, storeId, { fromDay: day, toDay: day }, undefined, 5_000);
    expect(days).toHaveLength(orders);
  });

  test.each([
    ["from=2026-02-30", "from"],
    ["to=soon", "to"],
    [`q=${"x".repeat(81)}`, "q"],
  ])("names what is wrong with ?%s", async (query, field) => {
    const { status, body } = await merchant.get(`/admin/big/orders?${query}`);
    expect(status).toBe(422);
    expect(body).toContain(`id="${field}-error"`);
  });
});

describe("the dashboard", () => {
  test("adds up today and thirty days in Indian time, without cancelled orders, from an index alone", async () => {
    const plan = await planOf(shop, async () => await dailySales(shop.db, storeId));
    expect(plan).toMatch(/Index Only Scan using orders_store_id_created_at_idx/);
    const { sales } = await readDashboard({ db: shop.db, flags: new FeatureFlags(shop.db) }, storeId);
    expect(sales).toHaveLength(30);
    const { rows } = await shop.pool.query<{ day: string; orders: number; revenuePaise: number }>(
      // Also of a day that has just begun, with no order yet.
      `SELECT day, count(id) AS orders, coalesce(sum(total_paise), 0)::bigint AS "revenuePaise"
       FROM generate_series(0, 29) AS ago, to_char(now() + interval '5:30' - ago * interval '1 day', 'YYYY-MM-DD') AS day LEFT JOIN orders
         ON store_id = $1 AND status <> 'cancelled' AND to_char(created_at + interval '5:30', 'YYYY-MM-DD') = day GROUP BY day ORDER BY day`,
      [storeId],
    );
    expect(sales).toEqual(rows);
    const { body } = await merchant.get("/admin/big");
    const figures = textOf(body, /<dl class="figures">([\s\S]+?)<\/dl>/);
    expect(figures).toContain(`<dd>${(sales as DaySales[]).at(-1)!.orders}</dd>`);
    expect(body.match(/class="bar"/g)).toHaveLength(30);
    expect(body.match(/<th scope="row">/g)).toHaveLength(30);
    expect(body).not.toMatch(/style=|<script|<style/);
    expect(Buffer.byteLength(body)).toBeLessThan(60_000);
  });

  test("lists what runs out, the lowest first, and nothing else", async () => {
    const { merchant: owner } = await openShop(shop.app, "shelf");
    for (const [name, stock] of [
      ["Plenty", 6],
      ["Five", 5],
      ["None", 0],
      ["Two", 2],
      ["Hidden", 1],
    ] as const)
      await addProduct(owner, "shelf", { name, price: "1", stock });
    await shop.db.updateTable("products").set({ hidden: true }).where("name", "=", "Hidden").execute();
    const { body } = await owner.get("/admin/shelf");
    const list = textOf(body, /id="low"[^]+?<ul class="rows">([^]+?)<\/ul>/);
    expect([...list.matchAll(/<a [^>]+>(\w+)</g)].map((match) => match[1])).toEqual(["None", "Two", "Five"]);
    expect(body).toContain("&#8377;0 in 30 days");
    expect(body).toContain("https://wa.me/?text");
  });

  test("is there without its figures when they take too long, and says so", async () => {
    const blocker = new Client({ connectionString: shop.databaseUrl });
    await blocker.connect();
    // Orders of more than a day ago take a third of a second each, as if the disk were overloaded.
    await blocker.query(`ALTER TABLE orders RENAME TO all_orders;
      CREATE VIEW orders AS SELECT * FROM all_orders
      WHERE created_at > now() - interval '1 day' OR pg_sleep(0.3)::text IS NOT NULL`);
    try {
      const took = await quickest(4_000, async () => {
        const { status, body } = await merchant.get("/admin/big");
        expect(status).toBe(200);
        expect(body).toContain("adding them up took too long");
        expect(body).not.toContain("<svg");
        expect(body).toContain(`/admin/big/orders/${last}"`);
      });
      expect(took).toBeLessThan(4_000);
      const list = await merchant.get("/admin/big/orders?q=wadia");
      expect(list.status).toBe(200);
      expect(list.body).toContain("This search took too long");
    } finally {
      await blocker.query("DROP VIEW orders; ALTER TABLE all_orders RENAME TO orders");
      await blocker.end();
    }
    // The limit went with its transaction: the pooler's connections have their own again.
    const limit = async () =>
      (await shop.pool.query<{ statement_timeout: string }>("SHOW statement_timeout")).rows[0];
    const limits = await Promise.all(Array.from({ length: 20 }, limit));
    expect(new Set(limits.map((row) => row?.statement_timeout))).toEqual(new Set(["0"]));
  });
});

describe("the CSV file", () => {
  // As behind nginx: TCP would take in megabytes before it holds the writer up.
  const socketPath = join(tmpdir(), `dukaan-dashboard-${process.pid}.sock`);

  /** Starts a download on a real connection; the answer is read by whoever asks. */
  async function download(path: string): Promise<IncomingMessage> {
    if (!shop.app.server.listening) await shop.app.listen({ path: socketPath });
    const cookie = `__Host-session=${merchant.cookie("__Host-session")}`;
    const [answer] = (await once(get({ socketPath, path, headers: { cookie } }), "response")) as [
      IncomingMessage,
    ];
    return answer;
  }

  test("holds every order in constant memory, read no faster than the reader takes it", async () => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    const query = vi.spyOn(Client.prototype, "query");
    const answer = await download("/admin/big/orders.csv");
    expect(answer.statusCode).toBe(200);
    expect(answer.headers["content-type"]).toBe("text/csv; charset=utf-8");
    expect(answer.headers["cache-control"]).toBe("private, no-store");
    expect(answer.headers["content-disposition"]).toMatch(
      /^attachment; filename="orders-big-20[\d-]+\.csv"$/,
    );
    // Nobody reads yet: what the socket takes is all that is fetched.
    const batches = () =>
      query.mock.calls.filter((call: readonly unknown[]) => String(call[0]).includes("order_lines")).length;
    let early = 0;
    for (let now = 1; now > early; now = batches()) {
      early = now;
      await sleep(700);
    }
    expect(early).toBeGreaterThan(0);
    expect(early).toBeLessThan(40);
    // It would keep the answers of all queries.
    query.mockRestore();

    let lines = 0;
    let bytes = 0;
    let most = 0;
    let start = "";
    collect();
    const before = process.memoryUsage().heapUsed;
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      if (start === "") start = chunk.toString("utf8", 0, 60);
      for (const byte of chunk) if (byte === 10) lines++;
      if (Math.floor(bytes / 2e6) < Math.floor((bytes += chunk.length) / 2e6)) {
        collect();
        most = Math.max(most, process.memoryUsage().heapUsed - before);
      }
    }
    expect(start).toMatch(/^\uFEFFOrder,Placed \(IST\),Status,Buyer,Phone/);
    expect(lines).toBe(ORDERS + 1);
    expect(bytes).toBeGreaterThan(8e6);
    expect(most).toBeLessThan(8e6);
  });

  test("is filtered like the list, and shows what was entered without calculating it", async () => {
    const { merchant: owner, productId } = await openWithProduct(shop, "sheet");
    const id = await placeOrder(shop, "sheet", [{ productId, quantity: 2 }]);
    await shop.db
      .updateTable("orders")
      .set({ buyer_name: '=HYPERLINK("http://x.test","Ravi")' })
      .where("public_id", "=", id)
      .execute();
    const file = await owner.get("/admin/sheet/orders.csv?status=placed");
    const [, line] = file.body.split("\r\n");
    expect(line).toMatch(
      /^\d+,20\d\d-\d\d-\d\d \d\d:\d\d,placed,"'=HYPERLINK\(""http:\/\/x\.test"",""Ravi""\)",9876543210,"12, 4th Cross",Opposite the post office,Bengaluru,560038,2 × Besan laddu,499,cash-on-delivery$/,
    );
    const none = await owner.get("/admin/sheet/orders.csv?status=shipped&q=ravi");
    expect(none.body.split("\r\n")).toHaveLength(2);
    expect((await owner.get("/admin/sheet/orders.csv?from=never")).status).toBe(400);
  });

  test("ends with the connection when the reader goes away or the database fails", async () => {
    const gone = await download("/admin/big/orders.csv");
    gone.destroy();
    await expect.poll(() => shop.pool.idleCount === shop.pool.totalCount).toBe(true);
    const cut = await download("/admin/big/orders.csv");
    await shop.pool.query("ALTER TABLE orders RENAME TO orders_away");
    const error = await (async () => {
      for await (const _ of cut) void _;
      return undefined;
    })().catch((reason: unknown) => reason);
    await shop.pool.query("ALTER TABLE orders_away RENAME TO orders");
    // The file must not look complete.
    expect(error).toMatchObject({ code: "ECONNRESET" });
  });
});

test("what costs much can be switched off, and everything else goes on", async () => {
  const costly: Flag[] = ["analytics_off", "search_off", "exports_off"];
  const switchAll = async (on: boolean) => {
    for (const flag of costly) await switchFlag(shop.db, flag, on);
    // Flags are read at most once a second.
    const search = async () => (await merchant.get("/admin/big/orders?q=wadia")).status;
    await expect.poll(search, { interval: 200 }).toBe(on ? 503 : 200);
  };
  await switchAll(true);
  const dashboard = await merchant.get("/admin/big");
  expect(dashboard.body).toContain("they are switched off");
  expect(dashboard.body).toContain(`/admin/big/orders/${last}"`);
  expect((await merchant.get("/admin/big/orders")).status).toBe(200);
  for (const path of ["/admin/big/orders?q=wadia", "/admin/big/orders.csv"]) {
    const refused = await merchant.get(path);
    expect(refused.status).toBe(503);
    expect(refused.headers["retry-after"]).toBe("300");
  }
  await switchFlag(shop.db, "exports_off", false);
  await sleep(1_100);
  expect((await merchant.get("/admin/big/orders.csv?q=wadia")).status).toBe(503);
  await switchAll(false);
  expect((await merchant.get("/admin/big/orders?q=wadia")).status).toBe(200);
  expect((await merchant.get("/admin/big")).body).toContain("<svg");
});
