import { randomUUID } from "node:crypto";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { addProduct, newPhone, openShop, startShop, textOf, Visitor, type Shop } from "./shop.js";

let shop: Shop;
beforeAll(async () => {
  shop = await startShop();
});
afterAll(async () => await shop.stop());

const ADDRESS = { street: "12, 4th Cross, Indiranagar", city: "Bengaluru", pin: "560 038" };
/** What he enters at the checkout. */
const RAVI = { name: "Ravi Kumar", phone: "98765 43210", ...ADDRESS, landmark: "" };
/** The same for the JSON API. */
const RAVI_JSON = { name: RAVI.name, phone: RAVI.phone, address: ADDRESS };

/** A shop with one product; returns the product's id. */
async function shopWith(
  slug: string,
  product: { name: string; price: string; stock: number },
): Promise<number> {
  const { merchant } = await openShop(shop.app, slug);
  return await addProduct(merchant, slug, product);
}

async function stockOf(productId: number): Promise<number> {
  const row = await shop.db
    .selectFrom("products")
    .select("stock")
    .where("id", "=", productId)
    .executeTakeFirstOrThrow();
  return row.stock;
}

/** The hidden fields of a checkout page. */
function hiddenFields(body: string): { key: string; total: string } {
  return {
    key: textOf(body, /name="key" value="([^"]+)"/),
    total: textOf(body, /name="total" value="(\d+)"/),
  };
}

describe("a purchase without JavaScript", () => {
  test("goes from the shop's page to the order", async () => {
    const id = await shopWith("sweets", { name: "Besan laddu", price: "249.50", stock: 12 });
    const buyer = new Visitor(shop.app);
    expect((await buyer.get("/s/sweets")).body).toContain(`href="/s/sweets/p/${id}"`);
    expect((await buyer.get(`/s/sweets/p/${id}`)).body).toContain("&#8377;249.50");
    const added = await buyer.post("/s/sweets/cart", { product: String(id), quantity: "2" });
    expect(added).toMatchObject({ status: 303, location: "/s/sweets/cart" });
    expect((await buyer.get("/s/sweets/cart")).body).toContain("&#8377;499");

    const checkout = await buyer.get("/s/sweets/checkout");
    const hidden = hiddenFields(checkout.body);
    const wrong = {
      name: "",
      phone: "12345",
      street: " ",
      landmark: "x".repeat(81),
      city: "Pune\u0007",
      pin: "060001",
    };
    const refused = await buyer.post("/s/sweets/checkout", { ...hidden, ...wrong });
    expect(refused.status).toBe(422);
    for (const field of Object.keys(wrong)) expect(refused.body).toContain(`id="${field}-error"`);
    // What was entered is still there, right or wrong.
    expect(refused.body).toContain('value="060001"');
    expect(refused.body).toContain('value="12345"');
    expect(hiddenFields(refused.body)).toEqual(hidden);

    const placed = await buyer.post("/s/sweets/checkout", { ...hidden, ...RAVI });
    expect(placed.status).toBe(303);
    expect(placed.location).toMatch(/^\/o\/[\w-]{22}$/);
    const order = await new Visitor(shop.app).get(placed.location!);
    expect(order.body).toContain("2 × Besan laddu");
    expect(order.body).toContain("&#8377;499");
    expect(order.headers["cache-control"]).toBe("private, no-store");
    expect(buyer.cookie("cart")).toBeUndefined();
    expect(await stockOf(id)).toBe(10);
  });

  test("a second click on the same form leads to the same order, with and without the cart", async () => {
    const id = await shopWith("twice", { name: "Lamp", price: "100", stock: 5 });
    const buyer = new Visitor(shop.app);
    await buyer.post("/s/twice/cart", { product: String(id), quantity: "1" });
    const form = { ...hiddenFields((await buyer.get("/s/twice/checkout")).body), ...RAVI };
    const answers = await Promise.all([
      buyer.post("/s/twice/checkout", form),
      buyer.post("/s/twice/checkout", form),
    ]);
    const later = await buyer.post("/s/twice/checkout", form);
    const addresses = new Set([...answers, later].map((answer) => answer.location));
    expect(addresses.size).toBe(1);
    expect([...addresses][0]).toMatch(/^\/o\//);
    expect(await stockOf(id)).toBe(4);
    // The key alone leads nobody to the order.
    for (const phone of ["98765 43211", "none"]) {
      const stranger = await new Visitor(shop.app).post("/s/twice/checkout", { ...form, phone });
      expect(stranger).toMatchObject({ status: 303, location: "/s/twice/cart" });
    }
  });

  test("a changed price is shown before anything is ordered", async () => {
    const id = await shopWith("dearer", { name: "Vase", price: "100", stock: 5 });
    const buyer = new Visitor(shop.app);
    await buyer.post("/s/dearer/cart", { product: String(id), quantity: "1" });
    const form = { ...hiddenFields((await buyer.get("/s/dearer/checkout")).body), ...RAVI };
    await shop.db.updateTable("products").set({ price_paise: 15_000 }).where("id", "=", id).execute();
    const answer = await buyer.post("/s/dearer/checkout", form);
    expect(answer.status).toBe(409);
    expect(answer.body).toContain("A price has changed");
    expect(hiddenFields(answer.body)).toEqual({ key: form.key, total: "15000" });
    expect(await stockOf(id)).toBe(5);
    const placed = await buyer.post("/s/dearer/checkout", { ...hiddenFields(answer.body), ...RAVI });
    expect(placed.status).toBe(303);
  });

  test("says what is short and takes nothing", async () => {
    const id = await shopWith("short", { name: "Shawl", price: "100", stock: 5 });
    const buyer = new Visitor(shop.app);
    await buyer.post("/s/short/cart", { product: String(id), quantity: "3" });
    const form = { ...hiddenFields((await buyer.get("/s/short/checkout")).body), ...RAVI };
    await shop.db.updateTable("products").set({ stock: 2 }).where("id", "=", id).execute();
    const answer = await buyer.post("/s/short/checkout", form);
    expect(answer.status).toBe(409);
    expect(answer.body).toContain("Only 2 of Shawl left");
    expect(await stockOf(id)).toBe(2);
  });

  test("a cart belongs to one shop, and products of other shops never get into it", async () => {
    const foreign = await shopWith("foreign", { name: "Foreign", price: "1", stock: 5 });
    await shopWith("own", { name: "Own", price: "1", stock: 5 });
    const buyer = new Visitor(shop.app);
    await buyer.post("/s/foreign/cart", { product: String(foreign), quantity: "1" });
    expect((await buyer.get("/s/own/cart")).body).toContain("Your cart is empty");
    expect((await buyer.post("/s/own/cart", { product: String(foreign), quantity: "1" })).status).toBe(404);
    const forged = new Visitor(shop.app);
    const page = await forged.get("/s/own/cart", { cookie: `cart=${foreign}x1` });
    expect(page.body).toContain("Your cart is empty");
    const order = await shop.app.inject({
      method: "POST",
      url: "/api/v1/stores/own/orders",
      headers: { "idempotency-key": randomUUID() },
      payload: { buyer: RAVI_JSON, lines: [{ productId: foreign, quantity: 1 }] },
    });
    expect(order.statusCode).toBe(409);
    expect(await stockOf(foreign)).toBe(5);
  });

  test.each([
    "/s/no-such-shop",
    "/s/UPPER",
    "/s/own/p/999999",
    "/s/own/p/abc",
    "/s/own/c/none",
    "/s/own/c/%00",
    `/o/${"A".repeat(22)}`,
  ])("%s is not found", async (path) => {
    expect((await new Visitor(shop.app).get(path)).status).toBe(404);
  });
});

const orderThroughApi = async (slug: string, payload: object, key: string = randomUUID()) =>
  await shop.app.inject({
    method: "POST",
    url: `/api/v1/stores/${slug}/orders`,
    headers: { "idempotency-key": key },
    payload,
  });

test("what the API does not ask for changes nothing of the buyer", async () => {
  const productId = await shopWith("undeclared", { name: "Lamp", price: "100", stock: 5 });
  const lines = [{ productId, quantity: 1 }];
  const address = { ...ADDRESS, name: 7, phone: ["+919000000000"] };
  const placed = await orderThroughApi("undeclared", { buyer: { ...RAVI_JSON, address, city: 7 }, lines });
  expect(placed.statusCode).toBe(201);
  const order = await shop.db
    .selectFrom("orders")
    .select(["buyer_name", "buyer_phone", "address_city"])
    .where("public_id", "=", placed.json<{ id: string }>().id)
    .executeTakeFirst();
  expect(order).toEqual({
    buyer_name: "Ravi Kumar",
    buyer_phone: "+919876543210",
    address_city: "Bengaluru",
  });
  const wrong = { ...RAVI_JSON, phone: "1", street: "", address: { ...address, city: " " } };
  const refused = await orderThroughApi("undeclared", { buyer: wrong, lines });
  expect(refused.statusCode).toBe(400);
  const { details } = refused.json<{ error: { details: { path: string }[] } }>().error;
  expect(details.map(({ path }) => path)).toEqual(["body/buyer/phone", "body/buyer/address/city"]);
});

describe("orders at the same time", () => {
  test("one key used 20 times at once makes one order", async () => {
    const id = await shopWith("one-key", { name: "Once", price: "99", stock: 100 });
    const payload = { buyer: RAVI_JSON, lines: [{ productId: id, quantity: 2 }] };
    const key = randomUUID();
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => orderThroughApi("one-key", payload, key)),
    );
    expect(answers.filter((answer) => answer.statusCode === 201)).toHaveLength(1);
    expect(answers.filter((answer) => answer.statusCode === 200)).toHaveLength(19);
    expect(new Set(answers.map((answer) => answer.body)).size).toBe(1);
    expect(await stockOf(id)).toBe(98);
    const other = await orderThroughApi(
      "one-key",
      { ...payload, lines: [{ productId: id, quantity: 1 }] },
      key,
    );
    expect(other.statusCode).toBe(409);
    expect(other.json()).toMatchObject({ error: { code: "key-reused" } });
  });

  test("carts with the same products in another order do not block each other", async () => {
    const { merchant } = await openShop(shop.app, "crossed");
    const first = await addProduct(merchant, "crossed", { name: "First", price: "1", stock: 100 });
    const second = await addProduct(merchant, "crossed", { name: "Second", price: "1", stock: 100 });
    const lines = [first, second].map((productId) => ({ productId, quantity: 1 }));
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        orderThroughApi("crossed", {
          buyer: { ...RAVI_JSON, phone: newPhone() },
          lines: index % 2 ? lines : lines.toReversed(),
        }),
      ),
    );
    expect(answers.map((answer) => answer.statusCode)).toEqual(Array.from({ length: 40 }, () => 201));
    expect([await stockOf(first), await stockOf(second)]).toEqual([60, 60]);
  });

  test.each([
    [{ lines: [] }, "body/lines"],
    [{ lines: [{ productId: 1, quantity: 0 }] }, "body/lines/0/quantity"],
    [{ lines: [{ productId: 1.5, quantity: 1 }] }, "body/lines/0/productId"],
    [
      {
        lines: [
          { productId: 1, quantity: 1 },
          { productId: 1, quantity: 2 },
        ],
      },
      "body/lines",
    ],
    [{ buyer: { ...RAVI_JSON, phone: "1" } }, "body/buyer/phone"],
    [{ buyer: { ...RAVI_JSON, name: "" } }, "body/buyer/name"],
    [{ buyer: { ...RAVI_JSON, address: { ...ADDRESS, pin: "56003" } } }, "body/buyer/address/pin"],
    [{ buyer: { ...RAVI_JSON, address: { ...ADDRESS, city: "" } } }, "body/buyer/address/city"],
    [{ buyer: { name: "Ravi", phone: "9876543210" } }, "body/buyer"],
  ])("refuses %j and names the field", async (wrong, path) => {
    const payload = { buyer: RAVI_JSON, lines: [{ productId: 1, quantity: 1 }], ...wrong };
    const answer = await orderThroughApi("one-key", payload);
    expect(answer.statusCode).toBe(400);
    expect(answer.json().error.details.map((detail: { path: string }) => detail.path)).toContain(path);
  });
});

const names = (body: string) => [...body.matchAll(/class="name">([^<]+)</g)].map((match) => match[1]);

describe("a large catalogue", () => {
  test("is paged without gaps or repeats, also while products are added", async () => {
    const { merchant } = await openShop(shop.app, "large");
    await shop.pool.query(
      `INSERT INTO products (store_id, name, price_paise, stock)
       SELECT id, 'Product ' || n, 100, 1 FROM stores, generate_series(1, 100) AS n WHERE slug = 'large'`,
    );
    const seen: string[] = [];
    let path: string | undefined = "/s/large";
    for (let pages = 0; path !== undefined; pages++) {
      expect(pages).toBeLessThan(6);
      const { body } = await new Visitor(shop.app).get(path);
      seen.push(...[...body.matchAll(/<span class="name">(Product \d+)</g)].map((match) => match[1]!));
      path = /href="([^"]+)"[^>]*>\s*Older/.exec(body.replaceAll("&#61;", "="))?.[1];
      await addProduct(merchant, "large", { name: `Late ${pages}`, price: "1", stock: 1 });
    }
    expect(seen).toEqual(Array.from({ length: 100 }, (_, index) => `Product ${100 - index}`));
  });

  test("the way back shows the same page", async () => {
    const first = await new Visitor(shop.app).get("/s/large");
    const older = textOf(first.body.replaceAll("&#61;", "="), /href="([^"]+)"[^>]*>\s*Older/);
    const second = await new Visitor(shop.app).get(older);
    const newer = textOf(second.body.replaceAll("&#61;", "="), /href="([^"]+)"[^>]*>\s*Newer/);
    expect(names((await new Visitor(shop.app).get(newer)).body)).toEqual(names(first.body));
  });

  test.each(["older-0", "older-x", "newest", "older-1; DROP TABLE stores"])(
    "refuses the page %j in words",
    async (page) => {
      const answer = await new Visitor(shop.app).get(`/s/large?page=${encodeURIComponent(page)}`);
      expect(answer.status).toBe(400);
      expect(answer.body).toContain("querystring/page");
    },
  );
});

test("no page needs more than three queries", async () => {
  const { merchant } = await openShop(shop.app, "counted");
  const id = await addProduct(merchant, "counted", { name: "Counted", price: "5", stock: 50 });
  await merchant.post("/s/counted/cart", { product: String(id), quantity: "1" });
  const form = { ...hiddenFields((await merchant.get("/s/counted/checkout")).body), ...RAVI };
  const { location: order } = await merchant.post("/s/counted/checkout", form);
  await merchant.post("/s/counted/cart", { product: String(id), quantity: "1" });
  const list = await merchant.get("/admin/counted/orders");
  const merchantsOrder = textOf(list.body, /href="(\/admin\/counted\/orders\/\d+)"/);

  const query = vi.spyOn(Client.prototype, "query");
  const count = async (path: string, counted: (statement: unknown) => boolean) => {
    query.mockClear();
    expect((await merchant.get(path)).status).toBe(200);
    return query.mock.calls.filter(([statement]) => counted(statement)).length;
  };
  const pages = ["/", "/s/counted", `/s/counted/p/${id}`, "/s/counted/cart", "/s/counted/checkout", order!];
  await merchant.post("/admin/counted/categories", { name: "Shelf", position: "0" });
  const shelves = ["/s/counted/c/shelf", "/admin/counted/categories"];
  const products = ["/admin/counted/products", `/admin/counted/products/${id}`];
  for (const path of [...pages, "/login", ...shelves, ...products]) {
    const queries = await count(path, () => true);
    expect(queries, path).toBeLessThanOrEqual(3);
  }
  // What may take long stands in a transaction with its own time limit; BEGIN, SET and COMMIT ask for nothing. Flags are
  // read once a second, however many pages there are.
  const asks = (statement: unknown) =>
    !/^(start transaction|SET LOCAL|commit)|from "feature_flags"/.test(String(statement));
  for (const path of ["/admin/counted", "/admin/counted/orders", merchantsOrder])
    expect(await count(path, asks), path).toBeLessThanOrEqual(3);
  query.mockRestore();
});
