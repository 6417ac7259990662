import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findShopFront } from "../../apps/api/catalogue/shop-front.js";
import { seed } from "../../apps/api/seed/fill.js";
import { planOf } from "./many-orders.js";
import { KeyedHash } from "../../apps/api/auth/keyed-hash.js";
import { RateLimits } from "../../apps/api/auth/rate-limits.js";
import { quickest } from "../quickest.js";
import { addProduct, openShop, startShop, textOf, Visitor, type Shop } from "./shop.js";

let shop: Shop;
beforeAll(async () => {
  shop = await startShop();
});
afterAll(async () => await shop.stop());

const names = (body: string) => [...body.matchAll(/class="name">([^<]+)</g)].map((match) => match[1]!);
const browse = async (path: string) => await new Visitor(shop.app).get(path);
const linkIn = (body: string, text: string) =>
  new RegExp(`href="([^"]+)"[^>]*>\\s*${text}`).exec(body.replaceAll("&#61;", "="))?.[1];

/** Names in the order of the shop's pages, to the last page. */
async function everything(path: string): Promise<string[]> {
  const seen: string[] = [];
  for (let next: string | undefined = path; next !== undefined;) {
    const { body } = await browse(next);
    seen.push(...names(body));
    next = linkIn(body, "Older");
  }
  return seen;
}

/** Saves a product's form with some fields changed. */
async function save(merchant: Visitor, slug: string, id: number, fields: Record<string, string>) {
  const form = { name: "Thing", price: "100", stock: "5", stockBefore: "5", ...fields };
  return await merchant.post(`/admin/${slug}/products/${id}`, form);
}

async function productEvents(id: number) {
  return await shop.db
    .selectFrom("outbox")
    .select(["type", "payload"])
    .where("aggregate_type", "=", "product")
    .where("aggregate_id", "=", String(id))
    .orderBy("sequence")
    .execute();
}

describe("a product", () => {
  test("shows its description and its earlier price, and its events carry all of it", async () => {
    const { merchant } = await openShop(shop.app, "whole");
    await merchant.post("/admin/whole/categories", { name: "Sweets", position: "0" });
    const form = {
      name: "Kaju katli",
      price: "450",
      compareAt: "500",
      stock: "5",
      description: "Made of <cashews>.\r\n\r\n\r\nFresh every day.",
      position: "3",
      category: String((await categories("whole"))[0]?.id),
    };
    const saved = await merchant.post("/admin/whole/products", form);
    expect(saved.location).toBe("/admin/whole/products");
    const { rows } = await shop.pool.query<{ id: number }>("SELECT max(id) AS id FROM products");
    const { id } = rows[0]!;
    const page = (await browse(`/s/whole/p/${id}`)).body;
    expect(page).toContain("<p>Made of &#60;cashews&#62;.</p><p>Fresh every day.</p>");
    expect(page).toMatch(
      /&#8377;450\s+<span class="visually-hidden">, before <\/span\s*><s class="before">&#8377;500<\/s/,
    );
    expect((await browse("/s/whole")).body).toContain('<s class="before">&#8377;500</s>');
    const [created] = await productEvents(id);
    expect(created).toEqual({
      type: "product.created",
      payload: {
        productId: id,
        storeId: expect.any(Number),
        name: "Kaju katli",
        description: "Made of <cashews>.\n\nFresh every day.",
        pricePaise: 45_000,
        compareAtPaise: 50_000,
        stock: 5,
        hidden: false,
        position: 3,
        categoryId: expect.any(Number),
        images: [],
        version: 1,
      },
    });
    // The form shows what was saved, so that saving it again changes nothing.
    const edit = (await merchant.get(`/admin/whole/products/${id}`)).body;
    expect(edit).toMatch(/<textarea[^>]*>\nMade of &#60;cashews&#62;\.\n\nFresh every day\.<\/textarea>/);
    expect(edit).toContain('value="500"');
    expect(edit).toMatch(/<option value="\d+" +selected>Sweets<\/option>/);
  });

  test.each([
    [{ compareAt: "100" }, "compareAt", /must be above the price/],
    [{ compareAt: "free" }, "compareAt", /must be empty, or rupees/],
    [{ description: "x".repeat(4001) }, "description", /at most 4,000 characters/],
    [{ description: "NUL \u0000" }, "description", /at most 4,000 characters/],
    [{ position: "10000" }, "position", /whole number from 0 to 9999/],
    [{ position: "-1" }, "position", /whole number from 0 to 9999/],
    [{ category: "999999" }, "category", /no such category/],
    [{ category: "first" }, "category", /no such category/],
  ])("refuses %j at its field and changes nothing", async (fields, field, message) => {
    const slug = `refused-${Math.random().toString(36).slice(2)}`;
    const { merchant } = await openShop(shop.app, slug);
    const id = await addProduct(merchant, slug, { name: "Thing", price: "100", stock: 5 });
    for (const answer of [
      await save(merchant, slug, id, fields),
      await merchant.post(`/admin/${slug}/products`, { name: "New", price: "100", stock: "1", ...fields }),
    ]) {
      expect(answer.status).toBe(422);
      expect(textOf(answer.body, new RegExp(`id="${field}-error">([^<]+)`))).toMatch(message);
    }
    expect((await productEvents(id)).length).toBe(1);
    expect(await everything(`/s/${slug}`)).toEqual(["Thing"]);
  });

  test("that is hidden does not exist for buyers and cannot be ordered; its merchant sees it", async () => {
    const { merchant } = await openShop(shop.app, "hiding");
    await addProduct(merchant, "hiding", { name: "Seen", price: "1", stock: 5 });
    const id = await addProduct(merchant, "hiding", { name: "Thing", price: "100", stock: 5 });
    const buyer = new Visitor(shop.app);
    await buyer.post("/s/hiding/cart", { product: String(id), quantity: "1" });
    expect((await save(merchant, "hiding", id, { hidden: "on" })).status).toBe(303);

    expect((await browse(`/s/hiding/p/${id}`)).status).toBe(404);
    expect((await browse(`/api/v1/stores/hiding/products/${id}`)).status).toBe(404);
    expect(await everything("/s/hiding")).toEqual(["Seen"]);
    expect((await browse("/api/v1/stores/hiding/products")).body).not.toContain("Thing");
    const added = await new Visitor(shop.app).post("/s/hiding/cart", { product: String(id), quantity: "1" });
    expect(added.status).toBe(404);
    expect((await buyer.get("/s/hiding/cart")).body).toContain("Your cart is empty");
    const stockBefore = await stockOf(id);
    const { placeOrder } = await import("../../apps/api/orders/checkout.js");
    const { storeId } = (await productEvents(id))[0]!.payload as { storeId: number };
    // Past every page: the last thing that stands between a buyer and the stock.
    const request = {
      storeId,
      from: "local",
      idempotencyKey: "a-hidden-product-1",
      lines: [{ productId: id, quantity: 1 }],
    };
    const outcome = await placeOrder(shop.db, new RateLimits(shop.db, new KeyedHash("any secret")), {
      ...anyBuyer(),
      ...request,
    });
    expect(outcome).toMatchObject({ outcome: "out-of-stock", shortages: [{ productId: id, available: 0 }] });
    expect(await stockOf(id)).toBe(stockBefore);

    expect((await merchant.get("/admin/hiding/products")).body).toContain("5 in stock, hidden");
    expect((await merchant.get(`/admin/hiding/products/${id}`)).status).toBe(200);
    await save(merchant, "hiding", id, {});
    expect((await browse(`/s/hiding/p/${id}`)).status).toBe(200);
  });

  test("with a higher place comes first, also across pages; among equals the newest", async () => {
    const { merchant } = await openShop(shop.app, "placed");
    await shop.pool.query(
      `INSERT INTO products (store_id, name, price_paise, stock, position, hidden)
       SELECT id, 'n' || n, 100, 1, n % 4, n % 10 = 9 FROM stores, generate_series(1, 100) AS n WHERE slug = 'placed'`,
    );
    const expected = Array.from({ length: 100 }, (_, index) => index + 1)
      .filter((n) => n % 10 !== 9)
      .toSorted((a, b) => (b % 4) - (a % 4) || b - a)
      .map((n) => `n${n}`);
    expect(await everything("/s/placed")).toEqual(expected);
    const second = linkIn((await browse("/s/placed")).body, "Older")!;
    const back = linkIn((await browse(second)).body, "Newer")!;
    expect(names((await browse(back)).body)).toEqual(expected.slice(0, 24));
    const list = (await merchant.get("/admin/placed/products")).body;
    expect(list.match(/in stock/g)).toHaveLength(50);
  });
});

const address = { street: "12 MG Road", city: "Pune", pin: "411001" };
const anyBuyer = () => ({ buyer: { name: "Ravi", phone: "+919876543210", address } });

async function stockOf(id: number): Promise<number> {
  const { rows } = await shop.pool.query<{ stock: number }>("SELECT stock FROM products WHERE id = $1", [id]);
  return rows[0]!.stock;
}

async function categories(slug: string): Promise<{ id: number; slug: string; name: string }[]> {
  const { rows } = await shop.pool.query(
    `SELECT categories.id, categories.slug, categories.name FROM categories
     JOIN stores ON stores.id = store_id WHERE stores.slug = $1 ORDER BY position, name`,
    [slug],
  );
  return rows as { id: number; slug: string; name: string }[];
}

describe("categories", () => {
  test("have pages of their own with their products only, in the merchant's order", async () => {
    const { merchant } = await openShop(shop.app, "shelves");
    for (const [name, position] of [
      ["Silk sarees", "2"],
      ["Café & Tea", "1"],
      ["साड़ी", "3"],
      ["Silk  sarees", "4"],
    ])
      await merchant.post("/admin/shelves/categories", { name: name!, position: position! });
    const made = await categories("shelves");
    expect(made.map(({ slug }) => slug)).toEqual(["cafe-tea", "silk-sarees", "category-1", "silk-sarees-2"]);
    for (let n = 1; n <= 30; n++)
      await shop.pool.query(
        `INSERT INTO products (store_id, name, price_paise, stock, category_id)
         SELECT store_id, 'silk ' || $2::int, 100, 1, id FROM categories WHERE id = $1`,
        [made[1]!.id, n],
      );
    await addProduct(merchant, "shelves", { name: "Elsewhere", price: "1", stock: 1 });
    const first = (await browse("/s/shelves/c/silk-sarees")).body;
    expect(textOf(first, /<a href="([^"]+)"\s+aria-current="page"\s*>Silk sarees</)).toBe(
      "/s/shelves/c/silk-sarees",
    );
    expect(linkIn(first, "Older")).toMatch(/^\/s\/shelves\/c\/silk-sarees\?page=older-/);
    expect(await everything("/s/shelves/c/silk-sarees")).toEqual(
      Array.from({ length: 30 }, (_, index) => `silk ${30 - index}`),
    );
    expect(await everything("/s/shelves")).toHaveLength(31);
    expect((await browse("/s/shelves/c/none")).status).toBe(404);
  });

  test("keep their address when they are renamed, and are not deleted with products in them", async () => {
    const { merchant } = await openShop(shop.app, "renamed");
    await merchant.post("/admin/renamed/categories", { name: "Lamps", position: "0" });
    const id = (await categories("renamed"))[0]!.id;
    const product = await addProduct(merchant, "renamed", { name: "Thing", price: "100", stock: 5 });
    await save(merchant, "renamed", product, { category: String(id) });
    await merchant.post(`/admin/renamed/categories/${id}`, { name: "Lights", position: "7" });
    expect((await browse("/s/renamed/c/lamps")).body).toContain("<h1>Lights</h1>");

    const refused = await merchant.post(`/admin/renamed/categories/${id}/delete`, {});
    expect(refused.status).toBe(409);
    expect(refused.body).toContain("There are products in this category");
    await save(merchant, "renamed", product, {});
    expect((await merchant.post(`/admin/renamed/categories/${id}/delete`, {})).status).toBe(303);
    expect(await categories("renamed")).toEqual([]);
    // Each change once, what was refused not at all, in the transaction of the change.
    const { rows } = await shop.pool.query<{ type: string; payload: object }>(
      `SELECT type, payload FROM outbox WHERE type LIKE 'category.%' AND aggregate_type = 'store'
       AND aggregate_id = (SELECT id::text FROM stores WHERE slug = 'renamed') ORDER BY sequence`,
    );
    const { storeId } = (await productEvents(product))[0]!.payload as { storeId: number };
    const whole = { categoryId: id, storeId, slug: "lamps" };
    expect(rows).toEqual([
      { type: "category.created", payload: { ...whole, name: "Lamps", position: 0 } },
      { type: "category.updated", payload: { ...whole, name: "Lights", position: 7 } },
      { type: "category.deleted", payload: { categoryId: id, storeId } },
    ]);
  });

  test("have names, and are at most fifty", async () => {
    const { merchant } = await openShop(shop.app, "many");
    const empty = await merchant.post("/admin/many/categories", { name: " ", position: "x" });
    expect(empty.status).toBe(422);
    expect(empty.body).toContain('id="name-error"');
    expect(empty.body).toContain('id="position-error"');
    const forms = Array.from({ length: 60 }, (_, n) => ({ name: `Shelf ${n}`, position: "0" }));
    const answers = await Promise.all(forms.map((form) => merchant.post("/admin/many/categories", form)));
    expect(answers.filter(({ status }) => status === 303)).toHaveLength(50);
    expect(await categories("many")).toHaveLength(50);
  });

  test("of another shop do not exist for a merchant", async () => {
    const owner = await openShop(shop.app, "their-shelf");
    await owner.merchant.post("/admin/their-shelf/categories", { name: "Theirs", position: "0" });
    const id = (await categories("their-shelf"))[0]!.id;
    const { merchant } = await openShop(shop.app, "my-shelf");
    const product = await addProduct(merchant, "my-shelf", { name: "Thing", price: "100", stock: 5 });
    expect((await save(merchant, "my-shelf", product, { category: String(id) })).status).toBe(422);
    for (const path of [`/admin/my-shelf/categories/${id}`, `/admin/my-shelf/categories/${id}/delete`])
      expect((await merchant.post(path, { name: "Mine", position: "0" })).status).toBe(404);
    for (const path of ["", `/${id}`, `/${id}/delete`])
      expect(
        (await merchant.post(`/admin/their-shelf/categories${path}`, { name: "Mine", position: "0" })).status,
      ).toBe(404);
    expect((await browse("/s/their-shelf")).body).toContain("Theirs");
  });
});

describe("a store of 20,000 products", () => {
  test("answers each page within 200 ms at any depth, and its plans use an index only", async () => {
    const giant = { stores: 1, productsPerStore: 2, giant: true, onProgress: () => undefined };
    await seed(shop.db, giant);
    await shop.pool.query("ANALYZE products");
    const { rows } = await shop.pool.query<{ id: number; storeId: number }>(
      `SELECT products.id, store_id AS "storeId" FROM products JOIN stores ON stores.id = store_id
       WHERE slug = 'giant-bazaar' ORDER BY products.id LIMIT 1 OFFSET 200`,
    );
    const { id, storeId } = rows[0]!;
    for (const path of ["/s/giant-bazaar", `/s/giant-bazaar?page=older-${id}`, `/s/giant-bazaar/p/${id}`]) {
      const page = async () => expect((await browse(path)).status).toBe(200);
      expect(await quickest(200, page)).toBeLessThan(200);
    }
    // A shelf with half of them, and one with a few.
    await shop.pool.query(
      `INSERT INTO categories (store_id, name, slug, position)
       SELECT ${storeId}, name, name, 0 FROM unnest(ARRAY['half', 'few']) AS name`,
    );
    await shop.pool.query(
      `UPDATE products SET category_id = categories.id FROM categories
       WHERE products.store_id = ${storeId} AND categories.store_id = ${storeId}
         AND products.id % CASE slug WHEN 'half' THEN 2 ELSE 1001 END = 1`,
    );
    await shop.pool.query("VACUUM ANALYZE products");
    for (const category of [undefined, "half", "few"])
      for (const direction of ["older", "newer"] as const) {
        const options = { cursor: { direction, position: 0, id }, ...(category && { category }) };
        const ask = async () => await findShopFront(shop.db, "giant-bazaar", 24, options);
        const plan = await planOf(shop, ask, /from "products"/);
        expect(plan).toMatch(/Index Scan.* using products_(visible|category)_idx/);
        expect(plan).not.toMatch(/Seq Scan on products/);
      }
    // A second run adds nothing, also when a merchant has moved a sample shop meanwhile.
    await shop.pool.query("UPDATE stores SET slug = 'moved-bazaar' WHERE slug = 'giant-bazaar'");
    const again = await seed(shop.db, giant);
    expect(again.created).toEqual({ stores: 0, products: 0 });
  });
});
