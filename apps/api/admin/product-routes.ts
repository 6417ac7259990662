import { Type } from "@fastify/type-provider-typebox";
import { listCategories } from "../catalogue/categories.js";
import { CURSOR_PATTERN, parseCursor } from "../catalogue/cursor.js";
import { createProduct, findProduct, listProducts, updateProduct } from "../catalogue/products.js";
import { parseProductId, ProductPath } from "../catalogue/routes.js";
import type { App } from "../http/app.js";
import { sendPrivatePage } from "../http/caching.js";
import { notFound } from "../http/problem.js";
import type { FieldErrors } from "../pages/form.js";
import type { Services } from "../services.js";
import { StorePath } from "../stores/store-path.js";
import type { Store } from "../stores/stores.js";
import { NO_CATEGORY, parseProduct } from "./product-form.js";
import { editProductPage, newProductPage, productsPage } from "./product-pages.js";
import { merchantStore } from "./signed-in.js";

const PAGE_SIZE = 50;

/** A merchant's products: the list, adding one, changing one. */
export function registerProductRoutes(app: App, services: Services): void {
  const { db, layout } = services;

  const querystring = Type.Object({ page: Type.Optional(Type.String({ pattern: CURSOR_PATTERN })) });
  app.get("/admin/:slug/products", { schema: { params: StorePath, querystring } }, async (request, reply) => {
    const store = await merchantStore(services, request, request.params.slug);
    const cursor = request.query.page === undefined ? undefined : parseCursor(request.query.page);
    const products = await listProducts(db, store.id, cursor, PAGE_SIZE, { withHidden: true });
    return sendPrivatePage(reply, productsPage(layout, store, products));
  });

  app.get("/admin/:slug/products/new", { schema: { params: StorePath } }, async (request, reply) => {
    const store = await merchantStore(services, request, request.params.slug);
    return sendPrivatePage(reply, newProductPage(layout, store, await listCategories(db, store.id)));
  });

  const text = Type.Optional(Type.String());
  const body = Type.Object({
    name: Type.String(),
    price: Type.String(),
    stock: Type.String(),
    description: text,
    compareAt: text,
    category: text,
    position: text,
    hidden: text,
  });
  app.post("/admin/:slug/products", { schema: { params: StorePath, body } }, async (request, reply) => {
    const store = await merchantStore(services, request, request.params.slug);
    const refuse = async (errors: FieldErrors) =>
      sendPrivatePage(
        reply.code(422),
        newProductPage(layout, store, await listCategories(db, store.id), { values: request.body, errors }),
      );

    const product = parseProduct(request.body);
    if ("errors" in product) return await refuse(product.errors);
    if ((await createProduct(db, store.id, product)) === "no-category")
      return await refuse({ category: NO_CATEGORY });
    return reply.redirect(`/admin/${store.slug}/products`, 303);
  });

  app.get("/admin/:slug/products/:product", { schema: { params: ProductPath } }, async (request, reply) => {
    const store = await merchantStore(services, request, request.params.slug);
    const product = await requireProduct(store, request.params.product);
    return sendPrivatePage(
      reply,
      editProductPage(layout, store, product, await listCategories(db, store.id)),
    );
  });

  const change = Type.Object({ ...body.properties, stockBefore: Type.String({ pattern: "^[0-9]{1,7}$" }) });
  app.post(
    "/admin/:slug/products/:product",
    { schema: { params: ProductPath, body: change } },
    async (request, reply) => {
      const store = await merchantStore(services, request, request.params.slug);
      const product = await requireProduct(store, request.params.product);
      const refuse = async (errors: FieldErrors) => {
        const categories = await listCategories(db, store.id);
        const form = { values: request.body, errors };
        return sendPrivatePage(reply.code(422), editProductPage(layout, store, product, categories, form));
      };

      const parsed = parseProduct(request.body);
      if ("errors" in parsed) return await refuse(parsed.errors);
      const { stock, ...rest } = parsed;
      const stockChange = stock - Number(request.body.stockBefore);
      const updated = await updateProduct(db, store.id, product.id, { ...rest, stockChange });
      if (updated === "no-category") return await refuse({ category: NO_CATEGORY });
      if (updated === "stock-out-of-range")
        return await refuse({
          stock: `The stock has changed meanwhile: ${product.stock} left. Please enter it anew.`,
        });
      return reply.redirect(`/admin/${store.slug}/products`, 303);
    },
  );

  async function requireProduct(store: Store, id: string) {
    const product = await findProduct(db, store.id, parseProductId(id), { withHidden: true });
    if (!product) throw notFound("Your shop has no such product.");
    return product;
  }
}
