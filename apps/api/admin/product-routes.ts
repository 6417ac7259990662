import { Type } from "@fastify/type-provider-typebox";
import { applyOnce } from "../auth/apply-once.js";
import { merchantStore, sentForm, signedIn } from "../auth/merchant-area.js";
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

const PAGE_SIZE = 50;

/** A merchant's products: the list, adding one, changing one. */
export function registerProductRoutes(app: App, services: Services): void {
  const { db, layout } = services;

  const querystring = Type.Object({ page: Type.Optional(Type.String({ pattern: CURSOR_PATTERN })) });
  app.get("/admin/:slug/products", { schema: { params: StorePath, querystring } }, async (request, reply) => {
    const store = merchantStore(request);
    const cursor = request.query.page === undefined ? undefined : parseCursor(request.query.page);
    const products = await listProducts(db, store.id, cursor, PAGE_SIZE, { withHidden: true });
    return sendPrivatePage(reply, productsPage(layout, signedIn(request), store, products));
  });

  app.get("/admin/:slug/products/new", { schema: { params: StorePath } }, async (request, reply) => {
    const store = merchantStore(request);
    return sendPrivatePage(
      reply,
      newProductPage(layout, signedIn(request), store, await listCategories(db, store.id)),
    );
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
    const store = merchantStore(request);
    const refuse = async (errors: FieldErrors) =>
      sendPrivatePage(
        reply.code(422),
        newProductPage(layout, signedIn(request), store, await listCategories(db, store.id), {
          values: request.body,
          errors,
        }),
      );

    const product = parseProduct(request.body);
    if ("errors" in product) return await refuse(product.errors);
    const applied = await applyOnce(db, sentForm(request, product), async (transaction) => {
      const created = await createProduct(transaction, store.id, product);
      return created === "no-category" ? { refusal: created } : { location: `/admin/${store.slug}/products` };
    });
    if ("location" in applied) return reply.redirect(applied.location, 303);
    return await refuse(
      applied.refusal === "no-category"
        ? { category: NO_CATEGORY }
        : { name: "You added a product with this form already. Send it again to add one more." },
    );
  });

  app.get("/admin/:slug/products/:product", { schema: { params: ProductPath } }, async (request, reply) => {
    const store = merchantStore(request);
    const product = await requireProduct(store, request.params.product);
    return sendPrivatePage(
      reply,
      editProductPage(layout, signedIn(request), store, product, await listCategories(db, store.id)),
    );
  });

  const change = Type.Object({ ...body.properties, stockBefore: Type.String({ pattern: "^[0-9]{1,7}$" }) });
  app.post(
    "/admin/:slug/products/:product",
    { schema: { params: ProductPath, body: change } },
    async (request, reply) => {
      const store = merchantStore(request);
      const product = await requireProduct(store, request.params.product);
      // The difference between the two stocks is what was meant, so they are shown again together or not at all.
      const refuse = async (errors: FieldErrors, { stock, stockBefore } = request.body) => {
        const categories = await listCategories(db, store.id);
        const form = { values: { ...request.body, stock }, errors, stockBefore };
        return sendPrivatePage(
          reply.code(422),
          editProductPage(layout, signedIn(request), store, product, categories, form),
        );
      };

      const parsed = parseProduct(request.body);
      if ("errors" in parsed) return await refuse(parsed.errors);
      const { stock, ...rest } = parsed;
      const stockChange = stock - Number(request.body.stockBefore);
      const form = sentForm(request, { productId: product.id, ...rest, stockChange });
      const applied = await applyOnce(db, form, async (transaction) => {
        const updated = await updateProduct(transaction, store.id, product.id, { ...rest, stockChange });
        return typeof updated === "string"
          ? { refusal: updated }
          : { location: `/admin/${store.slug}/products` };
      });
      if ("location" in applied) return reply.redirect(applied.location, 303);
      if (applied.refusal === "no-category") return await refuse({ category: NO_CATEGORY });
      const now = await requireProduct(store, request.params.product);
      const left = String(now.stock);
      const message =
        applied.refusal === "sent-otherwise"
          ? `This form was saved already, and ${left} are in stock now. Please enter the stock anew.`
          : `The stock has changed meanwhile: ${left} left. Please enter it anew.`;
      return await refuse({ stock: message }, { ...request.body, stock: left, stockBefore: left });
    },
  );

  async function requireProduct(store: Store, id: string) {
    const product = await findProduct(db, store.id, parseProductId(id), { withHidden: true });
    if (!product) throw notFound("Your shop has no such product.");
    return product;
  }
}
