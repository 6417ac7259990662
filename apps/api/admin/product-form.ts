import { POSITION_MAX } from "../catalogue/categories.js";
import {
  DESCRIPTION_MAX,
  PRODUCT_NAME_MAX,
  STOCK_MAX,
  type Product,
  type ProductInput,
} from "../catalogue/products.js";
import { parseRupees, rupeesForInput } from "../money.js";
import type { FieldErrors } from "../pages/form.js";
import { parseText, parseTextLine } from "../text-line.js";

/** Texts of the product form as they were entered; what a browser does not send is as if it were empty. */
export interface ProductForm {
  name: string;
  price: string;
  stock: string;
  description?: string;
  compareAt?: string;
  /** Id of a category. */
  category?: string;
  position?: string;
  /** "on", or absent. */
  hidden?: string;
}

/** The form of a product as it is. */
export function formOf(product: Product): ProductForm {
  return {
    name: product.name,
    price: rupeesForInput(product.pricePaise),
    stock: String(product.stock),
    description: product.description,
    compareAt: product.compareAtPaise === null ? "" : rupeesForInput(product.compareAtPaise),
    category: product.categoryId === null ? "" : String(product.categoryId),
    position: String(product.position),
    ...(product.hidden && { hidden: "on" }),
  };
}

/** Checks what a merchant entered about a product. */
export function parseProduct(values: ProductForm): ProductInput | { errors: FieldErrors } {
  const name = parseTextLine(values.name, PRODUCT_NAME_MAX);
  const pricePaise = parseRupees(values.price);
  const stock = parseNumber(values.stock, STOCK_MAX);
  const description = parseText(values.description ?? "", DESCRIPTION_MAX);
  const compareAtPaise = blank(values.compareAt) ? null : parseRupees(values.compareAt);
  const categoryId = blank(values.category) ? null : parseId(values.category);
  const position = blank(values.position) ? 0 : parseNumber(values.position, POSITION_MAX);
  const errors: Record<string, string> = {};
  if (!name) errors["name"] = `The name must be one line of 1 to ${PRODUCT_NAME_MAX} characters.`;
  if (pricePaise === undefined) errors["price"] = `The price must be ${RUPEES}.`;
  if (stock === undefined) errors["stock"] = "The stock must be a whole number from 0 to 10,00,000.";
  if (description === undefined)
    errors["description"] = "The description must be text of at most 4,000 characters.";
  if (compareAtPaise === undefined) errors["compareAt"] = `The earlier price must be empty, or ${RUPEES}.`;
  else if (compareAtPaise !== null && pricePaise !== undefined && compareAtPaise <= pricePaise)
    errors["compareAt"] = "The earlier price must be above the price; leave it empty if there was none.";
  if (categoryId === undefined) errors["category"] = NO_CATEGORY;
  if (position === undefined)
    errors["position"] = `The place must be a whole number from 0 to ${POSITION_MAX}.`;
  if (
    !name ||
    pricePaise === undefined ||
    stock === undefined ||
    description === undefined ||
    compareAtPaise === undefined ||
    categoryId === undefined ||
    position === undefined ||
    Object.keys(errors).length > 0
  )
    return { errors };
  const hidden = values.hidden === "on";
  return { name, pricePaise, stock, description, compareAtPaise, categoryId, position, hidden };
}

export const NO_CATEGORY = "Your shop has no such category; choose one of the list.";
const RUPEES = "rupees from 0.01 to 1,00,00,000 with at most two decimals, such as 199.50";

function blank(text: string | undefined): text is undefined | "" {
  return text === undefined || text.trim() === "";
}

/** A whole number from 0 to a limit. */
export function parseNumber(text: string, max: number): number | undefined {
  const number = /^\d{1,7}$/.test(text.trim()) ? Number(text) : Number.NaN;
  return number <= max ? number : undefined;
}

function parseId(text: string): number | undefined {
  return /^[1-9]\d{0,14}$/.test(text) ? Number(text) : undefined;
}
