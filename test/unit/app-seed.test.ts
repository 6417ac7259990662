import { expect, test } from "vitest";
import { MAX_PRICE_PAISE } from "../../apps/api/money.js";
import { sampleProduct, sampleStore } from "../../apps/api/seed/catalogue.js";
import { isSlug } from "../../apps/api/stores/slug.js";

test("sample stores have addresses of their own", () => {
  const stores = Array.from({ length: 1_000 }, (_, index) => sampleStore(index));
  expect(new Set(stores.map((store) => store.slug)).size).toBe(1_000);
  expect(stores.every((store) => isSlug(store.slug))).toBe(true);
});

test("sample products are the same each time, differ from each other and stay within the limits", () => {
  const { slug } = sampleStore(0);
  const products = Array.from({ length: 500 }, (_, position) => sampleProduct(slug, 0, position));
  expect(products).toEqual(products.map((_, position) => sampleProduct(slug, 0, position)));
  // A change here changes every seeded database: the sample data is part of what tests and measurements rely on.
  expect(products[0]).toMatchInlineSnapshot(`
    {
      "name": "Kanchipuram lehenga set no. 1",
      "pricePaise": 93000,
      "stock": 101,
    }
  `);
  expect(new Set(products.map((product) => product.name)).size).toBe(500);
  for (const { pricePaise, stock } of products) {
    expect(pricePaise).toBeGreaterThan(0);
    expect(pricePaise).toBeLessThanOrEqual(MAX_PRICE_PAISE);
    expect(Number.isInteger(stock) && stock >= 0).toBe(true);
  }
  const soldOut = products.filter((product) => product.stock === 0).length;
  expect(soldOut).toBeGreaterThan(20);
  expect(soldOut).toBeLessThan(80);
});
