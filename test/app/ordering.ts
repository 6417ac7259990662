import { randomUUID } from "node:crypto";
import { addProduct, newAddress, openShop, type Shop } from "./shop.js";

/** A buyer as the JSON API takes one. */
export const BUYER = {
  name: "Ravi Kumar",
  phone: "98765 43210",
  address: {
    street: "12, 4th Cross",
    landmark: "Opposite the post office",
    city: "Bengaluru",
    pin: "560 038",
  },
};

/** Sends an order over the JSON API. */
export const sendOrder = async (
  shop: Shop,
  slug: string,
  lines: { productId: number; quantity: number }[],
  key: string = randomUUID(),
  phone = BUYER.phone,
  address: Record<string, string> = newAddress(),
) =>
  await shop.app.inject({
    method: "POST",
    url: `/api/v1/stores/${slug}/orders`,
    headers: { "idempotency-key": key, ...address },
    payload: { buyer: { ...BUYER, phone }, lines },
  });

/** Places an order; returns its unguessable id. */
export async function placeOrder(
  shop: Shop,
  slug: string,
  lines: { productId: number; quantity: number }[],
): Promise<string> {
  const answer = await sendOrder(shop, slug, lines);
  if (answer.statusCode !== 201) throw new Error(`No order was placed: ${answer.statusCode} ${answer.body}`);
  return answer.json<{ id: string }>().id;
}

/** Opens a shop with one product of ₹249.50. */
export async function openWithProduct(shop: Shop, slug: string, stock = 10) {
  const { merchant } = await openShop(shop.app, slug);
  const productId = await addProduct(merchant, slug, { name: "Besan laddu", price: "249.50", stock });
  return { merchant, productId };
}

/** Pieces of a product that are left. */
export async function stockOf(shop: Shop, productId: number): Promise<number> {
  const row = await shop.db
    .selectFrom("products")
    .select("stock")
    .where("id", "=", productId)
    .executeTakeFirstOrThrow();
  return row.stock;
}
