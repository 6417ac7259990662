import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { deleteExpired } from "../../apps/api/housekeeping.js";
import { addProduct, openShop, startShop, textOf, Visitor, type Shop } from "./shop.js";

let shop: Shop;
beforeAll(async () => {
  shop = await startShop();
});
afterAll(async () => await shop.stop());

describe("opening a shop", () => {
  test("makes the address from the name, signs the merchant in and shows the key once", async () => {
    const merchant = new Visitor(shop.app);
    const answer = await merchant.post("/stores", { name: "  Asha's   Sarees & Co. ", slug: "" });
    expect(answer.status).toBe(201);
    expect(answer.headers["cache-control"]).toBe("private, no-store");
    expect(answer.body).toContain("https://shop.test/s/ashas-sarees-co");
    const key = textOf(answer.body, /<code>([\w-]{32})<\/code>/);
    const dashboard = await merchant.get("/admin/ashas-sarees-co");
    expect(dashboard.status).toBe(200);
    expect(dashboard.body).not.toContain(key);
    const page = await new Visitor(shop.app).get("/s/ashas-sarees-co");
    expect(page.body).toContain("<h1>Asha&#39;s Sarees &#38; Co.</h1>");
  });

  test.each([
    [{ name: "", slug: "nameless" }, /The name must be one line of 1 to 80 characters/],
    [{ name: "x".repeat(81), slug: "too-long" }, /The name must be one line of 1 to 80 characters/],
    [{ name: "NUL \u0000 byte", slug: "nul-byte" }, /The name must be one line of 1 to 80 characters/],
    [{ name: "आशा साड़ी", slug: "" }, /This name gives no address; please choose one/],
    [{ name: "Shouting", slug: "SHOUT" }, /The address must be 3 to 40 small letters/],
    [{ name: "Dashes", slug: "a--b" }, /The address must be 3 to 40 small letters/],
  ])("refuses %j, keeps what was entered and makes nothing", async (form, message) => {
    const answer = await new Visitor(shop.app).post("/stores", form);
    expect(answer.status).toBe(422);
    expect(answer.body).toMatch(message);
    expect(answer.body).toContain('aria-invalid="true"');
    const found = await shop.db
      .selectFrom("stores")
      .where("name", "=", form.name.replace("\u0000", ""))
      .execute();
    expect(found).toEqual([]);
  });

  test("refuses an address that is taken", async () => {
    await openShop(shop.app, "taken");
    const answer = await new Visitor(shop.app).post("/stores", { name: "Second", slug: "taken" });
    expect(answer.status).toBe(422);
    expect(answer.body).toContain("The address taken is taken already");
    expect(answer.body).toContain('value="Second"');
  });

  test("records the event in the same transaction", async () => {
    await openShop(shop.app, "eventful");
    const events = await shop.db
      .selectFrom("outbox")
      .selectAll()
      .where("type", "=", "store.created")
      .execute();
    expect(events.map((event) => event.payload)).toContainEqual({
      storeId: expect.any(Number),
      slug: "eventful",
      name: "Shop eventful",
    });
  });
});

describe("the dashboard", () => {
  test("adds and changes products, with prices in paise", async () => {
    const { merchant } = await openShop(shop.app, "prices");
    const id = await addProduct(merchant, "prices", { name: "Kaju barfi", price: "₹1,199.50", stock: 7 });
    const edit = await merchant.get(`/admin/prices/products/${id}`);
    expect(edit.body).toContain('value="1199.50"');
    const saved = await merchant.post(`/admin/prices/products/${id}`, {
      name: "Kaju katli",
      price: "1250",
      stock: "9",
      stockBefore: "7",
    });
    expect(saved.location).toBe("/admin/prices/products");
    const product = await shop.db
      .selectFrom("products")
      .select(["name", "price_paise", "stock", "version"])
      .where("id", "=", id)
      .executeTakeFirstOrThrow();
    expect(product).toEqual({ name: "Kaju katli", price_paise: 125_000, stock: 9, version: 2 });
    const events = await shop.db
      .selectFrom("outbox")
      .select(["type", "payload"])
      .where("aggregate_type", "=", "product")
      .where("aggregate_id", "=", String(id))
      .orderBy("sequence")
      .execute();
    expect(events.map((event) => event.type)).toEqual(["product.created", "product.updated"]);
    expect(events[1]?.payload).toMatchObject({ productId: id, pricePaise: 125_000, stock: 9, version: 2 });
  });

  test("counts pieces sold while the merchant was editing", async () => {
    const { merchant } = await openShop(shop.app, "meanwhile");
    const id = await addProduct(merchant, "meanwhile", { name: "Lamp", price: "100", stock: 10 });
    await shop.db.updateTable("products").set({ stock: 4 }).where("id", "=", id).execute();
    const form = { name: "Lamp", price: "100", stock: "12", stockBefore: "10" };
    await merchant.post(`/admin/meanwhile/products/${id}`, form);
    const { stock } = await shop.db
      .selectFrom("products")
      .select("stock")
      .where("id", "=", id)
      .executeTakeFirstOrThrow();
    expect(stock).toBe(6);
    const refused = await merchant.post(`/admin/meanwhile/products/${id}`, { ...form, stock: "0" });
    expect(refused.status).toBe(422);
    expect(refused.body).toContain("The stock has changed meanwhile: 6 left");
  });

  test("names every wrong field at once and changes nothing", async () => {
    const { merchant } = await openShop(shop.app, "wrong-fields");
    const answer = await merchant.post("/admin/wrong-fields/products", {
      name: " ",
      price: "0",
      stock: "-1",
    });
    expect(answer.status).toBe(422);
    for (const field of ["name", "price", "stock"]) expect(answer.body).toContain(`id="${field}-error"`);
    const products = await new Visitor(shop.app).get("/s/wrong-fields");
    expect(products.body).toContain("There is nothing here yet");
  });

  test("escapes what merchants enter", async () => {
    const { merchant } = await openShop(shop.app, "escaping");
    const name = `<script>alert("1")</script> 'x'`;
    const id = await addProduct(merchant, "escaping", { name, price: "1", stock: 1 });
    for (const path of [
      "/s/escaping",
      `/s/escaping/p/${id}`,
      "/admin/escaping/products",
      `/admin/escaping/products/${id}`,
    ]) {
      const { body } = await merchant.get(path);
      expect(body).toContain("alert(");
      expect(body).not.toMatch(/<script|="[^"]*<|alert\("/);
    }
  });
});

describe("access", () => {
  test("a visitor without a session is led to the sign-in page and changes nothing", async () => {
    const { merchant } = await openShop(shop.app, "guarded");
    const id = await addProduct(merchant, "guarded", { name: "Safe", price: "10", stock: 1 });
    const stranger = new Visitor(shop.app);
    for (const path of ["/admin/guarded", "/admin/guarded/products", `/admin/guarded/products/${id}`])
      expect((await stranger.get(path)).location).toBe("/login");
    const form = { name: "Stolen", price: "1", stock: "1", stockBefore: "1" };
    for (const path of ["/admin/guarded/products", `/admin/guarded/products/${id}`])
      expect((await stranger.post(path, form)).location).toBe("/login");
    expect((await merchant.get("/admin/guarded/products")).body).not.toContain("Stolen");
  });

  test("another merchant's shop does not exist for a merchant", async () => {
    const owner = await openShop(shop.app, "mine");
    const id = await addProduct(owner.merchant, "mine", { name: "Safe", price: "10", stock: 1 });
    const { merchant: other } = await openShop(shop.app, "yours");
    const form = { name: "Stolen", price: "1", stock: "1", stockBefore: "1" };
    expect((await other.get("/admin/mine")).status).toBe(404);
    expect((await other.get("/admin/mine/products")).status).toBe(404);
    expect((await other.get(`/admin/mine/products/${id}`)).status).toBe(404);
    expect((await other.post("/admin/mine/products", form)).status).toBe(404);
    expect((await other.post(`/admin/mine/products/${id}`, form)).status).toBe(404);
    // Own shop in the address, the other's product behind it.
    expect((await other.get(`/admin/yours/products/${id}`)).status).toBe(404);
    expect((await other.post(`/admin/yours/products/${id}`, form)).status).toBe(404);
    expect((await owner.merchant.get("/admin/mine/products")).body).not.toContain("Stolen");
  });

  test("the key opens the dashboard from another device; signing out ends the session on the server", async () => {
    const { adminKey } = await openShop(shop.app, "devices");
    const device = new Visitor(shop.app);
    expect((await device.post("/login", { slug: "devices", key: adminKey })).location).toBe("/admin/devices");
    const token = device.cookie("__Host-session")!;
    expect((await device.get("/admin/devices")).status).toBe(200);
    await device.post("/logout", {});
    expect(device.cookie("__Host-session")).toBeUndefined();
    const replayed = await new Visitor(shop.app).get("/admin/devices", { cookie: `__Host-session=${token}` });
    expect(replayed.location).toBe("/login");
  });

  test.each([
    ["devices-2", "wrong-key"],
    ["devices-2", ""],
    ["no-such-shop", "wrong-key"],
    ["\u0000", "\u0000"],
  ])("refuses the sign-in %j with key %j in the same words", async (slug, key) => {
    await new Visitor(shop.app).post("/stores", { name: "Devices", slug: "devices-2" });
    const answer = await new Visitor(shop.app).post("/login", { slug, key });
    expect(answer.status).toBe(403);
    expect(answer.body).toContain("No shop has this address and key");
  });

  test("the session cookie is bound to the host, to TLS and away from scripts and other sites", async () => {
    const answer = await new Visitor(shop.app).post("/stores", { name: "Cookies", slug: "cookies" });
    expect(String(answer.headers["set-cookie"])).toMatch(
      /^__Host-session=[\w-]{43}; Max-Age=2592000; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
    );
  });

  test("only hashes of keys and session tokens are stored", async () => {
    const { merchant, adminKey } = await openShop(shop.app, "hashed");
    const token = merchant.cookie("__Host-session")!;
    const { rows } = await shop.pool.query<{ stores: string; sessions: string }>(
      `SELECT (SELECT json_agg(stores)::text FROM stores) AS stores,
              (SELECT json_agg(sessions)::text FROM sessions) AS sessions`,
    );
    for (const secret of [adminKey, token]) {
      expect(JSON.stringify(rows)).not.toContain(secret);
      expect(JSON.stringify(rows)).not.toContain(Buffer.from(secret).toString("hex"));
    }
  });

  test("an expired session is none", async () => {
    const { merchant } = await openShop(shop.app, "expired");
    await shop.db
      .updateTable("sessions")
      .set({ expires_at: new Date(Date.now() - 1000) })
      .execute();
    expect((await merchant.get("/admin/expired")).location).toBe("/login");
  });
});

test("housekeeping deletes expired sessions and old events, and nothing else", async () => {
  const { merchant } = await openShop(shop.app, "kept");
  await shop.pool.query(
    `INSERT INTO sessions (token_hash, store_id, expires_at)
     SELECT sha256(n::text::bytea), (SELECT id FROM stores WHERE slug = 'kept'), now() - interval '1 minute'
     FROM generate_series(1, 1500) AS n`,
  );
  await shop.pool.query(
    "UPDATE outbox SET occurred_at = now() - interval '31 days' WHERE payload->>'slug' = 'eventful'",
  );
  expect(await deleteExpired(shop.db)).toBeGreaterThanOrEqual(1_501);
  expect(await deleteExpired(shop.db)).toBe(0);
  expect((await merchant.get("/admin/kept")).status).toBe(200);
  const { rows } = await shop.pool.query<{ slug: string }>("SELECT payload->>'slug' AS slug FROM outbox");
  expect(rows.map((row) => row.slug)).toContain("kept");
  expect(rows.map((row) => row.slug)).not.toContain("eventful");
});

describe("forms sent from other sites", () => {
  test.each([
    [{ "sec-fetch-site": "cross-site" }, 403],
    [{ "sec-fetch-site": "same-site" }, 403],
    [{ "sec-fetch-site": "none" }, 201],
    [{ "sec-fetch-site": "same-origin" }, 201],
  ])("with %j are answered %i", async (headers, status) => {
    const slug = `csrf-${Math.random().toString(36).slice(2)}`;
    expect((await new Visitor(shop.app).post("/stores", { name: "Csrf", slug }, headers)).status).toBe(
      status,
    );
  });

  test.each([
    ["https://evil.test", 403],
    ["null", 403],
    ["https://shop.test", 201],
  ])("with the origin %s and no Sec-Fetch-Site are answered %i", async (origin, status) => {
    const response = await shop.app.inject({
      method: "POST",
      url: "/stores",
      headers: { origin, host: "shop.test", "content-type": "application/x-www-form-urlencoded" },
      payload: `name=Csrf&slug=csrf-${Math.random().toString(36).slice(2)}`,
    });
    expect(response.statusCode).toBe(status);
  });
});
