import { sql, type Transaction } from "kysely";
import { snapshotColumns } from "../catalogue/snapshot.js";
import type { Database } from "../database/database.js";
import type { Tables } from "../database/tables.js";
import {
  GIANT_INDEX,
  GIANT_STORE,
  SAMPLE_PHONE,
  sampleProduct,
  sampleStore,
  type SampleStore,
} from "./catalogue.js";

/** Products of the store that tests paging. */
export const GIANT_PRODUCTS = 20_000;
/** Rows of one statement: enough to be fast, few enough for a small server's memory. */
const BATCH = 5_000;

export interface SeedOptions {
  stores: number;
  productsPerStore: number;
  giant: boolean;
  /** Called after each batch. */
  onProgress: (done: number, total: number) => void;
}

export interface SeedSummary {
  /** What this run added; a second run adds nothing. */
  created: { stores: number; products: number };
  /** Some shops to look at. */
  paths: string[];
}

interface Plan extends SampleStore {
  index: number;
  products: number;
}

/**
 * Fills the database with sample stores, the same content each time. Stores that are there are topped up to the number
 * of products and never changed otherwise. They all belong to the merchant with {@link SAMPLE_PHONE}.
 */
export async function seed(db: Database, options: SeedOptions): Promise<SeedSummary> {
  const plans: Plan[] = Array.from({ length: options.stores }, (_, index) => ({
    ...sampleStore(index),
    index,
    products: options.productsPerStore,
  }));
  if (options.giant) plans.push({ ...GIANT_STORE, index: GIANT_INDEX, products: GIANT_PRODUCTS });

  const total = plans.reduce((sum, plan) => sum + plan.products, 0);
  const created = { stores: 0, products: 0 };
  let done = 0;
  for (const batch of inBatches(plans)) {
    const added = await db.transaction().execute(async (transaction) => await fillStores(transaction, batch));
    created.stores += added.stores;
    created.products += added.products;
    done += batch.reduce((sum, plan) => sum + plan.products, 0);
    options.onProgress(done, total);
  }
  return {
    created,
    paths: [...plans.slice(0, 3), ...plans.slice(3).slice(-1)].map((plan) => `/s/${plan.slug}`),
  };
}

/** Groups stores so that a transaction adds about {@link BATCH} products. */
function* inBatches(plans: readonly Plan[]): Generator<Plan[]> {
  let batch: Plan[] = [];
  let products = 0;
  for (const plan of plans) {
    if (batch.length > 0 && products + plan.products > BATCH) {
      yield batch;
      batch = [];
      products = 0;
    }
    batch.push(plan);
    products += plan.products;
  }
  if (batch.length > 0) yield batch;
}

async function fillStores(
  transaction: Transaction<Tables>,
  plans: readonly Plan[],
): Promise<{ stores: number; products: number }> {
  const stores = await insertStores(transaction, plans);
  const { rows } = await sql<{ slug: string; id: number; products: number }>`
    SELECT slug, store_slugs.store_id AS id, count(products.id) AS products
    FROM store_slugs LEFT JOIN products ON products.store_id = store_slugs.store_id
    WHERE slug = ANY(${plans.map((plan) => plan.slug)}::text[])
    GROUP BY slug
  `.execute(transaction);
  const present = new Map(rows.map((row) => [row.slug, row]));

  const missing: MissingProduct[] = [];
  for (const plan of plans) {
    const { id, products } = present.get(plan.slug)!;
    for (let position = products; position < plan.products; position++)
      missing.push({ storeId: id, ...sampleProduct(plan.slug, plan.index, position) });
  }
  for (let start = 0; start < missing.length; start += BATCH)
    await insertProducts(transaction, missing.slice(start, start + BATCH));
  return { stores, products: missing.length };
}

interface MissingProduct {
  storeId: number;
  name: string;
  pricePaise: number;
  stock: number;
}

async function insertStores(transaction: Transaction<Tables>, plans: readonly Plan[]): Promise<number> {
  const { numAffectedRows } = await sql`
    WITH merchant AS (
      INSERT INTO merchants (phone) VALUES (${SAMPLE_PHONE})
      ON CONFLICT (phone) DO UPDATE SET phone = excluded.phone
      RETURNING id
    ), created AS (
      INSERT INTO stores (merchant_id, slug, name)
      SELECT merchant.id, slug, wanted.name FROM merchant, unnest(
        ${plans.map((plan) => plan.slug)}::text[], ${plans.map((plan) => plan.name)}::text[]
      ) WITH ORDINALITY AS wanted (slug, name, position)
      -- Not where a sample store was before it moved.
      WHERE NOT EXISTS (SELECT FROM store_slugs WHERE store_slugs.slug = wanted.slug)
      ORDER BY position
      ON CONFLICT (slug) DO NOTHING
      RETURNING id, slug, name
    )
    INSERT INTO outbox (aggregate_type, aggregate_id, type, payload)
    SELECT 'store', id::text, 'store.created', jsonb_build_object('storeId', id, 'slug', slug, 'name', name)
    FROM created ORDER BY id
  `.execute(transaction);
  return Number(numAffectedRows ?? 0);
}

// The same events as for a product that a merchant adds, made by the database to save the way there and back.
async function insertProducts(
  transaction: Transaction<Tables>,
  products: readonly MissingProduct[],
): Promise<void> {
  await sql`
    WITH created AS (
      INSERT INTO products (store_id, name, price_paise, stock)
      SELECT store_id, name, price_paise, stock FROM unnest(
        ${products.map((product) => product.storeId)}::bigint[],
        ${products.map((product) => product.name)}::text[],
        ${products.map((product) => product.pricePaise)}::integer[],
        ${products.map((product) => product.stock)}::integer[]
      ) WITH ORDINALITY AS wanted (store_id, name, price_paise, stock, position)
      ORDER BY position
      RETURNING *
    )
    INSERT INTO outbox (aggregate_type, aggregate_id, type, payload)
    SELECT 'product', "productId"::text, 'product.created', to_jsonb(snapshot)
    FROM (SELECT ${snapshotColumns} FROM created AS products) AS snapshot ORDER BY "productId"
  `.execute(transaction);
}
