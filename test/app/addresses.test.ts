import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { addProduct, openShop, startShop, Visitor, type Shop } from "./shop.js";

let shop: Shop;
beforeAll(async () => {
  shop = await startShop();
});
afterAll(async () => await shop.stop());

const browse = async (path: string) => await new Visitor(shop.app).get(path);

describe("a shop's new address", () => {
  test("is led to from every address under the old one, with method and form", async () => {
    const { merchant } = await openShop(shop.app, "stores");
    const id = await addProduct(merchant, "stores", { name: "Thing", price: "100", stock: 5 });
    expect((await merchant.post("/admin/stores/address", { slug: "fine-stores" })).location).toBe(
      "/admin/fine-stores",
    );
    for (const [from, to] of [
      ["/s/stores", "/s/fine-stores"],
      ["/s/stores?page=older-9", "/s/fine-stores?page=older-9"],
      [`/s/stores/p/${id}`, `/s/fine-stores/p/${id}`],
      ["/s/stores/c/any", "/s/fine-stores/c/any"],
      ["/api/v1/stores/stores/products", "/api/v1/stores/fine-stores/products"],
      ["/admin/stores/products", "/admin/fine-stores/products"],
    ]) {
      const answer = await merchant.get(from!);
      expect([answer.status, answer.location, answer.headers["cache-control"]]).toEqual([
        308,
        to,
        "no-cache",
      ]);
    }
    const posted = await merchant.post("/s/stores/cart", { product: String(id), quantity: "1" });
    expect([posted.status, posted.location]).toEqual([308, "/s/fine-stores/cart"]);
    // Who may not see the dashboard is not told where it went.
    expect((await new Visitor(shop.app).get("/admin/stores")).location).toBe("/login");
    const events = await shop.db
      .selectFrom("outbox")
      .select("payload")
      .where("type", "=", "store.moved")
      .execute();
    expect(events.map(({ payload }) => payload)).toContainEqual({
      storeId: expect.any(Number),
      slug: "fine-stores",
      formerSlug: "stores",
    });
  });

  test("leaves the old one to nobody else, but to the shop itself", async () => {
    const { merchant } = await openShop(shop.app, "first-name");
    await merchant.post("/admin/first-name/address", { slug: "second-name" });
    await merchant.post("/admin/second-name/address", { slug: "third-name" });
    expect((await browse("/s/first-name")).location).toBe("/s/third-name");
    const { merchant: other } = await openShop(shop.app, "other-name");
    const taken = await other.post("/admin/other-name/address", { slug: "first-name" });
    expect(taken.status).toBe(422);
    expect(taken.body).toContain("first-name is taken already");
    await expect(openShop(shop.app, "second-name")).rejects.toThrow(/422/);
    expect((await merchant.post("/admin/third-name/address", { slug: "first-name" })).status).toBe(303);
    expect((await browse("/s/first-name")).status).toBe(200);
    expect((await browse("/s/third-name")).location).toBe("/s/first-name");
    expect((await merchant.post("/admin/first-name/address", { slug: "NO" })).status).toBe(422);
  });

  test("leaves ten behind at most; the shop can still go back to one of them", async () => {
    const { merchant } = await openShop(shop.app, "moves-0");
    for (let n = 1; n < 10; n++) {
      const answer = await merchant.post(`/admin/moves-${n - 1}/address`, { slug: `moves-${n}` });
      expect(answer.location).toBe(`/admin/moves-${n}`);
    }
    // One more is left, and three ask at once.
    const answers = await Promise.all(
      ["a", "b", "c"].map(
        async (slug) => await merchant.post("/admin/moves-9/address", { slug: `moves-${slug}` }),
      ),
    );
    const moved = answers.filter(({ status }) => status === 303);
    expect(moved).toHaveLength(1);
    const current = moved[0]!.location!;
    const refused = await merchant.post(`${current}/address`, { slug: "moves-more" });
    expect(refused.status).toBe(422);
    expect(refused.body).toContain("Your shop has had 10 other addresses");
    expect((await browse("/s/moves-more")).status).toBe(404);
    expect((await merchant.post(`${current}/address`, { slug: "moves-3" })).location).toBe("/admin/moves-3");
    await expect(openShop(shop.app, "moves-more")).resolves.toBeDefined();
  });

  test("taken by two shops at once goes to one", async () => {
    const shops = await Promise.all(["race-a", "race-b"].map((slug) => openShop(shop.app, slug)));
    const answers = await Promise.all(
      shops.map(({ merchant }, index) =>
        merchant.post(`/admin/race-${"ab"[index]}/address`, { slug: "race-won" }),
      ),
    );
    expect(answers.map(({ status }) => status).filter((status) => status === 303)).toHaveLength(1);
  });
});
