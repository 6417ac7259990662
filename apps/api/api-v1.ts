import { Type } from "@fastify/type-provider-typebox";
import type { FastifyReply } from "fastify";
import { MAX_LINES, MAX_QUANTITY } from "./cart/cart.js";
import { CURSOR_PATTERN, parseCursor } from "./catalogue/cursor.js";
import { listedProductJson, productJson } from "./catalogue/json.js";
import { findProduct, listProducts } from "./catalogue/products.js";
import { parseProductId, ProductPath } from "./catalogue/routes.js";
import type { App } from "./http/app.js";
import { notFound, Problem } from "./http/problem.js";
import { parseBuyer } from "./orders/buyer.js";
import { placeOrder } from "./orders/checkout.js";
import { findOrder } from "./orders/orders.js";
import type { Services } from "./services.js";
import { requireStore, StorePath } from "./stores/store-path.js";

const PAGE_SIZE = 100;

/** The buyer's side as JSON: what the pages show, and placing an order. */
export function registerApiV1(app: App, { db, environment }: Services): void {
  app.get("/api/v1/stores/:slug", { schema: { params: StorePath } }, async (request, reply) => {
    const { slug, name } = await requireStore(db, request.params.slug);
    return sendJson(reply, { slug, name, url: `${environment.publicUrl}/s/${slug}` });
  });

  const querystring = Type.Object({ page: Type.Optional(Type.String({ pattern: CURSOR_PATTERN })) });
  app.get(
    "/api/v1/stores/:slug/products",
    { schema: { params: StorePath, querystring } },
    async (request, reply) => {
      const store = await requireStore(db, request.params.slug);
      const cursor = request.query.page === undefined ? undefined : parseCursor(request.query.page);
      const { rows, newer = null, older = null } = await listProducts(db, store.id, cursor, PAGE_SIZE);
      return sendJson(reply, {
        products: rows.map((row) => listedProductJson(row, environment.publicUrl)),
        newer,
        older,
      });
    },
  );

  app.get(
    "/api/v1/stores/:slug/products/:product",
    { schema: { params: ProductPath } },
    async (request, reply) => {
      const store = await requireStore(db, request.params.slug);
      const product = await findProduct(db, store.id, parseProductId(request.params.product));
      if (!product) throw notFound("This shop has no such product.");
      return sendJson(reply, productJson(product, environment.publicUrl));
    },
  );

  const headers = Type.Object({ "idempotency-key": Type.String({ pattern: "^[A-Za-z0-9-]{16,64}$" }) });
  const line = Type.Object({
    productId: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
    quantity: Type.Integer({ minimum: 1, maximum: MAX_QUANTITY }),
  });
  const address = Type.Object({
    street: Type.String(),
    landmark: Type.Optional(Type.String()),
    city: Type.String(),
    pin: Type.String(),
  });
  const body = Type.Object({
    buyer: Type.Object({ name: Type.String(), phone: Type.String(), address }),
    lines: Type.Array(line, { minItems: 1, maxItems: MAX_LINES }),
    expectedTotalPaise: Type.Optional(Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER })),
  });
  const schema = { params: StorePath, headers, body };
  app.post("/api/v1/stores/:slug/orders", { schema }, async (request, reply) => {
    const store = await requireStore(db, request.params.slug);
    const { lines, expectedTotalPaise } = request.body;
    if (new Set(lines.map((entry) => entry.productId)).size < lines.length)
      throw new Problem(400, "invalid-input", "Some of the input is not valid.", {
        details: [{ path: "body/lines", reason: "must name each product once" }],
      });
    const { address: sent, ...person } = request.body.buyer;
    const buyer = parseBuyer({ ...person, landmark: "", ...sent });
    if ("errors" in buyer)
      throw new Problem(400, "invalid-input", "Some of the input is not valid.", {
        details: Object.entries(buyer.errors).map(([name, reason]) => ({
          path: name in person ? `body/buyer/${name}` : `body/buyer/address/${name}`,
          reason,
        })),
      });

    const result = await placeOrder(db, {
      storeId: store.id,
      idempotencyKey: request.headers["idempotency-key"],
      buyer,
      lines,
      ...(expectedTotalPaise !== undefined && { expectedTotalPaise }),
    });
    if (result.outcome === "out-of-stock")
      throw new Problem(409, "out-of-stock", "The shop does not have everything in that number.", {
        details: result.shortages.map(({ productId, available }) => ({
          path: `product ${productId}`,
          reason: `${available} available`,
        })),
      });
    if (result.outcome === "total-changed")
      throw new Problem(409, "total-changed", `The total is ${result.totalPaise} paise now.`);
    if (result.outcome === "key-reused")
      throw new Problem(409, "key-reused", "Another order was placed under this Idempotency-Key.");
    const url = `${environment.publicUrl}/o/${result.publicId}`;
    return sendJson(reply.code(result.outcome === "placed" ? 201 : 200), { id: result.publicId, url });
  });

  const orderPath = Type.Object({ order: Type.String({ pattern: "^[A-Za-z0-9_-]{22}$" }) });
  app.get("/api/v1/orders/:order", { schema: { params: orderPath } }, async (request, reply) => {
    const order = await findOrder(db, { publicId: request.params.order });
    if (!order) throw notFound("There is no such order.");
    const { publicId: id, number, status, totalPaise, createdAt, store, lines } = order;
    return sendJson(reply, { id, number, status, totalPaise, createdAt, store: store.slug, lines });
  });
}

function sendJson(reply: FastifyReply, body: object): FastifyReply {
  return reply.header("cache-control", "no-store").send(body);
}
