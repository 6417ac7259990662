import { PRODUCT_NAME_MAX, STOCK_MAX, type ProductInput } from "../catalogue/products.js";
import { parseRupees } from "../money.js";
import type { FieldErrors } from "../pages/form.js";
import { parseTextLine } from "../text-line.js";
import type { ProductForm } from "./product-pages.js";

/** Checks what a merchant entered about a product. */
export function parseProduct(values: ProductForm): ProductInput | { errors: FieldErrors } {
  const name = parseTextLine(values.name, PRODUCT_NAME_MAX);
  const pricePaise = parseRupees(values.price);
  const stock = parseStock(values.stock);
  if (name && pricePaise !== undefined && stock !== undefined) return { name, pricePaise, stock };
  return {
    errors: {
      ...(!name && { name: `The name must be one line of 1 to ${PRODUCT_NAME_MAX} characters.` }),
      ...(pricePaise === undefined && {
        price: "The price must be rupees from 0.01 to 1,00,00,000 with at most two decimals, such as 199.50.",
      }),
      ...(stock === undefined && { stock: "The stock must be a whole number from 0 to 10,00,000." }),
    },
  };
}

function parseStock(text: string): number | undefined {
  const stock = /^\d{1,7}$/.test(text.trim()) ? Number(text) : Number.NaN;
  return stock <= STOCK_MAX ? stock : undefined;
}
