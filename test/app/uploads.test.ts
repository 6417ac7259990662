import { request } from "node:http";
import { afterAll, beforeAll, expect, test } from "vitest";
import { halves } from "./pictures.js";
import { addProduct, openShop, startShop, type Shop, type Visitor } from "./shop.js";
import { startStorage, type Storage } from "./storage.js";

let storage: Storage;
let shop: Shop;
let merchant: Visitor;
beforeAll(async () => {
  storage = await startStorage();
  shop = await startShop({ images: storage.bucket });
  ({ merchant } = await openShop(shop.app, "uploads"));
});
afterAll(async () => {
  await shop.stop();
  await storage.stop();
});

let products = 0;
async function newPage(): Promise<string> {
  const name = `Thing ${++products}`;
  return `/admin/uploads/products/${await addProduct(merchant, "uploads", { name, price: "100", stock: 5 })}`;
}

test("pictures are re-encoded one at a time, two waiting; who comes then is asked to come back", async () => {
  const pages = await Promise.all(Array.from({ length: 6 }, newPage));
  const picture = await halves(1500, 1500);
  const answers = await Promise.all(pages.map((page) => merchant.upload(page, picture)));
  expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([
    303, 303, 303, 503, 503, 503,
  ]);
  expect(answers.find(({ status }) => status === 503)?.headers["retry-after"]).toBe("10");
  expect((await merchant.upload(pages[0]!, picture)).status).toBe(303);
});

test("uploads that are being read take places too: others are refused unread, and who breaks off makes room", async () => {
  const page = await newPage();
  const address = await shop.app.listen({ host: "127.0.0.1", port: 0 });
  const cookie = merchant.cookies.map(({ name, value }) => `${name}=${value}`).join("; ");
  const refused: unknown[] = [];
  const uploads = Array.from({ length: 15 }, () => {
    const upload = request(`${address}${page}/images`, {
      method: "POST",
      agent: false,
      headers: {
        cookie,
        "sec-fetch-site": "same-origin",
        "content-type": "multipart/form-data; boundary=x",
        "content-length": 9_000_000,
      },
    });
    upload.on("error", () => undefined);
    upload.on("response", (response) => {
      refused.push([response.statusCode, response.headers["retry-after"]]);
      response.resume();
    });
    // And nothing more.
    upload.write("--x\r\n");
    return upload;
  });
  await expect.poll(() => refused.length).toBeGreaterThanOrEqual(12);
  const picture = await halves(60, 60);
  expect((await merchant.upload(page, picture)).status).toBe(503);
  expect(refused).toEqual(Array.from({ length: 12 }, () => [503, "10"]));
  for (const upload of uploads) upload.destroy();
  await expect.poll(async () => (await merchant.upload(page, picture)).status).toBe(303);
});
