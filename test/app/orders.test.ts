import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openWithProduct, placeOrder, stockOf } from "./ordering.js";
import { withoutIds } from "./logged.js";
import { addProduct, hiddenFields, logOf, openShop, startShop, textOf, Visitor, type Shop } from "./shop.js";

let shop: Shop;
beforeAll(async () => {
  shop = await startShop();
});
afterAll(async () => await shop.stop());

async function numberOf(publicId: string): Promise<number> {
  const row = await shop.db
    .selectFrom("orders")
    .select("id")
    .where("public_id", "=", publicId)
    .executeTakeFirstOrThrow();
  return row.id;
}

async function eventsOf(order: number): Promise<string[]> {
  const rows = await shop.db
    .selectFrom("outbox")
    .select("type")
    .where("aggregate_type", "=", "order")
    .where("aggregate_id", "=", String(order))
    .orderBy("sequence")
    .execute();
  return rows.map((row) => row.type);
}

/** Sends the form of a button on the merchant's page of an order. */
async function click(merchant: Visitor, slug: string, order: number, to: string) {
  const path = `/admin/${slug}/orders/${order}`;
  const { body } = await merchant.get(path);
  return await merchant.post(`${path}/status`, { from: textOf(body, /name="from" value="(\w+)"/), to });
}

describe("an order's way", () => {
  test("leads to the buyer's door, and everybody sees how far it is", async () => {
    const { merchant, productId } = await openWithProduct(shop, "way");
    const id = await placeOrder(shop, "way", [{ productId, quantity: 2 }]);
    const order = await numberOf(id);
    const page = await merchant.get(`/admin/way/orders/${order}`);
    for (const text of [
      "2 × Besan laddu",
      "&#8377;499",
      "12, 4th Cross",
      "Opposite the post office",
      "560038",
    ])
      expect(page.body).toContain(text);
    expect(page.body).toContain('href="tel:+919876543210"');

    for (const status of ["accepted", "shipped", "delivered"]) {
      expect((await click(merchant, "way", order, status)).status).toBe(303);
      const seen = await new Visitor(shop.app).get(`/o/${id}`);
      const current = textOf(seen.body, /aria-current="step">\s*<strong>(\w+)/);
      expect(current.toLowerCase()).toBe(status);
    }
    const { body } = await merchant.get(`/admin/way/orders/${order}`);
    expect(body).not.toContain('name="to"');
    expect(await eventsOf(order)).toEqual([
      "order.placed",
      "order.accepted",
      "order.shipped",
      "order.delivered",
    ]);
    expect(await stockOf(shop, productId)).toBe(8);
    const history = await shop.db
      .selectFrom("order_history")
      .selectAll()
      .where("order_id", "=", order)
      .orderBy("at")
      .execute();
    expect(history.map(({ status, actor }) => [status, actor])).toEqual([
      ["accepted", "merchant"],
      ["shipped", "merchant"],
      ["delivered", "merchant"],
    ]);
    expect(Date.now() - history[0]!.at.getTime()).toBeLessThan(60_000);
  });

  test("of several merchants who click at once one wins, and the others are told", async () => {
    const { merchant, productId } = await openWithProduct(shop, "race");
    const order = await numberOf(await placeOrder(shop, "race", [{ productId, quantity: 3 }]));
    const path = `/admin/race/orders/${order}/status`;
    const answers = await Promise.all(
      ["accepted", "cancelled", "accepted", "cancelled", "accepted"].map(
        async (to) => await merchant.post(path, { from: "placed", to }),
      ),
    );
    expect(answers.filter(({ status }) => status === 303)).toHaveLength(1);
    const told = answers.filter(({ status }) => status === 409);
    expect(told).toHaveLength(4);
    const events = await eventsOf(order);
    expect(events).toHaveLength(2);
    const now = events[1]!.replace("order.", "");
    for (const { body } of told) expect(body).toContain(`Nothing was changed: the order is ${now} already.`);
    expect(await stockOf(shop, productId)).toBe(now === "cancelled" ? 10 : 7);
  });

  test("takes a second click of the same button for the first one", async () => {
    const { merchant, productId } = await openWithProduct(shop, "double");
    const order = await numberOf(await placeOrder(shop, "double", [{ productId, quantity: 1 }]));
    const path = `/admin/double/orders/${order}`;
    const form = hiddenFields((await merchant.get(path)).body, `${path}/status`);
    const answers = await Promise.all(
      [1, 2, 3].map(
        async () => await merchant.post(`${path}/status`, { ...form, from: "placed", to: "accepted" }),
      ),
    );
    expect(answers.map(({ status, location }) => [status, location])).toEqual(answers.map(() => [303, path]));
    expect(await eventsOf(order)).toEqual(["order.placed", "order.accepted"]);
  });

  test.each([
    ["placed", "shipped", 409],
    ["placed", "delivered", 409],
    ["delivered", "cancelled", 409],
    ["cancelled", "accepted", 409],
    ["accepted", "accepted", 409],
    ["placed", "placed", 400],
    ["placed", "lost", 400],
    ["", "accepted", 400],
  ])("does not lead from %j to %j", async (from, to, status) => {
    const slug = `no-way-${from}-${to}`.replace("--", "-");
    const { merchant, productId } = await openWithProduct(shop, slug, 5);
    const order = await numberOf(await placeOrder(shop, slug, [{ productId, quantity: 1 }]));
    const answer = await merchant.post(`/admin/${slug}/orders/${order}/status`, { from, to });
    expect(answer.status).toBe(status);
    expect(await eventsOf(order)).toEqual(["order.placed"]);
    expect(await stockOf(shop, productId)).toBe(4);
  });

  test("is not walked by the merchant of another shop", async () => {
    const { productId } = await openWithProduct(shop, "mine");
    const order = await numberOf(await placeOrder(shop, "mine", [{ productId, quantity: 1 }]));
    const { merchant: other } = await openWithProduct(shop, "theirs");
    expect((await other.get(`/admin/theirs/orders/${order}`)).status).toBe(404);
    const move = { from: "placed", to: "cancelled" };
    expect((await other.post(`/admin/theirs/orders/${order}/status`, move)).status).toBe(404);
    expect((await other.post(`/admin/mine/orders/${order}/status`, move)).status).toBe(404);
    expect((await other.get("/admin/theirs/orders")).body).not.toContain("Ravi");
    expect((await other.get(`/admin/theirs/orders.csv?q=${order}`)).body).not.toContain("Ravi");
    expect(await eventsOf(order)).toEqual(["order.placed"]);
  });
});

describe("cancelling by the buyer", () => {
  test("gives every piece back, once however often it is asked for", async () => {
    const { merchant, productId } = await openWithProduct(shop, "regret");
    const second = await addProduct(merchant, "regret", { name: "Tray", price: "10", stock: 3 });
    const id = await placeOrder(shop, "regret", [
      { productId, quantity: 4 },
      { productId: second, quantity: 3 },
    ]);
    expect([await stockOf(shop, productId), await stockOf(shop, second)]).toEqual([6, 0]);
    const buyer = new Visitor(shop.app);
    expect((await buyer.get(`/o/${id}`)).body).toContain(`action="/o/${id}/cancel"`);
    const answers = await Promise.all(
      Array.from({ length: 6 }, async () => await buyer.post(`/o/${id}/cancel`, {})),
    );
    expect(answers.map(({ status, location }) => [status, location])).toEqual(
      answers.map(() => [303, `/o/${id}`]),
    );
    expect([await stockOf(shop, productId), await stockOf(shop, second)]).toEqual([10, 3]);
    expect(await eventsOf(await numberOf(id))).toEqual(["order.placed", "order.cancelled"]);
    const { body } = await buyer.get(`/o/${id}`);
    expect(body).toContain("Cancelled");
    expect(body).not.toContain("/cancel");
    const last = await shop.db
      .selectFrom("outbox")
      .select("payload")
      .where("aggregate_type", "=", "product")
      .where("aggregate_id", "=", String(second))
      .orderBy("sequence", "desc")
      .executeTakeFirstOrThrow();
    expect(last.payload).toMatchObject({ stock: 3, version: 3 });
  });

  test("is refused with words once the shop has accepted", async () => {
    const { merchant, productId } = await openWithProduct(shop, "too-late");
    const id = await placeOrder(shop, "too-late", [{ productId, quantity: 4 }]);
    await click(merchant, "too-late", await numberOf(id), "accepted");
    const answer = await new Visitor(shop.app).post(`/o/${id}/cancel`, {});
    expect(answer.status).toBe(409);
    expect(answer.body).toContain("The shop has accepted the order already");
    expect(await stockOf(shop, productId)).toBe(6);
    expect((await new Visitor(shop.app).post(`/o/${"A".repeat(22)}/cancel`, {})).status).toBe(404);
  });

  test("is not done for a page of another site", async () => {
    const { productId } = await openWithProduct(shop, "forged");
    const id = await placeOrder(shop, "forged", [{ productId, quantity: 1 }]);
    const answer = await new Visitor(shop.app).post(
      `/o/${id}/cancel`,
      {},
      { "sec-fetch-site": "cross-site" },
    );
    expect(answer.status).toBe(403);
    expect(await stockOf(shop, productId)).toBe(9);
  });

  test("fills the stock up to its limit at most", async () => {
    const { productId } = await openWithProduct(shop, "brim");
    const id = await placeOrder(shop, "brim", [{ productId, quantity: 9 }]);
    await shop.db.updateTable("products").set({ stock: 999_995 }).where("id", "=", productId).execute();
    expect((await new Visitor(shop.app).post(`/o/${id}/cancel`, {})).status).toBe(303);
    expect(await stockOf(shop, productId)).toBe(1_000_000);
  });
});

describe("sharing on WhatsApp", () => {
  test("an order's text holds number, items, total and link, and goes to the shop's number once it has one", async () => {
    const { merchant, productId } = await openWithProduct(shop, "chat");
    const id = await placeOrder(shop, "chat", [{ productId, quantity: 2 }]);
    const order = await numberOf(id);
    const link = async () => {
      const { body } = await new Visitor(shop.app).get(`/o/${id}`);
      return new URL(textOf(body.replaceAll("&#61;", "="), /href="(https:\/\/wa\.me\/[^"]+)"/));
    };
    expect((await link()).pathname).toBe("/");
    expect((await link()).searchParams.get("text")).toBe(
      [
        `Order ${order} at Shop chat`,
        "2 × Besan laddu: ₹499",
        "Total ₹499, cash on delivery",
        `https://shop.test/o/${id}`,
      ].join("\n"),
    );
    const refused = await merchant.post("/admin/chat/whatsapp", { phone: "12345" });
    expect(refused.status).toBe(422);
    expect(refused.body).toContain('id="phone-error"');
    expect(refused.body).toContain('value="12345"');
    expect((await merchant.post("/admin/chat/whatsapp", { phone: "099887 76655" })).status).toBe(303);
    expect((await merchant.get("/admin/chat/whatsapp")).body).toContain('value="+91 99887 76655"');
    expect((await link()).pathname).toBe("/919988776655");
    expect((await merchant.post("/admin/chat/whatsapp", { phone: "099887 76655" })).status).toBe(303);
    await merchant.post("/admin/chat/whatsapp", { phone: "" });
    expect((await link()).pathname).toBe("/");
    const { rows } = await shop.pool.query<{ payload: object }>(
      `SELECT payload FROM outbox WHERE type = 'store.updated'
       AND aggregate_id = (SELECT id::text FROM stores WHERE slug = 'chat') ORDER BY sequence`,
    );
    expect(rows.map(({ payload }) => payload)).toMatchObject([
      { slug: "chat", name: "Shop chat", whatsappPhone: "+919988776655" },
      { slug: "chat", whatsappPhone: null },
    ]);
  });
});

describe("what is logged", () => {
  test("holds no order's address, no number, no name, no search, whatever happens", async () => {
    const { app } = shop;
    const { merchant } = await openShop(app, "secretive");
    const productId = await addProduct(merchant, "secretive", { name: "Ring", price: "10", stock: 5 });
    const id = await placeOrder(shop, "secretive", [{ productId, quantity: 1 }]);
    const buyer = new Visitor(app);
    const secrets = [id, "98765", "43210", "Ravi", "4th Cross", "560038"];
    const search = new URLSearchParams({ q: "98765 43210" }).toString();
    expect((await buyer.get(`/o/${id}`)).status).toBe(200);
    expect((await buyer.get(`/o/${id}?utm=Ravi`)).status).toBe(200);
    expect((await buyer.get(`/o/${id}/nothing`)).status).toBe(404);
    expect((await buyer.post(`/o/${id}/cancel`, {})).status).toBe(303);
    expect((await merchant.get(`/admin/secretive/orders?${search}`)).body).toContain("Ravi");
    expect((await merchant.get(`/admin/secretive/orders?${search}&from=Ravi`)).status).toBe(422);
    expect((await merchant.get(`/admin/secretive/orders.csv?${search}&status=Ravi`)).status).toBe(400);
    await shop.pool.query("ALTER TABLE orders RENAME TO orders_away");
    try {
      expect((await buyer.get(`/o/${id}`)).status).toBe(500);
      expect((await merchant.get(`/admin/secretive/orders?${search}`)).status).toBe(500);
    } finally {
      await shop.pool.query("ALTER TABLE orders_away RENAME TO orders");
    }
    const log = withoutIds(logOf(app).join(""));
    expect(log).toContain("/o/:order");
    expect(log).toContain("request failed");
    for (const secret of secrets) expect(log).not.toContain(secret);
  });
});
