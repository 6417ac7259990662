import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { withRoutes, type Route } from "./route-list.js";
import { addProduct, hiddenFields, openShop, startShop, Visitor, type Shop } from "./shop.js";

// Who may reach a merchant's routes. They are taken from Fastify itself: whatever is not public by this list is a
// merchant's, so a new route is tried here without being named.
const PUBLIC = [/^\/$/, /^\/(login|login\/code|livez|readyz|metrics)$/, /^\/(assets|images|s|o|api\/v1)\//];

let routes: Route[];
let shop: Shop;
let owner: Visitor;
let stranger: Visitor;
/** What the owner has, by the names that routes give it in their addresses. */
let ids: Record<string, number>;

beforeAll(async () => {
  ({ result: shop, routes } = await withRoutes(startShop));
  ({ merchant: owner } = await openShop(shop.app, "mine"));
  const product = await addProduct(owner, "mine", { name: "Safe", price: "10", stock: 5 });
  await owner.post("/admin/mine/categories", { name: "Shelf", position: "0" });
  const { id: category } = await shop.db.selectFrom("categories").select("id").executeTakeFirstOrThrow();
  ids = { product, category, order: await placeOrder(product) };
  ({ merchant: stranger } = await openShop(shop.app, "yours"));
});
afterAll(async () => await shop.stop());

const merchantRoutes = (): Route[] => routes.filter(({ url }) => !PUBLIC.some((path) => path.test(url)));
const changes = ({ method }: Route): boolean => method !== "GET" && method !== "HEAD";

/** Everything that any of the routes reads, valid for each of them. */
const FORM = {
  name: "Stolen",
  slug: "stolen",
  price: "1",
  stock: "1",
  stockBefore: "1",
  position: "0",
  from: "placed",
  to: "cancelled",
  phone: "9876543210",
  alt: "",
  action: "remove",
};

/** A route's address in a shop, with the ids of what the owner has. */
const address = ({ url }: Route, slug: string): string =>
  url.replace(":slug", slug).replace(/:(\w+)/g, (_parameter, name: string) => String(ids[name] ?? 1));

/** Orders a piece of a product from the owner's shop and returns the order's number. */
async function placeOrder(productId: number): Promise<number> {
  const answer = await shop.app.inject({
    method: "POST",
    url: "/api/v1/stores/mine/orders",
    headers: { "idempotency-key": "0123456789abcdef" },
    payload: {
      buyer: {
        name: "Ravi",
        phone: "9876543210",
        address: { street: "12 MG Road", city: "Pune", pin: "411001" },
      },
      lines: [{ productId, quantity: 1 }],
    },
  });
  expect(answer.statusCode, answer.body).toBe(201);
  const { id } = await shop.db.selectFrom("orders").select("id").executeTakeFirstOrThrow();
  return id;
}

async function send(
  visitor: Visitor,
  route: Route,
  path: string,
  form: Record<string, string> = { form: "" },
) {
  const { method } = route;
  if (method === "GET" || method === "HEAD") return await visitor.get(path, {}, method);
  return await visitor.post(path, { ...FORM, ...form }, {}, method);
}

/** Everything that is in the database, but for what signing in and looking at pages leaves there. */
async function everything(): Promise<string> {
  const { rows } = await shop.pool.query<{ name: string }>(
    `SELECT table_name AS name FROM information_schema.tables
     WHERE table_schema = 'public' AND table_name NOT IN ('rate_limits') ORDER BY 1`,
  );
  const content = await Promise.all(
    rows.map(async ({ name }) => await shop.pool.query(`SELECT * FROM ${name} AS t ORDER BY t::text`)),
  );
  return JSON.stringify(content.map((table) => table.rows));
}

const formField = async (visitor: Visitor) =>
  hiddenFields((await visitor.get("/stores")).body, "/logout/everywhere");

test("there are merchant's routes, and the known ones are among them", () => {
  const found = merchantRoutes().map(({ method, url }) => `${method} ${url}`);
  expect(found).toEqual(
    expect.arrayContaining([
      "GET /stores",
      "POST /stores",
      "POST /logout",
      "POST /logout/everywhere",
      "GET /admin/:slug",
      "POST /admin/:slug/products",
      "POST /admin/:slug/products/:product",
    ]),
  );
});

test("without a session every one leads to the sign-in page and changes nothing", async () => {
  const before = await everything();
  for (const route of merchantRoutes()) {
    const answer = await send(new Visitor(shop.app), route, address(route, "mine"));
    expect.soft({ ...route, status: answer.status, location: answer.location }).toEqual({
      ...route,
      status: 303,
      location: "/login",
    });
  }
  expect(await everything()).toBe(before);
});

test("another merchant's shop does not exist for a merchant", async () => {
  const before = await everything();
  const form = await formField(stranger);
  for (const route of merchantRoutes().filter(({ url }) => url.includes(":slug"))) {
    const answer = await send(stranger, route, address(route, "mine"), form);
    expect.soft({ ...route, status: answer.status }).toEqual({ ...route, status: 404 });
  }
  expect(await everything()).toBe(before);
});

test("nor does what another merchant has, below one's own shop", async () => {
  const before = await everything();
  const deep = merchantRoutes().filter(({ url }) => /:slug\/.*:/.test(url));
  expect(deep.length).toBeGreaterThan(0);
  for (const route of deep) {
    const answer = await send(stranger, route, address(route, "yours"), await formField(stranger));
    expect.soft({ ...route, status: answer.status }).toEqual({ ...route, status: 404 });
  }
  expect(await everything()).toBe(before);
  expect((await stranger.get("/stores")).body).not.toContain("mine");
});

describe("a form", () => {
  test.each(["missing", "another session's", "made up", "cut off"])(
    "whose key is %s changes nothing on any route",
    async (kind) => {
      const own = await formField(owner);
      const field = own["form"]!;
      const forms: Record<string, Record<string, string>> = {
        missing: { form: "" },
        "another session's": await formField(stranger),
        "made up": { form: `${"A".repeat(22)}.${"A".repeat(43)}` },
        "cut off": { form: field.slice(0, -1) },
      };
      const before = await everything();
      const writing = merchantRoutes().filter(changes);
      expect(writing.length).toBeGreaterThan(3);
      for (const route of writing) {
        const answer = await send(owner, route, address(route, "mine"), forms[kind]);
        expect.soft({ ...route, status: answer.status }).toEqual({ ...route, status: 403 });
        expect.soft(answer.body).toContain("This form is not valid any more");
      }
      expect(await everything()).toBe(before);
    },
  );

  test.each([
    [{ "sec-fetch-site": "cross-site" }, 403],
    [{ "sec-fetch-site": "same-site" }, 403],
    [{ "sec-fetch-site": "none" }, 303],
    [{ "sec-fetch-site": "same-origin" }, 303],
  ])("sent with %j is answered %i", async (headers, status) => {
    const { merchant } = await openShop(shop.app, `site-${Math.random().toString(36).slice(2)}`);
    const answer = await merchant.post("/logout", await formField(merchant), headers);
    expect(answer.status).toBe(status);
  });

  test.each([
    ["https://evil.test", 403],
    ["null", 403],
    ["https://shop.test", 422],
  ])("from the origin %s and without Sec-Fetch-Site is answered %i", async (origin, status) => {
    const response = await shop.app.inject({
      method: "POST",
      url: "/login",
      headers: { origin, host: "shop.test", "content-type": "application/x-www-form-urlencoded" },
      payload: "phone=1",
    });
    expect(response.statusCode).toBe(status);
  });
});

test("every page forbids scripts and inline styles, and has none", async () => {
  const pages = routes.filter(({ method }) => method === "GET").map((route) => address(route, "mine"));
  for (const path of pages) {
    const { headers, body } = await owner.get(path);
    expect.soft(headers["content-security-policy"], path).toMatch(/^default-src 'none';style-src 'self';/);
    expect.soft(headers["content-security-policy"], path).not.toMatch(/unsafe|script-src/);
    expect.soft(body, path).not.toMatch(/<script|<style|\sstyle=|\son\w+=/);
  }
});
