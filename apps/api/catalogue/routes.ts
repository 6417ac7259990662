import { Type } from "@fastify/type-provider-typebox";
import type { App } from "../http/app.js";
import { sendPublicPage } from "../http/caching.js";
import { notFound } from "../http/problem.js";
import type { Services } from "../services.js";
import { StorePath, storeIsElsewhere } from "../stores/store-path.js";
import { isCategorySlug } from "./categories.js";
import { CURSOR_PATTERN, parseCursor, type Cursor } from "./cursor.js";
import { productPage, shopPage } from "./pages.js";
import { findProductFront, findShopFront } from "./shop-front.js";

/** Products on a shop's page: divides evenly into rows of 2, 3, 4 and 6. */
export const PAGE_SIZE = 24;

/** What buyers look at: a shop and its products. These pages are the same for everybody. */
export function registerCatalogueRoutes(app: App, { db, layout }: Services): void {
  const querystring = Type.Object({ page: Type.Optional(Type.String({ pattern: CURSOR_PATTERN })) });

  app.get("/s/:slug", { schema: { params: StorePath, querystring } }, async (request, reply) => {
    const { slug } = request.params;
    const front = await findShopFront(db, slug, PAGE_SIZE, { cursor: cursorOf(request.query) });
    const { store, ...content } = front ?? (await storeIsElsewhere(db, slug));
    return sendPublicPage(request, reply, shopPage(layout, store, content));
  });

  const params = Type.Object({ ...StorePath.properties, category: Type.String() });
  app.get("/s/:slug/c/:category", { schema: { params, querystring } }, async (request, reply) => {
    const { slug, category: wanted } = request.params;
    if (!isCategorySlug(wanted)) throw noSuchCategory();
    const options = { cursor: cursorOf(request.query), category: wanted };
    const front = await findShopFront(db, slug, PAGE_SIZE, options);
    const { store, ...content } = front ?? (await storeIsElsewhere(db, slug));
    const category = content.categories.find((one) => one.slug === wanted);
    if (!category) throw noSuchCategory();
    return sendPublicPage(request, reply, shopPage(layout, store, { ...content, category }));
  });

  app.get("/s/:slug/p/:product", { schema: { params: ProductPath } }, async (request, reply) => {
    const { slug, product: id } = request.params;
    const front = await findProductFront(db, slug, parseProductId(id));
    const { store, product } = front ?? (await storeIsElsewhere(db, slug));
    if (!product) throw notFound("This shop has no such product.");
    return sendPublicPage(request, reply, productPage(layout, store, product));
  });
}

function noSuchCategory() {
  return notFound("This shop has no such category.");
}

function cursorOf({ page }: { page?: string }): Cursor | undefined {
  return page === undefined ? undefined : parseCursor(page);
}

/** Path parameters of a product's page. Its id stands there and no text: it stays right whatever the product is called. */
export const ProductPath = Type.Object({ slug: Type.String(), product: Type.String() });

/** Reads a product's id from an address; anything else is an address that leads nowhere. */
export function parseProductId(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw notFound("This shop has no such product.");
  return Number(text);
}
