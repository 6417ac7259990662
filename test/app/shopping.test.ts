import type { BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { dayLasts } from "../indian-day.js";
import { openFrontedBrowser } from "./front.js";
import { openWithProduct, placeOrder, stockOf } from "./ordering.js";
import { halves } from "./pictures.js";
import { loggedCode, newPhone, PUBLIC_URL, startShop, type Shop } from "./shop.js";
import { startStorage, type Storage } from "./storage.js";

// A merchant's day and a buyer's purchase as people do them: in a browser, without JavaScript, from page to page.

let storage: Storage;
let shop: Shop;
let browser: Awaited<ReturnType<typeof openFrontedBrowser>>;

beforeAll(async () => {
  storage = await startStorage();
  shop = await startShop({ images: storage.bucket });
  browser = await openFrontedBrowser(shop.app);
});
afterAll(async () => {
  await browser?.close();
  await shop?.stop();
  await storage?.stop();
});

const visitor = async (): Promise<{ context: BrowserContext; page: Page }> => {
  const context = await browser.browser.newContext({
    javaScriptEnabled: false,
    viewport: { width: 360, height: 740 },
  });
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  return { context, page };
};

const button = async (page: Page, name: string) =>
  await page.getByRole("button", { name, exact: true }).click();
const link = async (page: Page, name: string | RegExp) =>
  await page
    .getByRole("link", { name, exact: typeof name === "string" })
    .first()
    .click();
const heading = async (page: Page, name: string | RegExp) =>
  await page.getByRole("heading", { name, level: 1 }).waitFor();
const text = async (page: Page) => await page.locator("main").innerText();

async function signIn(page: Page, phone: string): Promise<void> {
  await page.getByLabel("Mobile number").fill(phone.replace("+91", ""));
  await button(page, "Send the code");
  await heading(page, "Enter the code");
  await page.getByLabel("Code", { exact: true }).fill(loggedCode(shop.app, phone));
  await button(page, "Sign in");
}

test("a merchant's day", async () => {
  const { context, page } = await visitor();
  const phone = newPhone();
  await page.goto(PUBLIC_URL);
  await link(page, "Open your shop");
  await signIn(page, phone);
  await heading(page, "Open your shop");
  await page.getByLabel("Name of the shop").fill("आशा Sweets");
  await page.getByLabel("Address").fill("asha");
  await button(page, "Open the shop");
  await heading(page, "आशा Sweets is open");

  // Two shelves, and on one of them a product with a picture.
  await page.goto(`${PUBLIC_URL}/admin/asha/categories`);
  for (const name of ["Sweets", "Gifts"]) {
    await page.getByLabel("Name", { exact: true }).fill(name);
    await button(page, "Add the category");
    await page.getByLabel(`Name of ${name}`).waitFor();
  }
  await link(page, "All products");
  await link(page, "Add a product");
  await page.getByLabel("Name", { exact: true }).fill("Kaju katli");
  await page.getByLabel("Price in rupees", { exact: true }).fill("450");
  await page.getByLabel("Pieces in stock").fill("4");
  await page.getByLabel("Category").selectOption({ label: "Sweets" });
  await button(page, "Add the product");
  await link(page, "Kaju katli");
  await page.getByLabel("What the picture shows").fill("A tray of kaju katli");
  const picture = { name: "tray.jpg", mimeType: "image/jpeg", buffer: await halves(900, 600) };
  await page.getByLabel("Picture", { exact: true }).setInputFiles(picture);
  await button(page, "Add the picture");
  await page.getByLabel("What picture 1 shows").waitFor();

  const shelf = `${PUBLIC_URL}/s/asha/c/sweets`;
  await page.goto(shelf);
  const shown = page.getByRole("img", { name: "A tray of kaju katli" });
  await shown.waitFor();
  // Decoded by the browser, from the object storage.
  expect(
    await shown.evaluate((image) => (image as unknown as { naturalWidth: number }).naturalWidth),
  ).toBeGreaterThan(0);

  // Hidden while she is out, and back again.
  const edit = async (hidden: boolean) => {
    await page.goto(`${PUBLIC_URL}/admin/asha/products`);
    await link(page, "Kaju katli");
    await page.getByLabel("Hide from buyers").setChecked(hidden);
    await button(page, "Save");
    await heading(page, "Products");
  };
  await edit(true);
  await page.goto(shelf);
  expect(await text(page)).not.toContain("Kaju katli");
  await edit(false);

  const { id: productId } = await shop.db
    .selectFrom("products")
    .select("id")
    .where("name", "=", "Kaju katli")
    .executeTakeFirstOrThrow();
  await dayLasts(30);
  await placeOrder(shop, "asha", [{ productId, quantity: 3 }]);
  await page.goto(`${PUBLIC_URL}/admin/asha`);
  const board = await text(page);
  expect(board).toMatch(/Orders today\s+1/);
  expect(board).toMatch(/Revenue today\s+₹1,350/);
  expect(board).toMatch(/Kaju katli\s+1 left/);
  await link(page, /^Order \d+$/);
  for (const [step, status] of [
    ["Accept the order", "Accepted"],
    ["It is shipped", "Shipped"],
    ["It is delivered and paid", "Delivered"],
  ] as const) {
    await button(page, step);
    await heading(page, new RegExp(`Order \\d+ ${status}`));
  }

  await link(page, "All orders");
  const download = page.waitForEvent("download");
  await link(page, "Download these as CSV");
  const file = await (await download).createReadStream();
  const csv = Buffer.concat(await file.toArray()).toString();
  expect(csv.trim().split("\r\n")).toHaveLength(2);
  expect(csv).toContain("Ravi Kumar");

  // A second device is signed out with the first.
  const other = await visitor();
  await other.page.goto(`${PUBLIC_URL}/login`);
  await signIn(other.page, phone);
  // With one shop it is where she is led.
  await heading(other.page, "Dashboard");
  await page.goto(`${PUBLIC_URL}/stores`);
  await button(page, "Sign out on all devices");
  for (const each of [page, other.page]) {
    await each.goto(`${PUBLIC_URL}/admin/asha`);
    await heading(each, "Sign in");
  }
  await Promise.all([context.close(), other.context.close()]);
});

/** Presses Tab until what is wanted has the focus. */
async function tabTo(page: Page, what: ReturnType<Page["getByLabel"]>): Promise<void> {
  for (let tabs = 0; tabs < 60; tabs++) {
    await page.keyboard.press("Tab");
    if (await what.evaluate((element) => element.matches(":focus"))) return;
  }
  throw new Error(`The Tab key does not reach ${String(what)}`);
}

test("a buyer's purchase with nothing but a keyboard, and another that is cancelled", async () => {
  const { productId } = await openWithProduct(shop, "keys", 10);
  const { context, page } = await visitor();
  const press = async (role: "button" | "link" | "textbox", name: string | RegExp) => {
    await tabTo(page, page.getByRole(role, { name }).first());
    await page.keyboard.press("Enter");
    await page.waitForLoadState();
  };

  /** From the shop's page to the order's; returns the order's address. */
  const buy = async (): Promise<string> => {
    await page.goto(`${PUBLIC_URL}/s/keys`);
    // The first thing that the Tab key reaches leads past the header.
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    expect(page.url()).toBe(`${PUBLIC_URL}/s/keys#main`);
    await press("link", "Besan laddu");
    await heading(page, "Besan laddu");
    await tabTo(page, page.getByLabel("Quantity"));
    await page.keyboard.press("ArrowUp");
    await page.keyboard.press("Enter");
    await heading(page, "Your cart");
    expect(await text(page)).toMatch(/Total\s+₹499/);
    await press("link", "Go to checkout");
    await heading(page, "Checkout");
    for (const [label, entered] of [
      ["Your name", "Ravi Kumar"],
      ["Mobile number", "98765 43210"],
      ["House, street and area", "12, 4th Cross"],
      ["Town or city", "Bengaluru"],
      ["PIN code", "560 038"],
    ] as const) {
      await tabTo(page, page.getByLabel(label));
      await page.keyboard.type(entered);
    }
    await press("button", "Place the order for ₹499");
    await heading(page, "Thank you, Ravi Kumar");
    return page.url();
  };

  const first = await buy();
  expect(await stockOf(shop, productId)).toBe(8);
  const second = await buy();
  expect(second).not.toBe(first);
  expect(await stockOf(shop, productId)).toBe(6);

  await tabTo(page, page.locator("summary"));
  await page.keyboard.press("Enter");
  await press("button", "Cancel the order");
  await heading(page, /^Your order \d+$/);
  expect(await text(page)).toContain("Cancelled");
  expect(await stockOf(shop, productId)).toBe(8);

  await page.goto(first);
  expect(await text(page)).toMatch(/Placed[\s\S]+Accepted: not yet[\s\S]+Delivered: not yet/);
  await context.close();
});
