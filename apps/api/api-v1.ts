import { Type } from "@fastify/type-provider-typebox";
import {
  OrderBody,
  OrderHeaders,
  OrderPath,
  OrderResponses,
  PlaceOrderResponses,
  ProductListResponses,
  ProductResponses,
  StoreResponses,
} from "./api-v1-schemas.js";
import { addressSubject } from "./auth/rate-limits.js";
import { CURSOR_PATTERN, parseCursor } from "./catalogue/cursor.js";
import { listedProductJson, productJson } from "./catalogue/json.js";
import { findProduct, listProducts } from "./catalogue/products.js";
import { parseProductId, ProductPath } from "./catalogue/routes.js";
import type { App } from "./http/app.js";
import { sendPublicJson } from "./http/caching.js";
import { collectOperations } from "./http/openapi.js";
import { notFound, Problem } from "./http/problem.js";
import { parseBuyer } from "./orders/buyer.js";
import { placeOrder, TOO_MANY_ORDERS } from "./orders/checkout.js";
import { findOrder } from "./orders/orders.js";
import type { Services } from "./services.js";
import { requireStore, StorePath } from "./stores/store-path.js";

const PAGE_SIZE = 100;

const INFO = {
  title: "Dukaan",
  version: "1",
  description:
    "The buyer's side of every shop. Errors have one shape; whatever answers 503 may be repeated, orders under the same Idempotency-Key.",
};

/** The buyer's side as JSON: what the pages show, and placing an order; /api/v1/openapi.json describes it. */
export function registerApiV1(app: App, { db, environment, limits }: Services): void {
  const describe = collectOperations(app, INFO, environment.publicUrl);

  const store = { summary: "A store", params: StorePath, response: StoreResponses };
  app.get("/api/v1/stores/:slug", { schema: store }, async (request, reply) => {
    const { slug, name } = await requireStore(db, request.params.slug);
    return sendPublicJson(request, reply, { slug, name, url: `${environment.publicUrl}/s/${slug}` });
  });

  const querystring = Type.Object({ page: Type.Optional(Type.String({ pattern: CURSOR_PATTERN })) });
  const list = { summary: "Its products", params: StorePath, querystring, response: ProductListResponses };
  app.get("/api/v1/stores/:slug/products", { schema: list }, async (request, reply) => {
    const { id } = await requireStore(db, request.params.slug);
    const cursor = request.query.page === undefined ? undefined : parseCursor(request.query.page);
    const { rows, newer = null, older = null } = await listProducts(db, id, cursor, PAGE_SIZE);
    return sendPublicJson(request, reply, {
      products: rows.map((row) => listedProductJson(row, environment.publicUrl)),
      newer,
      older,
    });
  });

  const product = { summary: "One product", params: ProductPath, response: ProductResponses };
  app.get("/api/v1/stores/:slug/products/:product", { schema: product }, async (request, reply) => {
    const { id } = await requireStore(db, request.params.slug);
    const found = await findProduct(db, id, parseProductId(request.params.product));
    if (!found) throw notFound("This shop has no such product.");
    return sendPublicJson(request, reply, productJson(found, environment.publicUrl));
  });

  const place = {
    summary: "Place an order",
    params: StorePath,
    headers: OrderHeaders,
    body: OrderBody,
    response: PlaceOrderResponses,
  };
  app.post("/api/v1/stores/:slug/orders", { schema: place }, async (request, reply) => {
    const { id: storeId } = await requireStore(db, request.params.slug);
    const { lines, expectedTotalPaise } = request.body;
    if (new Set(lines.map((entry) => entry.productId)).size < lines.length)
      throw new Problem(400, "invalid-input", "Some of the input is not valid.", {
        details: [{ path: "body/lines", reason: "must name each product once" }],
      });
    const { name, phone, address } = request.body.buyer;
    const { street, landmark = "", city, pin } = address;
    const buyer = parseBuyer({ name, phone, street, landmark, city, pin });
    if ("errors" in buyer)
      throw new Problem(400, "invalid-input", "Some of the input is not valid.", {
        details: Object.entries(buyer.errors).map(([field, reason]) => ({
          path: `body/buyer/${field === "name" || field === "phone" ? "" : "address/"}${field}`,
          reason,
        })),
      });

    const result = await placeOrder(db, limits, {
      storeId,
      from: addressSubject(request.ip),
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
    if (result.outcome === "too-many")
      throw new Problem(429, "too-many-orders", TOO_MANY_ORDERS, { retryAfter: result.waitSeconds });
    const url = `${environment.publicUrl}/o/${result.publicId}`;
    return await reply
      .code(result.outcome === "placed" ? 201 : 200)
      .header("cache-control", "no-store")
      .send({ id: result.publicId, url });
  });

  const read = { summary: "An order", params: OrderPath, response: OrderResponses };
  app.get("/api/v1/orders/:order", { schema: read }, async (request, reply) => {
    const order = await findOrder(db, { publicId: request.params.order });
    if (!order) throw notFound("There is no such order.");
    const { publicId: id, number, status, totalPaise, createdAt, store: of, lines } = order;
    return await reply.header("cache-control", "no-store").send({
      id,
      number,
      status,
      totalPaise,
      createdAt: createdAt.toISOString(),
      store: of.slug,
      lines: lines.map(({ productId, name, pricePaise, quantity }) => ({
        productId,
        name,
        pricePaise,
        quantity,
      })),
    });
  });

  const document = describe();
  app.get("/api/v1/openapi.json", (request, reply) => sendPublicJson(request, reply, document));
  refuseOtherMethods(app, document.paths);
}

/** 405 with what is allowed, where the address is right and the method is not. */
function refuseOtherMethods(app: App, paths: Readonly<Record<string, object>>): void {
  for (const [path, operations] of Object.entries(paths)) {
    const known = Object.keys(operations).map((method) => method.toUpperCase());
    const allowed = known.includes("GET") ? [...known, "HEAD"] : known;
    app.route({
      method: app.supportedMethods.filter((method) => !allowed.includes(method)),
      url: path.replaceAll(/\{(\w+)\}/g, ":$1"),
      // Before a body is asked for.
      onRequest: async (_request, reply) => {
        reply.header("allow", allowed.join(", "));
        throw new Problem(405, "method-not-allowed", `Use ${allowed.join(" or ")} here.`);
      },
      handler: () => undefined,
    });
  }
}
