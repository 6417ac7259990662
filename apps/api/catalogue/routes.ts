import { Type } from "@fastify/type-provider-typebox";
import type { App } from "../http/app.js";
import { sendPublicPage } from "../http/caching.js";
import { notFound } from "../http/problem.js";
import type { Services } from "../services.js";
import { requireStore, StorePath } from "../stores/store-path.js";
import { CURSOR_PATTERN, parseCursor } from "./cursor.js";
import { productPage, shopPage } from "./pages.js";
import { findProduct, listProducts } from "./products.js";

/** Products on a shop's page: divides evenly into rows of 2, 3, 4 and 6. */
export const PAGE_SIZE = 24;

/** What buyers look at: a shop and its products. These pages are the same for everybody. */
export function registerCatalogueRoutes(app: App, { db, layout }: Services): void {
  const querystring = Type.Object({ page: Type.Optional(Type.String({ pattern: CURSOR_PATTERN })) });

  app.get("/s/:slug", { schema: { params: StorePath, querystring } }, async (request, reply) => {
    const store = await requireStore(db, request.params.slug);
    const cursor = request.query.page === undefined ? undefined : parseCursor(request.query.page);
    const page = await listProducts(db, store.id, cursor, PAGE_SIZE);
    return sendPublicPage(request, reply, shopPage(layout, store, page));
  });

  app.get("/s/:slug/p/:product", { schema: { params: ProductPath } }, async (request, reply) => {
    const store = await requireStore(db, request.params.slug);
    const product = await findProduct(db, store.id, parseProductId(request.params.product));
    if (!product) throw notFound("This shop has no such product.");
    return sendPublicPage(request, reply, productPage(layout, store, product));
  });
}

/** Path parameters of a product's page. */
export const ProductPath = Type.Object({ slug: Type.String(), product: Type.String() });

/** Reads a product's id from an address; anything else is an address that leads nowhere. */
export function parseProductId(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw notFound("This shop has no such product.");
  return Number(text);
}
