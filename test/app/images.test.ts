import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { changeImages, deleteUnusedImages } from "../../apps/api/images/images.js";
import { S3ImageStore } from "../../apps/api/images/image-store.js";
import { animation, bomb, halves, interlaced } from "./pictures.js";
import { addProduct, openShop, startShop, textOf, Visitor, type Shop } from "./shop.js";
import { startStorage, type Storage } from "./storage.js";

let storage: Storage;
let shop: Shop;
let merchant: Visitor;
beforeAll(async () => {
  storage = await startStorage();
  shop = await startShop({ images: storage.bucket });
  ({ merchant } = await openShop(shop.app, "pictures"));
});
afterAll(async () => {
  await shop.stop();
  await storage.stop();
});

let products = 0;
async function newProduct(): Promise<{ id: number; page: string }> {
  const id = await addProduct(merchant, "pictures", { name: `Thing ${++products}`, price: "100", stock: 5 });
  return { id, page: `/admin/pictures/products/${id}` };
}

const browse = async (path: string) => await new Visitor(shop.app).get(path);
const fetchImage = async (path: string) => await shop.app.inject({ method: "GET", url: path });
const imagePaths = (body: string) => [...new Set(body.match(/\/images\/[0-9a-f]{32}\/\d+\.(?:webp|jpg)/g))];

describe("a picture", () => {
  test("is shown in several widths and formats, without anything that the camera noted", async () => {
    const { id, page } = await newProduct();
    const picture = await sharp(await halves(2000, 1000))
      .jpeg()
      // Turned: the camera was held upright.
      .withExif({ IFD0: { Copyright: "SECRET-NOTE" }, IFD3: { GPSLatitude: "18/1 31/1 0/1" } })
      .withMetadata({ orientation: 6 })
      .toBuffer();
    expect((await sharp(picture).metadata()).exif).toBeDefined();
    const answer = await merchant.upload(page, picture, { alt: "Half red, half blue" });
    expect([answer.status, answer.location]).toEqual([303, `${page}#pictures`]);

    const { body } = await browse(`/s/pictures/p/${id}`);
    expect(textOf(body, /alt="([^"]+)"/)).toBe("Half red, half blue");
    expect([textOf(body, /width="(\d+)"/), textOf(body, /height="(\d+)"/)]).toEqual(["960", "1920"]);
    expect(textOf(body, /<source type="image\/webp" srcset="([^"]+)"/)).toMatch(
      /^\/images\/\w{32}\/320\.webp 320w, \/images\/\w{32}\/640\.webp 640w, \/images\/\w{32}\/960\.webp 960w$/,
    );
    const list = (await browse("/s/pictures")).body;
    const [card = ""] = /<picture[^]*?<\/picture>/.exec(list) ?? [];
    expect(textOf(card, /srcset="([^"]+)"/)).toMatch(/^\S+\/320\.webp 320w, \S+\/640\.webp 640w$/);
    expect(textOf(card, /src="([^"]+)"/)).toMatch(/\/640\.jpg$/);
    expect((await browse(`/api/v1/stores/pictures/products/${id}`)).body).toContain(
      "https://shop.test/images/",
    );
    const paths = imagePaths(body);
    expect(paths).toHaveLength(6);
    for (const path of paths) {
      const { statusCode, headers, rawPayload } = await fetchImage(path);
      expect(statusCode).toBe(200);
      expect(headers["cache-control"]).toBe("public, max-age=31536000, immutable");
      expect(headers["content-type"]).toBe(path.endsWith("webp") ? "image/webp" : "image/jpeg");
      expect(Number(headers["content-length"])).toBe(rawPayload.length);
      const { format, width, height, exif, xmp, icc, orientation } = await sharp(rawPayload).metadata();
      expect(format).toBe(path.endsWith("webp") ? "webp" : "jpeg");
      expect(width).toBe(Number(/(\d+)\.\w+$/.exec(path)?.[1]));
      expect(height).toBe(width * 2);
      expect([exif, xmp, icc, orientation]).toEqual([undefined, undefined, undefined, undefined]);
      expect(rawPayload.includes("SECRET-NOTE")).toBe(false);
      // Turned by 90 degrees, what was on the left is on top.
      const { data, info } = await sharp(rawPayload)
        .removeAlpha()
        .raw()
        .toBuffer({ resolveWithObject: true });
      const top = [data[0]!, data[2]!];
      const bottom = [data[data.length - info.channels]!, data[data.length - info.channels + 2]!];
      expect(top[0]! > 200 && top[1]! < 60 && bottom[0]! < 60 && bottom[1]! > 200).toBe(true);
      const again = await shop.app.inject({ url: path, headers: { "if-none-match": String(headers.etag) } });
      expect([again.statusCode, again.body]).toEqual([304, ""]);
    }
    expect(storage.objects()).toHaveLength(6);
  });

  test("that is small is not enlarged; one with transparency gets a white ground as a JPEG", async () => {
    const { id, page } = await newProduct();
    const picture = await sharp({ create: { width: 100, height: 50, channels: 4, background: "#00ff0000" } })
      .png()
      .toBuffer();
    expect((await merchant.upload(page, picture)).status).toBe(303);
    const paths = imagePaths((await browse(`/s/pictures/p/${id}`)).body);
    expect(paths.map((path) => path.replace(/.*\//, "")).sort()).toEqual(["100.jpg", "100.webp"]);
    const jpeg = (await fetchImage(paths.find((path) => path.endsWith("jpg"))!)).rawPayload;
    expect((await sharp(jpeg).stats()).channels.map(({ mean }) => Math.round(mean))).toEqual([255, 255, 255]);
  });

  test("is one of several: named, put first, taken off; events carry them", async () => {
    const { id, page } = await newProduct();
    for (const [width, alt] of [
      [200, "One"],
      [300, "Two"],
    ] as const)
      await merchant.upload(page, await halves(width, 200, "webp"), { alt });
    // The same one again is no other one.
    await merchant.upload(page, await halves(200, 200, "webp"), { alt: "Again" });
    expect(await altsOf(id)).toEqual(["One", "Two"]);
    const [one, two] = await digestsOf(id);
    await merchant.post(`${page}/images/${two}`, { alt: "Number two", action: "first" });
    expect(await altsOf(id)).toEqual(["Number two", "One"]);
    await merchant.post(`${page}/images/${two}`, { alt: "", action: "save" });
    await merchant.post(`${page}/images/${one}`, { alt: "", action: "remove" });
    expect(await altsOf(id)).toEqual([""]);
    const last = await shop.db
      .selectFrom("outbox")
      .select("payload")
      .where("aggregate_id", "=", String(id))
      .orderBy("sequence", "desc")
      .executeTakeFirstOrThrow();
    expect(last.payload).toMatchObject({
      version: 6,
      images: [{ digest: two, width: 300, height: 200, widths: [300], alt: "" }],
    });
    expect((await merchant.post(`${page}/images/${one}`, { alt: "", action: "first" })).status).toBe(404);
  });

  test("is the ninth: refused", async () => {
    const { id, page } = await newProduct();
    const full = Array.from({ length: 8 }, (_, n) => ({
      digest: `${n}`.repeat(32),
      width: 1,
      height: 1,
      widths: [1],
      alt: "",
    }));
    await shop.db
      .updateTable("products")
      .set({ images: JSON.stringify(full) })
      .where("id", "=", id)
      .execute();
    expect((await merchant.get(page)).body).not.toContain('name="picture"');
    // Sent with a form from before.
    const answer = await merchant.upload((await newProduct()).page, await halves(50, 50), {}, page);
    expect(answer.status).toBe(409);
    expect(await imagesOf(id)).toEqual(full);
  });
});

async function altsOf(id: number): Promise<string[]> {
  return (await imagesOf(id)).map(({ alt }) => alt);
}

async function digestsOf(id: number): Promise<string[]> {
  return (await imagesOf(id)).map(({ digest }) => digest);
}

async function imagesOf(id: number) {
  const product = await shop.db
    .selectFrom("products")
    .select("images")
    .where("id", "=", id)
    .executeTakeFirstOrThrow();
  return product.images;
}

test("pictures that products share are locked in one order, so that changes do not block each other", async () => {
  const { id: productId } = await newProduct();
  const { storeId } = await shop.db
    .selectFrom("products")
    .select("store_id as storeId")
    .where("id", "=", productId)
    .executeTakeFirstOrThrow();
  const image = (digit: string) => ({
    digest: digit.repeat(32),
    width: 320,
    height: 320,
    widths: [320],
    alt: "",
  });
  // The later one first, also in the table.
  const [later, first] = [image("b"), image("a")];
  for (const { digest, widths } of [later, first])
    await shop.db.insertInto("images").values({ digest, widths }).execute();
  const lock = "SELECT FROM images WHERE digest = $1 FOR UPDATE NOWAIT";
  const other = await shop.pool.connect();
  await other.query("BEGIN");
  await other.query(lock, [first.digest]);
  const change = changeImages(shop.db, { storeId, productId }, () => [later, first]);
  const waiting =
    "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
  await expect.poll(async () => (await shop.pool.query(waiting)).rowCount).toBe(1);
  // What waits for the first one holds no other.
  expect((await other.query(lock, [later.digest])).rowCount).toBe(1);
  await other.query("COMMIT");
  other.release();
  expect(await change).toBe("done");
});

describe("what is no picture for a shop", () => {
  const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="50" height="50"/>');
  test.each([
    ["text", async () => Buffer.from("no picture at all"), /no JPEG, PNG or WebP picture/],
    ["an SVG drawing", async () => svg, /no JPEG, PNG or WebP picture/],
    [
      "a GIF",
      async () =>
        await sharp(await halves(40, 40))
          .gif()
          .toBuffer(),
      /no JPEG, PNG or WebP picture/,
    ],
    ["a moving WebP", animation, /This picture moves/],
    [
      "a page that says it is a JPEG",
      async () => Buffer.concat([Buffer.from([0xff, 0xd8, 0xff]), Buffer.from("<html>")]),
      /damaged/,
    ],
    ["a cut-off JPEG", async () => (await halves(600, 600)).subarray(0, 2000), /damaged/],
    ["a decompression bomb", async () => bomb(60_000, 60_000), /too many pixels/],
    ["a large progressive JPEG", interlaced, /too many pixels/],
    ["a line", async () => await halves(2000, 20), /too narrow/],
    ["nothing", async () => Buffer.alloc(0), /Choose a picture/],
  ])("%s is refused in words, and nothing of it is kept", async (_what, make, message) => {
    const { id, page } = await newProduct();
    const before = storage.objects();
    const answer = await merchant.upload(page, await make());
    expect(answer.status).toBe(422);
    expect(answer.body).toMatch(message);
    expect(await imagesOf(id)).toEqual([]);
    expect(storage.objects()).toEqual(before);
  });

  test("more than 10 MB is not read to the end", async () => {
    const { page } = await newProduct();
    const large = Buffer.concat([await halves(50, 50), Buffer.alloc(10 * 1024 * 1024)]);
    const answer = await merchant.upload(page, large);
    expect(answer.status).toBe(413);
    expect(answer.body).toContain("larger than 10 MB");
  });

  test("a form of another kind, or elsewhere, is not read", async () => {
    const { page } = await newProduct();
    const elsewhere = await shop.app.inject({
      method: "POST",
      url: "/s/pictures/cart",
      headers: { "content-type": "multipart/form-data; boundary=x", "sec-fetch-site": "same-origin" },
      payload: "--x--",
    });
    expect(elsewhere.statusCode).toBe(415);
    expect((await merchant.upload(page, await halves(50, 50), { form: "made up" })).status).toBe(403);
    expect((await merchant.upload(page, await halves(50, 50), { alt: "x".repeat(201) })).status).toBe(422);
  });
});

describe("the object storage", () => {
  test("away: pages work, pictures and uploads ask to come back; then everything is as before", async () => {
    const { id, page } = await newProduct();
    await merchant.upload(page, await halves(100, 100), { alt: "Here" });
    const [path] = imagePaths((await browse(`/s/pictures/p/${id}`)).body);
    await storage.crash();
    expect((await browse("/s/pictures")).status).toBe(200);
    expect((await browse(`/s/pictures/p/${id}`)).body).toContain('alt="Here"');
    const missing = await fetchImage(path!);
    expect([missing.statusCode, missing.headers["retry-after"], missing.headers["cache-control"]]).toEqual([
      503,
      "10",
      "private, no-store",
    ]);
    const refused = await merchant.upload(page, await halves(120, 120));
    expect([refused.status, refused.headers["retry-after"]]).toEqual([503, "10"]);
    expect(refused.body).toContain("Pictures are not available for a moment");
    expect(await altsOf(id)).toEqual(["Here"]);
    await storage.start();
    expect((await fetchImage(path!)).statusCode).toBe(200);
    expect((await merchant.upload(page, await halves(120, 120))).status).toBe(303);
  });

  test("has nothing at made-up addresses", async () => {
    for (const path of [
      "0".repeat(32) + "/320.webp",
      "0".repeat(32) + "/../x",
      "x/320.webp",
      "0".repeat(32) + "/320.gif",
    ])
      expect((await fetchImage(`/images/${path}`)).statusCode).toBe(404);
  });

  test("is cleaned of what nothing shows any more, after a day, and keeps what is shown twice", async () => {
    const store = new S3ImageStore(storage.bucket);
    const first = await newProduct();
    const second = await newProduct();
    for (const { page } of [first, second]) await merchant.upload(page, await halves(140, 140));
    await merchant.upload(first.page, await halves(160, 160));
    const [shared, own] = await digestsOf(first.id);
    for (const digest of [shared, own])
      await merchant.post(`${first.page}/images/${digest}`, { alt: "", action: "remove" });
    const files = (digest: string | undefined) =>
      storage.objects().filter((name) => name.startsWith(digest!));
    expect(await deleteUnusedImages(shop.db, store)).toBe(0);
    await shop.pool.query("UPDATE images SET touched_at = now() - interval '25 hours'");
    // Kept while it cannot be deleted.
    await storage.crash();
    await expect(deleteUnusedImages(shop.db, store)).rejects.toThrow(/does not answer/);
    await storage.start();
    expect(await deleteUnusedImages(shop.db, store)).toBeGreaterThanOrEqual(1);
    expect(files(own)).toEqual([]);
    expect(files(shared)).toHaveLength(2);
    const known = await shop.db.selectFrom("images").select("digest").execute();
    expect(known.map(({ digest }) => digest)).toContain(shared);
    expect(known.map(({ digest }) => digest)).not.toContain(own);
    // Uploaded again, it is there again.
    await merchant.upload(first.page, await halves(160, 160));
    expect(files(own)).toHaveLength(2);
    store.close();
  });
});

test("without an object storage, uploads say so and everything else works", async () => {
  const plain = await startShop();
  const owner = await openShop(plain.app, "plain");
  const id = await addProduct(owner.merchant, "plain", { name: "Thing", price: "1", stock: 1 });
  const answer = await owner.merchant.upload(`/admin/plain/products/${id}`, await halves(50, 50));
  expect(answer.status).toBe(501);
  expect(answer.body).toContain("dukaan:images");
  expect((await new Visitor(plain.app).get("/s/plain")).body).toContain('class="tile');
  await plain.stop();
});
