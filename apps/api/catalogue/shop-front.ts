import { sql } from "kysely";
import { jsonArrayFrom, jsonObjectFrom } from "kysely/helpers/postgres";
import type { Database } from "../database/database.js";
import { prepareQuery, type Parameter } from "../database/prepared-query.js";
import { isSlug } from "../stores/slug.js";
import type { Store } from "../stores/stores.js";
import type { Category } from "./categories.js";
import { toPage, type Cursor, type Page } from "./cursor.js";
import { COLUMNS, firstImage, type ListedProduct, type Product } from "./products.js";

// What nearly every visitor asks for: each page is one statement that is built once, because round trips and the
// building of statements would cost this process more than drawing the page does.

/** A shop, or one of its categories, as buyers see it. */
export interface ShopFront {
  store: Store;
  categories: Category[];
  products: Page<ListedProduct>;
}

interface ShopValues {
  slug: string;
  /** Slug of the category, where only its products are wanted. */
  category: string | undefined;
  position: number;
  id: number;
  rows: number;
}

/** Before the first product of every list. */
const START = { position: 2 ** 31 - 1, id: Number.MAX_SAFE_INTEGER };

function prepareShopFront({ newer, inCategory }: { newer: boolean; inCategory: boolean }) {
  const order = newer ? "asc" : "desc";
  return prepareQuery((db, parameter: Parameter<ShopValues>) =>
    db
      .selectFrom("stores")
      .where("stores.slug", "=", parameter("slug"))
      .select((store) => {
        const categories = store
          .selectFrom("categories")
          .select(["id", "slug", "name", "position"])
          .whereRef("categories.store_id", "=", "stores.id");
        const key = sql`(${parameter("position")}::integer, ${parameter("id")}::bigint)`;
        let products = store
          .selectFrom("products")
          .select([...COLUMNS, firstImage])
          .whereRef("products.store_id", "=", "stores.id")
          .where((row) => row.not("hidden"))
          .where(newer ? sql<boolean>`(position, id) > ${key}` : sql<boolean>`(position, id) < ${key}`)
          .orderBy("position", order)
          .orderBy("id", order)
          .limit(parameter("rows"));
        if (inCategory)
          products = products.where("category_id", "=", (row) =>
            row
              .selectFrom("categories")
              .select("categories.id")
              .whereRef("categories.store_id", "=", "stores.id")
              .where("categories.slug", "=", sql<string>`${parameter("category")}`),
          );
        return [
          "stores.id",
          "stores.slug",
          "stores.name",
          jsonArrayFrom(categories.orderBy("position").orderBy("name").orderBy("id")).as("categories"),
          jsonArrayFrom(products).as("products"),
        ];
      }),
  );
}

const readShopFront = {
  all: {
    older: prepareShopFront({ newer: false, inCategory: false }),
    newer: prepareShopFront({ newer: true, inCategory: false }),
  },
  category: {
    older: prepareShopFront({ newer: false, inCategory: true }),
    newer: prepareShopFront({ newer: true, inCategory: true }),
  },
};

/**
 * The store at an address with one page of its products, by position and then newest first, and its categories.
 * `undefined`: no store has this address now.
 * @param category slug of the one whose products are wanted; one that the store has not is as good as an empty one
 */
export async function findShopFront(
  db: Database,
  slug: string,
  pageSize: number,
  { cursor, category }: { cursor?: Cursor | undefined; category?: string } = {},
): Promise<ShopFront | undefined> {
  if (!isSlug(slug)) return undefined;
  const read = readShopFront[category === undefined ? "all" : "category"][cursor?.direction ?? "older"];
  const { position, id } = cursor ?? START;
  const [row] = await read(db, { slug, category, position, id, rows: pageSize + 1 });
  if (!row) return undefined;
  const { categories, products, ...store } = row;
  return { store, categories, products: toPage(products, pageSize, cursor) };
}

const readProductFront = prepareQuery((db, parameter: Parameter<{ slug: string; product: number }>) =>
  db
    .selectFrom("stores")
    .where("stores.slug", "=", parameter("slug"))
    .select((store) => [
      "stores.id",
      "stores.slug",
      "stores.name",
      jsonObjectFrom(
        store
          .selectFrom("products")
          .select([...COLUMNS, "description", "category_id as categoryId", "images"])
          .whereRef("products.store_id", "=", "stores.id")
          .where("products.id", "=", parameter("product"))
          .where((row) => row.not("hidden")),
      ).as("product"),
    ]),
);

/** The store at an address with one of its products. `undefined`: no store has this address now. */
export async function findProductFront(
  db: Database,
  slug: string,
  productId: number,
): Promise<{ store: Store; product: Product | undefined } | undefined> {
  if (!isSlug(slug)) return undefined;
  const [row] = await readProductFront(db, { slug, product: productId });
  if (!row) return undefined;
  const { product, ...store } = row;
  return { store, product: product ?? undefined };
}
