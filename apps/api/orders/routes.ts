import { Type } from "@fastify/type-provider-typebox";
import { randomUUID } from "node:crypto";
import { addressSubject } from "../auth/rate-limits.js";
import { readCart, writeCart } from "../cart/cart-cookie.js";
import { priceLines, type PricedLine } from "../cart/pages.js";
import { findProducts } from "../catalogue/products.js";
import type { App } from "../http/app.js";
import { sendPrivatePage } from "../http/caching.js";
import { notFound } from "../http/problem.js";
import type { FieldErrors } from "../pages/form.js";
import { parsePhone } from "../phone.js";
import type { Services } from "../services.js";
import { requireStore, StorePath } from "../stores/store-path.js";
import { parseBuyer, type BuyerTexts } from "./buyer.js";
import { findOrderByKey, placeOrder, TOO_MANY_ORDERS } from "./checkout.js";
import { findOrder } from "./orders.js";
import { checkoutPage, shortageNotice } from "./checkout-page.js";
import { orderPage } from "./order-page.js";
import { moveOrder } from "./transitions.js";

const OrderPath = Type.Object({ order: Type.String({ pattern: "^[A-Za-z0-9_-]{22}$" }) });

const CheckoutBody = Type.Object({
  key: Type.String({ pattern: "^[A-Za-z0-9-]{16,64}$" }),
  total: Type.String({ pattern: "^[0-9]{1,13}$" }),
  name: Type.String(),
  phone: Type.String(),
  // A form that an earlier release sent has no address: the buyer is asked for it.
  street: Type.Optional(Type.String()),
  landmark: Type.Optional(Type.String()),
  city: Type.Optional(Type.String()),
  pin: Type.Optional(Type.String()),
});

const EMPTY: BuyerTexts = { name: "", phone: "", street: "", landmark: "", city: "", pin: "" };

/** Checkout and the order's own page. */
export function registerOrderRoutes(app: App, { db, environment, layout, limits }: Services): void {
  app.get("/s/:slug/checkout", { schema: { params: StorePath } }, async (request, reply) => {
    const store = await requireStore(db, request.params.slug);
    const lines = await pricedCart(store.id, readCart(request));
    if (lines.length === 0) return reply.redirect(`/s/${store.slug}/cart`, 303);
    const form = { idempotencyKey: randomUUID(), ...EMPTY };
    return sendPrivatePage(reply, checkoutPage(layout, store, lines, form));
  });

  const schema = { params: StorePath, body: CheckoutBody };
  app.post("/s/:slug/checkout", { schema }, async (request, reply) => {
    const store = await requireStore(db, request.params.slug);
    const { key, total, ...entered } = request.body;
    const texts = { ...EMPTY, ...entered };
    const cart = readCart(request);

    if (cart.length === 0) {
      // The answer to an earlier click took the cart away, and this is the second one.
      const phone = parsePhone(entered.phone);
      const publicId = phone && (await findOrderByKey(db, store.id, key, phone));
      return reply.redirect(publicId ? `/o/${publicId}` : `/s/${store.slug}/cart`, 303);
    }

    const show = async (
      statusCode: number,
      idempotencyKey: string,
      problem: { errors?: FieldErrors; notice?: string },
    ) => {
      const lines = await pricedCart(store.id, cart);
      const page = checkoutPage(layout, store, lines, { idempotencyKey, ...texts }, problem);
      return sendPrivatePage(reply.code(statusCode), page);
    };

    const buyer = parseBuyer(texts);
    if ("errors" in buyer) return await show(422, key, { errors: buyer.errors });

    const result = await placeOrder(db, limits, {
      storeId: store.id,
      from: addressSubject(request.ip),
      idempotencyKey: key,
      buyer,
      lines: cart,
      expectedTotalPaise: Number(total),
    });
    if (result.outcome === "total-changed")
      return await show(409, key, {
        notice: "A price has changed since you opened this page. Please check the new total.",
      });
    if (result.outcome === "out-of-stock")
      return await show(409, key, { notice: shortageNotice(result.shortages) });
    if (result.outcome === "key-reused")
      return await show(409, randomUUID(), {
        notice: "You placed an order from this form already. Send it again to place another one.",
      });
    if (result.outcome === "too-many") {
      reply.header("retry-after", String(result.waitSeconds));
      return await show(429, key, { notice: TOO_MANY_ORDERS });
    }
    writeCart(reply, environment, store.slug, []);
    return reply.redirect(`/o/${result.publicId}`, 303);
  });

  app.get("/o/:order", { schema: { params: OrderPath } }, async (request, reply) => {
    const order = await findOrder(db, { publicId: request.params.order });
    if (!order) throw notFound("There is no order at this address.");
    return sendPrivatePage(reply, orderPage(layout, order, environment.publicUrl));
  });

  app.post("/o/:order/cancel", { schema: { params: OrderPath } }, async (request, reply) => {
    const publicId = request.params.order;
    const move = { from: "placed", to: "cancelled", actor: "buyer" } as const;
    const result = await db
      .transaction()
      .execute(async (transaction) => await moveOrder(transaction, { publicId }, move));
    if (result.outcome === "not-found") throw notFound("There is no order at this address.");
    // Cancelled by an earlier click: this is what was wanted.
    if (result.outcome === "moved" || result.status === "cancelled")
      return reply.redirect(`/o/${publicId}`, 303);
    const order = await findOrder(db, { publicId });
    if (!order) throw notFound("There is no order at this address.");
    const notice = "The shop has accepted the order already, so it was not cancelled. Please ask the shop.";
    return sendPrivatePage(reply.code(409), orderPage(layout, order, environment.publicUrl, notice));
  });

  async function pricedCart(storeId: number, cart: ReturnType<typeof readCart>): Promise<PricedLine[]> {
    const productIds = cart.map((line) => line.productId);
    return priceLines(cart, await findProducts(db, storeId, productIds));
  }
}
