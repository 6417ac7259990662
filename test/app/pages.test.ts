import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openFrontedBrowser } from "./front.js";
import { findProblems, PAGE_BYTES, watch } from "./page-checks.js";
import { withRoutes, type Route } from "./route-list.js";
import { openSampleShop, type SampleShop } from "./sample-shop.js";
import { newPhone, openShop, PUBLIC_URL, startShop, Visitor, type Shop } from "./shop.js";
import { startStorage, type Storage } from "./storage.js";

// Every page there is, in a browser. The pages are the routes that Fastify knows: a new one fails here until it is
// listed, and is then held to all that the others are.

/** GET routes that answer no page. */
const NO_PAGES = [
  "/livez",
  "/readyz",
  "/metrics",
  "/assets/:digest/:name",
  "/admin/:slug/orders.csv",
  "/images/:digest/:file",
];

type Who = "anybody" | "buyer" | "merchant";

/** Pages by route: who opens them, and an address of each. */
const PAGES: Readonly<Record<string, readonly [Who, (ids: SampleShop["ids"]) => string]>> = {
  "/": ["anybody", () => "/"],
  "/s/:slug": ["anybody", ({ slug }) => `/s/${slug}`],
  "/s/:slug/c/:category": ["anybody", ({ slug, category }) => `/s/${slug}/c/${encodeURIComponent(category)}`],
  "/s/:slug/p/:product": ["anybody", ({ slug, product }) => `/s/${slug}/p/${product}`],
  "/s/:slug/cart": ["buyer", ({ slug }) => `/s/${slug}/cart`],
  "/s/:slug/checkout": ["buyer", ({ slug }) => `/s/${slug}/checkout`],
  "/o/:order": ["buyer", ({ publicId }) => `/o/${publicId}`],
  "/login": ["anybody", () => "/login"],
  "/login/code": ["anybody", () => "/login/code"],
  "/stores": ["merchant", () => "/stores"],
  "/admin/:slug": ["merchant", ({ slug }) => `/admin/${slug}`],
  "/admin/:slug/opened": ["merchant", ({ slug }) => `/admin/${slug}/opened`],
  "/admin/:slug/address": ["merchant", ({ slug }) => `/admin/${slug}/address`],
  "/admin/:slug/whatsapp": ["merchant", ({ slug }) => `/admin/${slug}/whatsapp`],
  "/admin/:slug/products": ["merchant", ({ slug }) => `/admin/${slug}/products`],
  "/admin/:slug/products/new": ["merchant", ({ slug }) => `/admin/${slug}/products/new`],
  "/admin/:slug/products/:product": ["merchant", ({ slug, product }) => `/admin/${slug}/products/${product}`],
  "/admin/:slug/categories": ["merchant", ({ slug }) => `/admin/${slug}/categories`],
  "/admin/:slug/orders": ["merchant", ({ slug }) => `/admin/${slug}/orders`],
  "/admin/:slug/orders/:order": ["merchant", ({ slug, order }) => `/admin/${slug}/orders/${order}`],
};

/** A folder for pictures of all pages, to be looked at. */
const screenshots = process.env["DUKAAN_SCREENSHOTS"];

let storage: Storage;
let shop: Shop;
let routes: Route[];
let sample: SampleShop;
let browser: Awaited<ReturnType<typeof openFrontedBrowser>>;
/** Scripts run in it, for the sake of axe-core; it keeps nothing, so that every page is a first visit. */
let page: Page;
let seen: ReturnType<typeof watch>;

beforeAll(async () => {
  storage = await startStorage();
  ({ result: shop, routes } = await withRoutes(async () => await startShop({ images: storage.bucket })));
  sample = await openSampleShop(shop);
  await openShop(shop.app, "bare");
  browser = await openFrontedBrowser(shop.app);
  page = await browser.browser.newPage();
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("Network.enable");
  await devtools.send("Network.setCacheDisabled", { cacheDisabled: true });
  seen = watch(page);
  if (screenshots) mkdirSync(screenshots, { recursive: true });
});
afterAll(async () => {
  await browser?.close();
  await shop?.stop();
  await storage?.stop();
});

/** Goes on as another visitor. */
async function become(who: Who): Promise<void> {
  const context = page.context();
  await context.clearCookies();
  if (who === "anybody") return;
  const domain = new URL(PUBLIC_URL).hostname;
  await context.addCookies(
    sample[who].cookies.map((cookie) => ({ ...cookie, domain, secure: true, httpOnly: true })),
  );
}

/** Opens a page as the first one of a visit; what is wrong with it, in words, and its status. */
async function examine(who: Who, path: string): Promise<{ status: number; problems: string[] }> {
  await become(who);
  seen.reset();
  const response = await page.goto(`${PUBLIC_URL}${path}`);
  const status = response!.status();
  const bytes = await seen.bytes();

  const problems = [
    ...(page.url() === `${PUBLIC_URL}${path}` ? [] : [`led to ${page.url()}`]),
    ...(bytes <= PAGE_BYTES ? [] : [`${bytes} bytes`]),
    ...(await findProblems(page, await response!.text(), picture(path))),
    ...seen.complaints(status),
  ];
  return { status, problems };
}

/** Where the pictures of a page go. */
const picture = (path: string) =>
  screenshots && join(screenshots, path.slice(1).replaceAll(/\W+/g, "-") || "home");

test("every route that answers a page is known", () => {
  const gets = routes.filter(({ method }) => method === "GET").map(({ url }) => url);
  const known = [...Object.keys(PAGES), ...NO_PAGES];
  expect(gets.filter((url) => !url.startsWith("/api/")).toSorted()).toEqual(known.toSorted());
});

// Entering the code is a page only for who has asked for one; it is among the forms below.
const opened = Object.entries(PAGES).filter(([route]) => route !== "/login/code");

test.each(opened)("%s", async (_route, [who, path]) => {
  expect(await examine(who, path(sample.ids))).toEqual({ status: 200, problems: [] });
});

/** What is the same for everybody. */
const PUBLIC = new Set(["/", "/s/:slug", "/s/:slug/c/:category", "/s/:slug/p/:product"]);

test.each(opened.filter(([route]) => PUBLIC.has(route)))(
  "%s is kept by caches, which ask before each use",
  async (_route, [, path]) => {
    const { status, headers } = await new Visitor(shop.app).get(path(sample.ids));
    expect([status, headers["cache-control"]]).toEqual([200, "public, max-age=0, must-revalidate"]);
    expect(headers["set-cookie"]).toBeUndefined();
    // As a browser that is signed in, after nginx has compressed the page.
    const known = { "if-none-match": `W/${String(headers.etag)}` };
    const again = await sample.merchant.get(path(sample.ids), known);
    expect([again.status, again.body, again.headers.etag]).toEqual([304, "", headers.etag]);
  },
);

test.each(opened.filter(([route]) => !PUBLIC.has(route)))(
  "%s is kept by no cache",
  async (_route, [who, path]) => {
    const visitor = who === "anybody" ? new Visitor(shop.app) : sample[who];
    const { status, headers } = await visitor.get(path(sample.ids));
    expect([status, headers["cache-control"], headers.etag]).toEqual([200, "private, no-store", undefined]);
  },
);

test.each<[string, Who, string, number]>([
  ["a shop without products", "anybody", "/s/bare", 200],
  ["an empty cart", "anybody", "/s/bare/cart", 200],
  ["a search without results", "merchant", "/admin/mithai/orders?q=Nobody", 200],
  ["a filter that is wrong", "merchant", "/admin/mithai/orders?from=2026-02-30", 422],
  ["an address that leads nowhere", "anybody", "/nowhere", 404],
  ["a query that is wrong", "anybody", "/s/mithai?page=x", 400],
])("%s", async (_what, who, path, status) => {
  expect(await examine(who, path)).toEqual({ status, problems: [] });
});

/** Forms by their page: what is entered that the server refuses, and which fields it must then name. */
const FORMS: readonly [who: Who, path: string, entered: Record<string, string>, wrong: string[]][] = [
  ["anybody", "/login", { phone: "12345" }, ["phone"]],
  [
    "buyer",
    "/s/mithai/checkout",
    { name: " ", phone: "12345", street: " ", landmark: "", city: " ", pin: "0" },
    ["name", "phone", "street", "city", "pin"],
  ],
  ["merchant", "/stores", { name: " ", slug: "Not an address" }, ["name", "slug"]],
  ["merchant", "/admin/mithai/address", { slug: "Not an address" }, ["slug"]],
  ["merchant", "/admin/mithai/whatsapp", { phone: "12345" }, ["phone"]],
  ["merchant", "/admin/mithai/categories", { name: " ", position: "1" }, ["name"]],
  [
    "merchant",
    "/admin/mithai/products/new",
    { name: " ", price: "much", compareAt: "more", stock: "1" },
    ["name", "price", "compareAt"],
  ],
];

test.each(FORMS)("to %s, %s says what is wrong with which field", async (who, path, entered, wrong) => {
  await become(who);
  await page.goto(`${PUBLIC_URL}${path}`);
  await refused(entered, wrong);
  expect.soft(await findProblems(page, await page.content(), picture(`${path}-wrong`))).toEqual([]);
});

test("a wrong code is told at its field", async () => {
  await become("anybody");
  await page.goto(`${PUBLIC_URL}/login`);
  await page.getByLabel("Mobile number").fill(newPhone().replace("+91", ""));
  await page.getByLabel("Mobile number").press("Enter");
  await page.getByRole("heading", { name: "Enter the code" }).waitFor();
  expect.soft(await findProblems(page, await page.content(), picture("/code"))).toEqual([]);
  await refused({ code: "no code" }, ["code"]);
  expect.soft(await findProblems(page, await page.content(), picture("/code-wrong"))).toEqual([]);
});

/** Sends the form with these fields and expects it back with exactly the wrong ones marked, and the rest as entered. */
async function refused(entered: Record<string, string>, wrong: string[]): Promise<void> {
  const form = page.locator("main form", { has: page.locator(`#${Object.keys(entered)[0]}`) });
  for (const [name, value] of Object.entries(entered)) await form.locator(`#${name}`).fill(value);
  const answer = page.waitForResponse((response) => response.request().method() === "POST");
  await form.locator("button").click();
  expect((await answer).status()).toBe(422);
  await page.waitForLoadState();
  const marked = page.locator("[aria-invalid=true]");
  expect(await marked.evaluateAll((fields) => fields.map(({ id }) => id))).toEqual(wrong);
  // Above the form it is said that it came back, with links to the fields.
  const links = await page
    .locator("[role=alert] a")
    .evaluateAll((all) => all.map((each) => each.getAttribute("href")));
  expect(links).toEqual(wrong.map((id) => `#${id}`));
}
