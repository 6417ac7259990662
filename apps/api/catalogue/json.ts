import { FORMATS, imagePath } from "../images/picture.js";
import type { ListedProduct, Product } from "./products.js";
import type { ProductImage } from "./snapshot.js";

/** A product of a list, as the JSON API gives it. @param publicUrl origin of this service */
export function listedProductJson(product: ListedProduct, publicUrl: string) {
  const { id, name, pricePaise, compareAtPaise, stock, image } = product;
  return { id, name, pricePaise, compareAtPaise, stock, image: image && imageJson(image, publicUrl) };
}

/** A product alone, as the JSON API gives it. @param publicUrl origin of this service */
export function productJson(product: Product, publicUrl: string) {
  const { id, name, description, pricePaise, compareAtPaise, stock, images } = product;
  const all = images.map((image) => imageJson(image, publicUrl));
  return { id, name, description, pricePaise, compareAtPaise, stock, images: all };
}

/** A picture with the addresses of all of its files, from small to large. */
function imageJson({ digest, width, height, widths, alt }: ProductImage, publicUrl: string) {
  const files = widths.flatMap((each) =>
    (["webp", "jpg"] as const).map((format) => ({
      url: publicUrl + imagePath(digest, each, format),
      width: each,
      type: FORMATS[format],
    })),
  );
  return { alt, width, height, files };
}
