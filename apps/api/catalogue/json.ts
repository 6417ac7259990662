import type { ListedProduct, Product } from "./products.js";

/** A product of a list, as the JSON API gives it. */
export function listedProductJson({ id, name, pricePaise, compareAtPaise, stock }: ListedProduct | Product) {
  return { id, name, pricePaise, compareAtPaise, stock };
}

/** A product alone, as the JSON API gives it. */
export function productJson(product: Product) {
  return { ...listedProductJson(product), description: product.description };
}
