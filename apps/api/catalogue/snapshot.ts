import { sql, type RawBuilder } from "kysely";

/** A picture of a product, as it stands in the database; its files are in the object storage. */
export interface ProductImage {
  /** Names its files. */
  digest: string;
  /** Of the largest file, in pixels. */
  width: number;
  height: number;
  /** Of its files, from small to large, in pixels. */
  widths: number[];
  /** What it shows, for those who do not see it. */
  alt: string;
}

/** A product as events carry it: complete, so that a consumer needs no question back; newer `version` wins. */
export interface ProductSnapshot {
  productId: number;
  storeId: number;
  name: string;
  description: string;
  pricePaise: number;
  compareAtPaise: number | null;
  stock: number;
  hidden: boolean;
  position: number;
  categoryId: number | null;
  images: ProductImage[];
  version: number;
}

/** Columns of `products` that make a {@link ProductSnapshot}. */
export const SNAPSHOT_COLUMNS = [
  "products.id as productId",
  "products.store_id as storeId",
  "products.name",
  "products.description",
  "products.price_paise as pricePaise",
  "products.compare_at_paise as compareAtPaise",
  "products.stock",
  "products.hidden",
  "products.position",
  "products.category_id as categoryId",
  "products.images",
  "products.version",
] as const;

/** {@link SNAPSHOT_COLUMNS} for statements in plain SQL. */
export const snapshotColumns: RawBuilder<unknown> = sql.join(
  SNAPSHOT_COLUMNS.map((column) => {
    const [source = column, name] = column.split(" as ");
    return name === undefined ? sql.ref(source) : sql`${sql.ref(source)} AS ${sql.id(name)}`;
  }),
);
