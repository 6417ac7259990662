import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { openDatabase } from "../../apps/api/database/database.js";
import { isUnavailable } from "../../apps/api/database/errors.js";
import { addProduct, openShop, startShop, textOf, Visitor, type Shop } from "./shop.js";

let shop: Shop;
let productId: number;
beforeAll(async () => {
  // Shorter than PgBouncer has a statement wait: it must be the service's own limit that ends it.
  shop = await startShop({ timeoutMillis: 2_000 });
  const { merchant } = await openShop(shop.app, "http");
  productId = await addProduct(merchant, "http", { name: "Torch", price: "120", stock: 3 });
});
afterAll(async () => await shop.stop());

const visit = async (path: string, headers: Record<string, string> = {}) =>
  await new Visitor(shop.app).get(path, headers);

describe("headers", () => {
  test("pages allow no script, no inline style and no framing", async () => {
    const { headers, body } = await visit("/s/http");
    expect(headers["content-security-policy"]).toBe(
      "default-src 'none';style-src 'self';img-src 'self';form-action 'self';base-uri 'none';frame-ancestors 'none'",
    );
    expect(headers["strict-transport-security"]).toBe("max-age=15552000");
    expect(headers["x-content-type-options"]).toBe("nosniff");
    expect(headers["referrer-policy"]).toBe("same-origin");
    expect(headers["x-powered-by"]).toBeUndefined();
    expect(body).not.toMatch(/<script|style=|<style/);
  });

  test("the style sheet is found under the page's address for a year, and under an old one without caching", async () => {
    const path = textOf((await visit("/")).body, /rel="stylesheet" href="([^"]+)"/);
    expect(path).toMatch(/^\/assets\/[0-9a-f]{16}\/shop\.css$/);
    const current = await visit(path);
    expect(current.headers["cache-control"]).toBe("public, max-age=31536000, immutable");
    expect(current.headers["content-type"]).toBe("text/css; charset=utf-8");
    const old = await visit("/assets/0000000000000000/shop.css");
    expect(old.status).toBe(200);
    expect(old.headers["cache-control"]).toBe("no-store");
    expect((await visit("/assets/0000000000000000/secret.css")).status).toBe(404);
  });

  test("a public page that did not change is answered 304; one that changed is sent again", async () => {
    const path = `/s/http/p/${productId}`;
    const first = await visit(path);
    expect(first.headers["cache-control"]).toBe("public, max-age=0, must-revalidate");
    const etag = String(first.headers["etag"]);
    // nginx weakens the tag of what it compresses.
    for (const tag of [etag, `W/${etag}`, `"other", ${etag}`]) {
      const again = await visit(path, { "if-none-match": tag });
      expect(again.status).toBe(304);
      expect(again.body).toBe("");
    }
    await shop.db.updateTable("products").set({ stock: 2 }).where("id", "=", productId).execute();
    const changed = await visit(path, { "if-none-match": etag });
    expect(changed.status).toBe(200);
    expect(changed.body).toContain("Only 2 left");
  });

  test("a request id from nginx is kept, a strange one replaced", async () => {
    const given = "0123456789abcdef0123456789abcdef";
    expect((await visit("/livez", { "x-request-id": given })).headers["x-request-id"]).toBe(given);
    for (const strange of ["", "x", "a b c d e f g h", "x".repeat(65)]) {
      const id = String((await visit("/livez", { "x-request-id": strange })).headers["x-request-id"]);
      expect(id).toMatch(/^[0-9a-f-]{36}$/);
    }
  });
});

describe("errors", () => {
  test.each([
    ["GET", "/nope", {}, undefined, 404, "Not found"],
    ["GET", "/%zz", {}, undefined, 400, "That request was not understood"],
    ["POST", "/login", { "content-type": "text/plain" }, "x", 415, "That did not work"],
    ["POST", "/login", {}, "x".repeat(70_000), 413, "That is too large"],
    ["POST", "/login", {}, "phone=a&phone=b", 400, "That request was not understood"],
    ["POST", "/login", { "content-type": "application/json" }, "{", 400, "That request was not understood"],
    ["GET", `/s/${"x".repeat(200)}`, {}, undefined, 414, "That address is too long"],
  ] as const)(
    "%s request no. %# gives a page with words",
    async (method, url, headers, payload, status, title) => {
      const response = await shop.app.inject({
        method,
        url,
        headers: { "content-type": "application/x-www-form-urlencoded", ...headers },
        ...(payload && { payload }),
      });
      expect(response.statusCode).toBe(status);
      expect(response.headers["content-type"]).toBe("text/html; charset=utf-8");
      expect(response.body).toContain(`<h1>${title}</h1>`);
      expect(response.body).not.toMatch(/node_modules|at .+\.js|FST_ERR/);
    },
  );

  test("under /api/ they are JSON", async () => {
    const { status, body, headers } = await visit("/api/v1/stores/none");
    expect(status).toBe(404);
    expect(JSON.parse(body)).toEqual({
      error: {
        code: "not-found",
        message: "There is no shop at this address.",
        details: [],
        requestId: headers["x-request-id"],
      },
    });
  });
});

const json = async (path: string): Promise<unknown> => JSON.parse((await visit(path)).body);

describe("the JSON API", () => {
  test("shows what the pages show", async () => {
    expect(await json("/api/v1/stores/http")).toEqual({
      slug: "http",
      name: "Shop http",
      url: "https://shop.test/s/http",
    });
    const product = { id: productId, name: "Torch", pricePaise: 12_000, compareAtPaise: null, stock: 2 };
    const whole = { ...product, description: "", images: [] };
    expect(await json(`/api/v1/stores/http/products/${productId}`)).toEqual(whole);
    expect(await json("/api/v1/stores/http/products")).toEqual({
      products: [{ ...product, image: null }],
      newer: null,
      older: null,
    });
  });
});

describe("metrics", () => {
  test("are there for a scraper on the machine and not through nginx", async () => {
    await visit("/s/http");
    const { status, body } = await visit("/metrics");
    expect(status).toBe(200);
    expect(body).toMatch(
      /http_request_duration_seconds_count\{method="GET",route="\/s\/:slug",status="200"\} \d/,
    );
    expect(body).toContain('db_pool_connections{state="waiting"} 0');
    expect(body).toContain("nodejs_eventloop_lag_seconds");
    expect(body).not.toContain('http"');
    expect((await visit("/metrics", { "x-forwarded-for": "198.51.100.7" })).status).toBe(404);
  });
});

async function switchReadOnly(enabled: boolean): Promise<void> {
  await shop.db.updateTable("feature_flags").set({ enabled }).where("name", "=", "read_only").execute();
  // Flags are read at most once a second. A number that is none is looked at and refused.
  const write = async () => (await new Visitor(shop.app).post("/login", { phone: "1" })).status;
  await expect.poll(write).toBe(enabled ? 503 : 422);
}

describe("read-only mode", () => {
  test("refuses writes with 503 and Retry-After while reads go on, and ends without a restart", async () => {
    await switchReadOnly(true);
    const refused = await new Visitor(shop.app).post("/login", { phone: "9876543210" });
    expect(refused.status).toBe(503);
    expect(refused.headers["retry-after"]).toBe("5");
    expect((await visit("/s/http")).status).toBe(200);
    await switchReadOnly(false);
    expect((await new Visitor(shop.app).post("/login", { phone: "9876543210" })).status).toBe(303);
  });
});

test("many who ask at once whether it is ready share one look at the database", async () => {
  await visit("/readyz");
  await new Promise((resolve) => setTimeout(resolve, 250));
  const connect = vi.spyOn(shop.pool, "connect");
  const answers = await Promise.all(Array.from({ length: 50 }, async () => await visit("/readyz")));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  expect(connect).toHaveBeenCalledTimes(1);
  connect.mockRestore();
});

describe("without a database", () => {
  test("a connection whose BEGIN timed out is not used again", async () => {
    const { db, pool } = openDatabase({
      url: shop.environment.databaseUrl,
      poolMax: 1,
      timeoutMillis: 300,
      onConnectionLost: () => undefined,
    });
    await db.selectFrom("feature_flags").selectAll().execute();
    shop.pgbouncer.freeze();
    const failure = await db
      .transaction()
      .execute(async () => "never")
      .catch((error: unknown) => error);
    shop.pgbouncer.thaw();
    expect(isUnavailable(failure)).toBe(true);
    await db.updateTable("stores").set({ name: "Written" }).where("slug", "=", "http").execute();
    await pool.end();
    expect((await visit("/s/http")).body).toContain("Written");
  });

  test("a connection that breaks while somebody has it ends what they do, and not the service", async () => {
    const lost: Error[] = [];
    const { db, pool } = openDatabase({
      url: shop.environment.databaseUrl,
      poolMax: 1,
      onConnectionLost: (error) => lost.push(error),
    });
    const broken = db.transaction().execute(async (transaction) => {
      await transaction.selectFrom("feature_flags").selectAll().execute();
      await shop.postgres.crash();
      await vi.waitUntil(() => lost.length > 0, { timeout: 60_000 });
      await transaction.selectFrom("feature_flags").selectAll().execute();
    });
    const failure = await broken.catch((error: unknown) => error);
    await shop.postgres.start();
    expect(isUnavailable(failure)).toBe(true);
    await expect.poll(() => db.selectFrom("feature_flags").selectAll().execute()).toBeInstanceOf(Array);
    expect(lost).toHaveLength(1);
    await pool.end();
  });

  test("pages say so with 503, /livez stays, and everything is back when it is back", async () => {
    expect((await visit("/readyz")).body).toBe('{"status":"ready"}');
    await shop.postgres.crash();
    const start = performance.now();
    const page = await visit("/s/http");
    expect(performance.now() - start).toBeLessThan(8_000);
    expect(page.status).toBe(503);
    expect(page.headers["retry-after"]).toBe("5");
    expect(page.body).toContain("Back in a moment");
    expect((await visit("/readyz")).status).toBe(503);
    expect((await visit("/livez")).status).toBe(200);
    await shop.postgres.start();
    await expect.poll(async () => (await visit("/readyz")).status, { timeout: 60_000 }).toBe(200);
    expect((await visit("/s/http")).status).toBe(200);
  });
});
