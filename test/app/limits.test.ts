import { once } from "node:events";
import { randomUUID } from "node:crypto";
import { get, type IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { addManyOrders } from "./many-orders.js";
import { BUYER, openWithProduct, sendOrder, stockOf } from "./ordering.js";
import { newAddress, newPhone, openShop, startShop, Visitor, type Shop } from "./shop.js";

// What one visitor may take from the others.

let shop: Shop;
beforeAll(async () => {
  shop = await startShop();
});
afterAll(async () => await shop?.stop());

describe("orders that nobody means", () => {
  const REFUSAL = "Too many orders came from this phone number or internet connection.";

  test("stop at ten from one number in one shop; what was placed is answered again, others are served", async () => {
    const { productId } = await openWithProduct(shop, "prank", 100);
    const other = await openWithProduct(shop, "prank-next-door", 100);
    const lines = [{ productId, quantity: 1 }];
    const keys = Array.from({ length: 12 }, () => randomUUID());
    const answers = await Promise.all(keys.map(async (key) => await sendOrder(shop, "prank", lines, key)));
    expect(answers.filter(({ statusCode }) => statusCode === 201)).toHaveLength(10);
    const refused = answers.filter(({ statusCode }) => statusCode === 429);
    expect(refused).toHaveLength(2);
    expect(refused[0]!.headers["retry-after"]).toBe("600");
    expect(refused[0]!.json()).toMatchObject({ error: { code: "too-many-orders" } });
    expect(await stockOf(shop, productId)).toBe(90);

    const buyer = new Visitor(shop.app);
    await buyer.post("/s/prank/cart", { product: String(productId), quantity: "1" });
    const { name, phone, address } = BUYER;
    const form = { name, phone, ...address };
    const page = await buyer.submit("/s/prank/checkout", "/s/prank/checkout", form);
    expect([page.status, page.headers["retry-after"]]).toEqual([429, "600"]);
    expect(page.body).toContain(REFUSAL);
    expect(page.body).toContain(`value="${name}"`);

    const placed = keys[answers.findIndex(({ statusCode }) => statusCode === 201)]!;
    expect((await sendOrder(shop, "prank", lines, placed)).statusCode).toBe(200);
    expect((await sendOrder(shop, "prank", lines, randomUUID(), newPhone())).statusCode).toBe(201);
    const elsewhere = [{ productId: other.productId, quantity: 1 }];
    expect((await sendOrder(shop, "prank-next-door", elsewhere)).statusCode).toBe(201);
  });

  test("stop at two hundred from one address in one shop, and go on one every half minute", async () => {
    const { productId } = await openWithProduct(shop, "flood", 100);
    const lines = [{ productId, quantity: 1 }];
    const from = newAddress();
    const order = async (address: Record<string, string>, quantity = 1) => {
      const some = [{ productId, quantity }];
      return (await sendOrder(shop, "flood", some, randomUUID(), newPhone(), address)).statusCode;
    };
    await shop.pool.query("DELETE FROM rate_limits");
    expect(await order(from)).toBe(201);
    // As after 200 orders at once. Of the number as well, which does not order again.
    await shop.pool.query("UPDATE rate_limits SET free_at = now() + 200 * interval '30 seconds'");
    const phone = newPhone();
    const refused = await sendOrder(shop, "flood", lines, randomUUID(), phone, from);
    expect([refused.statusCode, refused.headers["retry-after"]]).toEqual([429, "30"]);
    expect(await order(newAddress())).toBe(201);
    await shop.pool.query("UPDATE rate_limits SET free_at = free_at - interval '30 seconds'");
    // What is not placed does not count.
    expect(await order(from, 99)).toBe(409);
    expect([await order(from), await order(from)]).toEqual([201, 429]);
    expect(await stockOf(shop, productId)).toBe(97);
  });
});

// As behind nginx: TCP would take in megabytes before it holds the writer up.
const socketPath = join(tmpdir(), `dukaan-limits-${process.pid}.sock`);

/** Starts a download that nobody reads. */
async function download(path: string, visitor: Visitor): Promise<IncomingMessage> {
  if (!shop.app.server.listening) await shop.app.listen({ path: socketPath });
  const cookie = `__Host-session=${visitor.cookie("__Host-session")}`;
  const [answer] = await once(get({ socketPath, path, headers: { cookie } }), "response");
  return answer as IncomingMessage;
}

test("a download is one of two of a merchant and four of all at a time; who goes away makes room", async () => {
  const { merchant, productId } = await openWithProduct(shop, "big");
  const { id: storeId } = await shop.db
    .selectFrom("stores")
    .select("id")
    .where("slug", "=", "big")
    .executeTakeFirstOrThrow();
  await addManyOrders(shop, storeId, productId);
  const others = await Promise.all(["a", "b"].map(async (slug) => await openShop(shop.app, `lists-${slug}`)));
  const [first, second] = others.map((other) => other.merchant) as [Visitor, Visitor];
  const statusOf = async (visitor: Visitor, slug: string) => {
    const { status, headers } = await visitor.get(`/admin/${slug}/orders.csv`);
    return [status, headers["retry-after"]];
  };
  const big = "/admin/big/orders.csv";
  // A HEAD makes no list: nobody would read it, and so nobody would hold it up.
  expect((await merchant.get(big, {}, "HEAD")).status).toBe(404);
  const open = [await download(big, merchant), await download(big, merchant)];
  expect(await statusOf(merchant, "big")).toEqual([429, "30"]);
  expect(await statusOf(first, "lists-a")).toEqual([200, undefined]);
  // The shop goes to somebody else, so that there is another merchant with as many orders.
  await shop.pool.query(
    `UPDATE stores SET merchant_id = (SELECT merchant_id FROM stores WHERE slug = 'lists-a') WHERE slug = 'big'`,
  );
  open.push(await download(big, first), await download(big, first));
  expect(open.map(({ statusCode }) => statusCode)).toEqual([200, 200, 200, 200]);
  expect(await statusOf(second, "lists-b")).toEqual([503, "30"]);
  for (const answer of open) answer.destroy();
  await expect.poll(async () => await statusOf(second, "lists-b")).toEqual([200, undefined]);
  // Neither does one that was read to its end keep its place.
  for (let time = 0; time < 5; time++) expect(await statusOf(second, "lists-b")).toEqual([200, undefined]);
});
