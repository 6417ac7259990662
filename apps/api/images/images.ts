import { sql } from "kysely";
import { SNAPSHOT_COLUMNS, type ProductImage } from "../catalogue/snapshot.js";
import type { Database } from "../database/database.js";
import { recordEvents } from "../outbox.js";
import type { EncodedPicture } from "./encoder.js";
import { ImageStoreError, type ImageStore } from "./image-store.js";
import { fileNames } from "./picture.js";

export const ALT_MAX = 200;
export const IMAGES_MAX = 8;
/** Pictures that may fail in one run of {@link deleteUnusedImages} before it gives up: then it is not about a picture. */
const FAILURES_MAX = 10;

/** A product of a store. */
export interface ProductKey {
  storeId: number;
  productId: number;
}

/**
 * Keeps a picture and shows it with a product, behind those it has. The database knows of it before the bucket does, so
 * that what an interrupted upload leaves behind is found again.
 * @returns `too-many` when the product has {@link IMAGES_MAX}; `no-product` when the store has no such product
 */
export async function addImage(
  db: Database,
  store: ImageStore,
  product: ProductKey,
  { digest, width, height, widths, files }: EncodedPicture,
  alt: string,
): Promise<"done" | "too-many" | "no-product"> {
  await db
    .insertInto("images")
    .values({ digest, widths })
    .onConflict((conflict) => conflict.column("digest").doUpdateSet({ touched_at: sql<Date>`now()` }))
    .execute();
  await store.put(digest, files);
  return await changeImages(db, product, (images) => {
    // Sent twice: it is there.
    if (images.some((image) => image.digest === digest)) return images;
    return images.length >= IMAGES_MAX ? "too-many" : [...images, { digest, width, height, widths, alt }];
  });
}

/**
 * Changes which pictures a product shows, in which order and with which words. Those that it no longer shows are deleted
 * from the bucket later, by {@link deleteUnusedImages}.
 */
export async function changeImages<Refusal extends string = never>(
  db: Database,
  { storeId, productId }: ProductKey,
  change: (images: ProductImage[]) => ProductImage[] | Refusal,
): Promise<"done" | Refusal | "no-product"> {
  return await db.transaction().execute(async (transaction) => {
    const product = await transaction
      .selectFrom("products")
      .select("images")
      .where("store_id", "=", storeId)
      .where("id", "=", productId)
      .forNoKeyUpdate()
      .executeTakeFirst();
    if (!product) return "no-product";
    const images = change(product.images);
    if (typeof images === "string") return images;
    if (images === product.images) return "done";
    const digests = [...product.images, ...images].map(({ digest }) => digest);
    const shown = sql<boolean>`digest = ANY(${digests}::text[])`;
    // Products may share pictures: in one order for all, or two changes would wait for each other.
    await transaction
      .selectFrom("images")
      .select("digest")
      .where(shown)
      .orderBy("digest")
      .forNoKeyUpdate()
      .execute();
    // Those that go are kept for a while: pages that show them are open. Those that come cannot be deleted meanwhile.
    await transaction
      .updateTable("images")
      .set({ touched_at: sql<Date>`now()` })
      .where(shown)
      .execute();
    const snapshot = await transaction
      .updateTable("products")
      .set((row) => ({
        images: JSON.stringify(images),
        version: row("version", "+", 1),
        updated_at: sql<Date>`now()`,
      }))
      .where("id", "=", productId)
      .returning(SNAPSHOT_COLUMNS)
      .executeTakeFirstOrThrow();
    await recordEvents(transaction, [{ type: "product.updated", payload: snapshot }]);
    return "done";
  });
}

/**
 * Deletes pictures that nothing has shown for a day from the bucket, and then forgets them. One that fails stays for the
 * next run and does not keep the others. Several processes may do it at once, and somebody may upload the same picture
 * meanwhile: the row is locked while its files go.
 * @param mayGoOn asked before each picture
 * @returns how many are gone
 * @throws ImageStoreError the first failure, when everything else is done
 */
export async function deleteUnusedImages(
  db: Database,
  store: ImageStore,
  mayGoOn: () => Promise<boolean> = () => Promise.resolve(true),
): Promise<number> {
  let deleted = 0;
  const failed = new Map<string, ImageStoreError>();
  while (failed.size < FAILURES_MAX && (await mayGoOn())) {
    const outcome = await deleteUnusedImage(db, store, [...failed.keys()]);
    if (outcome === "none-left") break;
    if (outcome === "deleted") deleted++;
    else failed.set(outcome.digest, outcome.error);
  }
  const [first] = failed.values();
  if (first) throw first;
  return deleted;
}

async function deleteUnusedImage(
  db: Database,
  store: ImageStore,
  except: readonly string[],
): Promise<"deleted" | "none-left" | { digest: string; error: ImageStoreError }> {
  return await db.transaction().execute(async (transaction) => {
    const { rows } = await sql<{ digest: string; widths: number[] }>`
      SELECT digest, widths FROM images AS unused
      WHERE touched_at < now() - interval '1 day'
        AND digest <> ALL(${except}::text[])
        AND NOT EXISTS (
          SELECT FROM products
          WHERE products.images <> '[]'
            AND products.images @> jsonb_build_array(jsonb_build_object('digest', unused.digest))
        )
      ORDER BY touched_at LIMIT 1 FOR UPDATE SKIP LOCKED
    `.execute(transaction);
    const [image] = rows;
    if (!image) return "none-left";
    try {
      await store.delete(image.digest, fileNames(image.widths));
    } catch (error) {
      if (error instanceof ImageStoreError) return { digest: image.digest, error };
      throw error;
    }
    await transaction.deleteFrom("images").where("digest", "=", image.digest).execute();
    return "deleted";
  });
}
