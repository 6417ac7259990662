import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  addProduct,
  hiddenFields,
  newPhone,
  openShop,
  signIn,
  startShop,
  textOf,
  Visitor,
  type Shop,
} from "./shop.js";

let shop: Shop;
beforeAll(async () => {
  shop = await startShop();
});
afterAll(async () => await shop.stop());

describe("opening a shop", () => {
  test("asks for a sign-in first, makes the address from the name and shows it", async () => {
    const merchant = new Visitor(shop.app);
    expect((await merchant.get("/stores")).location).toBe("/login");
    expect(await signIn(merchant, newPhone())).toBe("/stores");
    const form = { name: "  Asha's   Sarees & Co. ", slug: "" };
    const answer = await merchant.submit("/stores", "/stores", form);
    expect(answer.location).toBe("/admin/ashas-sarees-co/opened");
    const opened = await merchant.get(answer.location!);
    expect(opened.headers["cache-control"]).toBe("private, no-store");
    expect(opened.body).toContain("https://shop.test/s/ashas-sarees-co");
    expect((await merchant.get("/admin/ashas-sarees-co")).status).toBe(200);
    const page = await new Visitor(shop.app).get("/s/ashas-sarees-co");
    expect(page.body).toContain("<h1>Asha&#39;s Sarees &#38; Co.</h1>");
  });

  test("can be repeated: a merchant has several shops and chooses after signing in", async () => {
    const { merchant, phone } = await openShop(shop.app, "first-of-two");
    const other = new Visitor(shop.app);
    expect(await signIn(other, phone)).toBe("/admin/first-of-two");
    await merchant.submit("/stores", "/stores", { name: "Second", slug: "second-of-two" });
    expect(await signIn(other, phone)).toBe("/stores");
    const { body } = await other.get("/stores");
    for (const slug of ["first-of-two", "second-of-two"]) {
      expect(body).toContain(`href="/admin/${slug}"`);
      expect((await other.get(`/admin/${slug}`)).status).toBe(200);
    }
  });

  test.each([
    [{ name: "", slug: "nameless" }, /The name must be one line of 1 to 80 characters/],
    [{ name: "x".repeat(81), slug: "too-long" }, /The name must be one line of 1 to 80 characters/],
    [{ name: "NUL \u0000 byte", slug: "nul-byte" }, /The name must be one line of 1 to 80 characters/],
    [{ name: "आशा साड़ी", slug: "" }, /This name gives no address; please choose one/],
    [{ name: "Shouting", slug: "SHOUT" }, /The address must be 3 to 40 small letters/],
    [{ name: "Dashes", slug: "a--b" }, /The address must be 3 to 40 small letters/],
  ])("refuses %j, keeps what was entered and makes nothing", async (form, message) => {
    const merchant = new Visitor(shop.app);
    await signIn(merchant, newPhone());
    const answer = await merchant.submit("/stores", "/stores", form);
    expect(answer.status).toBe(422);
    expect(answer.body).toMatch(message);
    expect(answer.body).toContain('aria-invalid="true"');
    const found = await shop.db
      .selectFrom("stores")
      .where("name", "=", form.name.replace("\u0000", ""))
      .execute();
    expect(found).toEqual([]);
  });

  test("refuses an address that is taken, and the same form opens the shop under another one", async () => {
    await openShop(shop.app, "taken");
    const merchant = new Visitor(shop.app);
    await signIn(merchant, newPhone());
    const fields = hiddenFields((await merchant.get("/stores")).body, "/stores");
    const answer = await merchant.post("/stores", { ...fields, name: "Second", slug: "taken" });
    expect(answer.status).toBe(422);
    expect(answer.body).toContain("The address taken is taken already");
    expect(answer.body).toContain('value="Second"');
    const corrected = await merchant.post("/stores", { ...fields, name: "Second", slug: "not-taken" });
    expect(corrected.location).toBe("/admin/not-taken/opened");
  });

  test("ends at 50 shops for one merchant, also when several are opened at once", async () => {
    const { merchant, phone } = await openShop(shop.app, "many-01");
    await shop.pool.query(
      `INSERT INTO stores (merchant_id, slug, name)
       SELECT id, 'many-' || n, 'Many' FROM merchants, generate_series(10, 57) AS n WHERE phone = $1`,
      [phone],
    );
    const open = async (slug: string) => await merchant.submit("/stores", "/stores", { name: "More", slug });
    const answers = await Promise.all(["many-a", "many-b", "many-c"].map(open));
    expect(answers.filter(({ status }) => status === 303)).toHaveLength(1);
    expect(answers.find(({ status }) => status === 422)?.body).toContain("You have 50 shops");
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

describe("a form that is sent twice", () => {
  const count = async (slug: string) => {
    const { rows } = await shop.pool.query<{ stores: number; products: number; stock: number }>(
      `SELECT count(DISTINCT stores.id)::int AS stores, count(products.id)::int AS products, sum(stock)::int AS stock
       FROM stores LEFT JOIN products ON store_id = stores.id WHERE slug LIKE $1`,
      [`${slug}%`],
    );
    return rows[0]!;
  };

  test("opens one shop, and both answers lead to it", async () => {
    const merchant = new Visitor(shop.app);
    await signIn(merchant, newPhone());
    const fields = hiddenFields((await merchant.get("/stores")).body, "/stores");
    const form = { ...fields, name: "Twice", slug: "twice" };
    const answers = await Promise.all([1, 2, 3].map(async () => await merchant.post("/stores", form)));
    expect(answers.map((answer) => answer.location)).toEqual(Array(3).fill("/admin/twice/opened"));
    expect((await count("twice")).stores).toBe(1);
  });

  test("opens no second shop when it was changed, and says so", async () => {
    const merchant = new Visitor(shop.app);
    await signIn(merchant, newPhone());
    const fields = hiddenFields((await merchant.get("/stores")).body, "/stores");
    await merchant.post("/stores", { ...fields, name: "Changed", slug: "changed-1" });
    const second = { name: "Changed", slug: "changed-2" };
    const answer = await merchant.post("/stores", { ...fields, ...second });
    expect(answer.status).toBe(422);
    expect(answer.body).toContain("You opened a shop with this form already");
    expect((await count("changed-")).stores).toBe(1);
    const again = await merchant.post("/stores", { ...hiddenFields(answer.body, "/stores"), ...second });
    expect(again.location).toBe("/admin/changed-2/opened");
  });

  test("adds one product", async () => {
    const { merchant } = await openShop(shop.app, "one-product");
    const path = "/admin/one-product/products";
    const fields = hiddenFields((await merchant.get(`${path}/new`)).body, path);
    const form = { ...fields, name: "Diya", price: "20", stock: "5" };
    const answers = await Promise.all([1, 2].map(async () => await merchant.post(path, form)));
    expect(answers.map((answer) => answer.location)).toEqual([path, path]);
    expect(await count("one-product")).toMatchObject({ products: 1, stock: 5 });
  });

  test("adds, renames and deletes one category", async () => {
    const { merchant } = await openShop(shop.app, "clicks");
    const path = "/admin/clicks/categories";
    const fieldsOf = async (action: string) => hiddenFields((await merchant.get(path)).body, action);
    const twice = async (action: string, form: Record<string, string>) => {
      const answers = await Promise.all([1, 2].map(async () => await merchant.post(action, form)));
      expect(answers.map(({ location }) => location)).toEqual([path, path]);
    };
    const names = async () =>
      [...(await merchant.get(path)).body.matchAll(/Name of ([^<]*)</g)].map(([, name]) => name);

    const added = { ...(await fieldsOf(path)), name: "Lamps", position: "0" };
    await twice(path, added);
    expect(await names()).toEqual(["Lamps"]);
    const changed = await merchant.post(path, { ...added, name: "Lights" });
    expect(changed.status).toBe(422);
    expect(changed.body).toContain("You added a category with this form already");

    const one = textOf(changed.body, /action="(\/admin\/clicks\/categories\/\d+)"/);
    const renamed = { ...(await fieldsOf(one)), name: "Lights", position: "0" };
    await merchant.post(one, renamed);
    await merchant.submit(path, one, { name: "Diyas", position: "0" });
    // Sent again late, it does not undo what came after it.
    await twice(one, renamed);
    expect((await merchant.post(one, { ...renamed, name: "Torches" })).status).toBe(422);
    expect(await names()).toEqual(["Diyas"]);
    await twice(`${one}/delete`, await fieldsOf(`${one}/delete`));
    expect(await names()).toEqual([]);
  });

  test("changes the stock once; with another stock it is asked for anew", async () => {
    const { merchant } = await openShop(shop.app, "stock-once");
    const id = await addProduct(merchant, "stock-once", { name: "Diya", price: "20", stock: 10 });
    const path = `/admin/stock-once/products/${id}`;
    const fields = hiddenFields((await merchant.get(path)).body, path);
    const form = { ...fields, name: "Diya", price: "20", stock: "12" };
    const answers = await Promise.all([1, 2].map(async () => await merchant.post(path, form)));
    expect(answers.map((answer) => answer.status)).toEqual([303, 303]);
    expect(answers[1]!.location).toBe(answers[0]!.location);
    expect((await count("stock-once")).stock).toBe(12);

    const back = await merchant.post(path, { ...form, stock: "15" });
    expect(back.status).toBe(422);
    expect(back.body).toContain("This form was saved already, and 12 are in stock now");
    expect((await count("stock-once")).stock).toBe(12);
    await merchant.post(path, { ...form, ...hiddenFields(back.body, path), stock: "15" });
    expect((await count("stock-once")).stock).toBe(15);
  });
});

describe("the dashboard", () => {
  test("adds and changes products, with prices in paise", async () => {
    const { merchant } = await openShop(shop.app, "prices");
    const id = await addProduct(merchant, "prices", { name: "Kaju barfi", price: "₹1,199.50", stock: 7 });
    const edit = await merchant.get(`/admin/prices/products/${id}`);
    expect(edit.body).toContain('value="1199.50"');
    const saved = await merchant.submit(`/admin/prices/products/${id}`, `/admin/prices/products/${id}`, {
      name: "Kaju katli",
      price: "1250",
      stock: "9",
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
    const path = `/admin/meanwhile/products/${id}`;
    const fields = hiddenFields((await merchant.get(path)).body, path);
    await shop.db.updateTable("products").set({ stock: 4 }).where("id", "=", id).execute();
    const form = { name: "Lamp", price: "100", stock: "12" };
    await merchant.post(path, { ...fields, ...form });
    const { stock } = await shop.db
      .selectFrom("products")
      .select("stock")
      .where("id", "=", id)
      .executeTakeFirstOrThrow();
    expect(stock).toBe(6);
    const refused = await merchant.submit(path, path, { ...form, stock: "0", stockBefore: "10" });
    expect(refused.status).toBe(422);
    expect(refused.body).toContain("The stock has changed meanwhile: 6 left");
    expect(hiddenFields(refused.body, path)).toMatchObject({ stockBefore: "6" });
    expect(textOf(refused.body, /name="stock"[^>]*value="(\d+)"/)).toBe("6");
  });

  test("keeps sold what was sold while a merchant corrected the form", async () => {
    const { merchant } = await openShop(shop.app, "corrected");
    const id = await addProduct(merchant, "corrected", { name: "Lamp", price: "100", stock: 10 });
    const path = `/admin/corrected/products/${id}`;
    const fields = hiddenFields((await merchant.get(path)).body, path);
    await shop.db.updateTable("products").set({ stock: 4 }).where("id", "=", id).execute();
    for (const wrong of [{ price: "free" }, { category: "999999" }]) {
      const form = { name: "Lamp", price: "100", stock: "10", ...wrong };
      const refused = await merchant.post(path, { ...fields, ...form });
      expect(refused.status).toBe(422);
      expect(hiddenFields(refused.body, path)).toMatchObject({ stockBefore: "10" });
      expect(textOf(refused.body, /name="stock"[^>]*value="(\d+)"/)).toBe("10");
      Object.assign(fields, hiddenFields(refused.body, path));
    }
    const saved = await merchant.post(path, { ...fields, name: "Lamp", price: "120", stock: "10" });
    expect(saved.status).toBe(303);
    const { stock } = await shop.db
      .selectFrom("products")
      .select("stock")
      .where("id", "=", id)
      .executeTakeFirstOrThrow();
    expect(stock).toBe(4);
  });

  test("names every wrong field at once and changes nothing", async () => {
    const { merchant } = await openShop(shop.app, "wrong-fields");
    const path = "/admin/wrong-fields/products";
    const answer = await merchant.submit(`${path}/new`, path, { name: " ", price: "0", stock: "-1" });
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
