/** What a buyer wants of one product. */
export interface CartLine {
  productId: number;
  quantity: number;
}

export const MAX_LINES = 50;
export const MAX_QUANTITY = 99;

const LINE = /^([1-9]\d{0,14})x([1-9]\d?)$/;

/**
 * Reads the cart from its cookie: `12x1_15x3` is one piece of product 12 and three of 15. The cookie is the buyer's
 * own, so anything that is no cart counts as an empty one.
 */
export function parseCart(cookie: string | undefined): CartLine[] {
  if (!cookie) return [];
  const lines = new Map<number, CartLine>();
  for (const part of cookie.split("_").slice(0, MAX_LINES)) {
    const match = LINE.exec(part);
    if (!match) return [];
    const productId = Number(match[1]);
    lines.set(productId, { productId, quantity: Number(match[2]) });
  }
  return [...lines.values()];
}

/** The cookie's text for a cart. */
export function formatCart(lines: readonly CartLine[]): string {
  return lines.map((line) => `${line.productId}x${line.quantity}`).join("_");
}

/**
 * Puts pieces of a product into the cart on top of those in it; at most {@link MAX_QUANTITY} of one product.
 * `full` when the cart holds {@link MAX_LINES} other products.
 */
export function addToCart(lines: readonly CartLine[], added: CartLine): CartLine[] | "full" {
  const present = lines.find((line) => line.productId === added.productId);
  if (!present && lines.length >= MAX_LINES) return "full";
  return setQuantity(lines, {
    productId: added.productId,
    quantity: Math.min(MAX_QUANTITY, (present?.quantity ?? 0) + added.quantity),
  });
}

/** Sets how many pieces of a product are in the cart; 0 takes it out. */
export function setQuantity(lines: readonly CartLine[], wanted: CartLine): CartLine[] {
  const present = lines.some((line) => line.productId === wanted.productId);
  const next = present
    ? lines.map((line) => (line.productId === wanted.productId ? wanted : line))
    : [...lines, wanted];
  return next.filter((line) => line.quantity > 0);
}
