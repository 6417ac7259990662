import { request } from "node:http";
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { Encoder } from "../../apps/api/images/encoder.js";
import { ImageStoreError, S3ImageStore } from "../../apps/api/images/image-store.js";
import { deleteUnusedImages } from "../../apps/api/images/images.js";
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
  let refused = 0;
  // However late some of them come: no picture is done, which would make room, before the others have asked.
  const encoder = new Encoder();
  const encode = encoder.encode.bind(encoder);
  const encoding = vi.spyOn(Encoder.prototype, "encode").mockImplementation(async (content) => {
    await vi.waitUntil(() => refused >= 3, { timeout: 30_000 });
    return await encode(content);
  });
  onTestFinished(() => encoding.mockRestore());
  const answers = await Promise.all(
    pages.map(async (page) => {
      const answer = await merchant.upload(page, picture);
      if (answer.status === 503) refused++;
      return answer;
    }),
  );
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

test("are limited by merchant, before they are read", async () => {
  const page = await newPage();
  const picture = await halves(60, 60);
  expect((await merchant.upload(page, picture)).status).toBe(303);
  const others = await openShop(shop.app, "other-uploads");
  // As after 120 of them at once.
  await shop.pool.query("UPDATE rate_limits SET free_at = now() + interval '20 minutes'");
  const refused = await merchant.upload(page, picture);
  expect([refused.status, refused.headers["retry-after"]]).toEqual([429, "10"]);
  expect(refused.body).toContain("Please wait 10 seconds");
  const id = await addProduct(others.merchant, "other-uploads", { name: "Thing", price: "1", stock: 1 });
  expect((await others.merchant.upload(`/admin/other-uploads/products/${id}`, picture)).status).toBe(303);
  await shop.pool.query("UPDATE rate_limits SET free_at = free_at - interval '10 seconds'");
  expect((await merchant.upload(page, picture)).status).toBe(303);
});

/** A bucket that cannot delete one picture, as when an object of it is under a lock. */
class StubbornStore extends S3ImageStore {
  constructor(readonly stubborn: string) {
    super(storage.bucket);
  }
  override async delete(digest: string, names: readonly string[]): Promise<void> {
    if (digest === this.stubborn) throw new ImageStoreError("it is under a lock");
    await super.delete(digest, names);
  }
}

test("unused pictures are deleted until none is left; one that cannot be deleted keeps no other", async () => {
  const oldest = "0".repeat(32);
  await shop.pool.query(
    `INSERT INTO images (digest, widths, touched_at)
     SELECT lpad(n::text, 32, '0'), '{320}', now() - interval '3 days' + n * interval '1 minute' FROM generate_series(0, 60) AS n`,
  );
  const unused = async () =>
    (await shop.db.selectFrom("images").select("digest").where("digest", "like", "0000000%").execute()).map(
      ({ digest }) => digest,
    );
  const store = new StubbornStore(oldest);
  await expect(deleteUnusedImages(shop.db, store)).rejects.toThrow("it is under a lock");
  expect(await unused()).toEqual([oldest]);
  expect(await deleteUnusedImages(shop.db, new S3ImageStore(storage.bucket))).toBe(1);
  expect(await unused()).toEqual([]);
  store.close();
});
