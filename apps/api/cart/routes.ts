import { Type } from "@fastify/type-provider-typebox";
import { findProducts } from "../catalogue/products.js";
import type { App } from "../http/app.js";
import { sendPrivatePage } from "../http/caching.js";
import { Problem } from "../http/problem.js";
import type { Services } from "../services.js";
import { requireStore, StorePath } from "../stores/store-path.js";
import { addToCart, MAX_LINES, MAX_QUANTITY, setQuantity, type CartLine } from "./cart.js";
import { readCart, writeCart } from "./cart-cookie.js";
import { cartPage, priceLines } from "./pages.js";

/** The cart: it lives in the browser's cookie, so filling it costs the database nothing but a look at the shop. */
export function registerCartRoutes(app: App, { db, environment, layout }: Services): void {
  app.get("/s/:slug/cart", { schema: { params: StorePath } }, async (request, reply) => {
    const store = await requireStore(db, request.params.slug);
    const cart = readCart(request);
    const productIds = cart.map((line) => line.productId);
    const lines = priceLines(cart, await findProducts(db, store.id, productIds));
    if (lines.length < cart.length) writeCart(reply, environment, store.slug, lines);
    return sendPrivatePage(reply, cartPage(layout, store, lines));
  });

  const body = Type.Object({
    product: Type.String({ pattern: "^[1-9][0-9]{0,14}$" }),
    quantity: Type.String({ pattern: "^[0-9]{1,2}$" }),
  });
  const schema = { params: StorePath, body };

  app.post("/s/:slug/cart", { schema }, async (request, reply) => {
    const store = await requireStore(db, request.params.slug);
    const line = readLine(request.body);
    if (line.quantity === 0)
      throw new Problem(400, "bad-request", `Choose a quantity from 1 to ${MAX_QUANTITY}.`);
    if ((await findProducts(db, store.id, [line.productId])).length === 0)
      throw new Problem(404, "not-found", "This shop has no such product.");
    const cart = addToCart(readCart(request), line);
    if (cart === "full")
      throw new Problem(409, "cart-full", `A cart holds ${MAX_LINES} different products; this one is full.`);
    writeCart(reply, environment, store.slug, cart);
    return reply.redirect(`/s/${store.slug}/cart`, 303);
  });

  app.post("/s/:slug/cart/quantity", { schema }, async (request, reply) => {
    const store = await requireStore(db, request.params.slug);
    const line = readLine(request.body);
    const cart = readCart(request);
    // Only what is in the cart can change; nothing is added here without a look at the shop's products.
    if (cart.some((present) => present.productId === line.productId))
      writeCart(reply, environment, store.slug, setQuantity(cart, line));
    return reply.redirect(`/s/${store.slug}/cart`, 303);
  });
}

function readLine(body: { product: string; quantity: string }): CartLine {
  return { productId: Number(body.product), quantity: Number(body.quantity) };
}
