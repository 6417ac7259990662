import type { HttpClient } from "./http-client.js";

/** A product as the shop's JSON API shows it. */
export interface Product {
  id: number;
  store: string;
  pricePaise: number;
  stock: number;
}

/** A store that visitors come to. */
export interface Store {
  slug: string;
  /** Paths of pages of its catalogue; the first one is where visitors land. */
  pages: string[];
  products: Product[];
}

/**
 * Looks at stores before the load begins: what there is to buy, for how much, how many pieces. Stores that do not exist
 * are left out. At most 100 products of each.
 * @throws Error when there is none with a product
 */
export async function readStores(client: HttpClient, slugs: readonly string[]): Promise<Store[]> {
  const stores: Store[] = [];
  for (const slug of slugs) {
    const path = `/s/${slug}`;
    const page = await client.send({ method: "GET", path, wantBody: true }, 10_000);
    if (page.status === 404) continue;
    const list = await client.send(
      { method: "GET", path: `/api/v1/stores/${slug}/products`, wantBody: true },
      10_000,
    );
    if (page.status !== 200 || list.status !== 200)
      throw new Error(`the store ${slug} cannot be read: status ${page.status} and ${list.status}`);
    const { products } = JSON.parse(list.body) as { products: Omit<Product, "store">[] };
    if (products.length === 0) continue;
    const older = /\?page=older-[\d-]+/.exec(page.body)?.[0];
    stores.push({
      slug,
      // Most visitors do not turn the page.
      pages: older === undefined ? [path] : [path, path, path, path, path + older],
      products: products.map(({ id, pricePaise, stock }) => ({ id, store: slug, pricePaise, stock })),
    });
  }
  if (stores.length === 0)
    throw new Error(`none of ${slugs.length} stores is there with a product: run ./dukaan seed first`);
  return stores;
}
