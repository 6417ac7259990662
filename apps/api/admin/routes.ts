import { Type } from "@fastify/type-provider-typebox";
import type { FastifyRequest } from "fastify";
import { CURSOR_PATTERN, parseCursor } from "../catalogue/cursor.js";
import { createProduct, findProduct, listProducts, updateProduct } from "../catalogue/products.js";
import { parseProductId, ProductPath } from "../catalogue/routes.js";
import type { App } from "../http/app.js";
import { sendPrivatePage } from "../http/caching.js";
import { notFound } from "../http/problem.js";
import { latestOrders } from "../orders/orders.js";
import type { FieldErrors } from "../pages/form.js";
import type { Services } from "../services.js";
import { StorePath } from "../stores/store-path.js";
import { findStoreByAdminKey, type Store } from "../stores/stores.js";
import { dashboardPage, editProductPage, loginPage, type ProductForm } from "./pages.js";
import { parseProduct } from "./product-form.js";
import { clearSessionCookie, readSessionCookie, setSessionCookie } from "./session-cookie.js";

const PAGE_SIZE = 50;
const ORDERS = 20;

/** What only a store's merchant may see and do. Every route but signing in asks {@link SignInRequired} first. */
export function registerAdminRoutes(app: App, services: Services): void {
  const { db, environment, layout, sessions } = services;

  app.get("/login", (_request, reply) => sendPrivatePage(reply, loginPage(layout, { slug: "" })));

  const credentials = Type.Object({ slug: Type.String(), key: Type.String() });
  app.post("/login", { schema: { body: credentials } }, async (request, reply) => {
    const slug = request.body.slug.trim();
    const store = await findStoreByAdminKey(db, slug, request.body.key.trim());
    if (!store)
      return sendPrivatePage(
        reply.code(403),
        loginPage(layout, { slug }, "No shop has this address and key. Please check both."),
      );
    await closeSession(request);
    setSessionCookie(reply, environment, await sessions.open(store.id));
    return reply.redirect(`/admin/${store.slug}`, 303);
  });

  app.post("/logout", async (request, reply) => {
    await closeSession(request);
    clearSessionCookie(reply, environment);
    return reply.redirect("/", 303);
  });

  const querystring = Type.Object({ page: Type.Optional(Type.String({ pattern: CURSOR_PATTERN })) });
  app.get("/admin/:slug", { schema: { params: StorePath, querystring } }, async (request, reply) => {
    const store = await merchantStore(request, request.params.slug);
    return sendPrivatePage(reply, await dashboard(store, request.query.page));
  });

  const body = Type.Object({ name: Type.String(), price: Type.String(), stock: Type.String() });
  app.post("/admin/:slug/products", { schema: { params: StorePath, body } }, async (request, reply) => {
    const store = await merchantStore(request, request.params.slug);
    const product = parseProduct(request.body);
    if ("errors" in product) {
      const form = { values: request.body, errors: product.errors };
      return sendPrivatePage(reply.code(422), await dashboard(store, undefined, form));
    }
    await createProduct(db, store.id, product);
    return reply.redirect(`/admin/${store.slug}`, 303);
  });

  app.get("/admin/:slug/products/:product", { schema: { params: ProductPath } }, async (request, reply) => {
    const store = await merchantStore(request, request.params.slug);
    const product = await requireProduct(store, request.params.product);
    return sendPrivatePage(reply, editProductPage(layout, store, product));
  });

  const change = Type.Object({ ...body.properties, stockBefore: Type.String({ pattern: "^[0-9]{1,7}$" }) });
  app.post(
    "/admin/:slug/products/:product",
    { schema: { params: ProductPath, body: change } },
    async (request, reply) => {
      const store = await merchantStore(request, request.params.slug);
      const product = await requireProduct(store, request.params.product);
      const refuse = (errors: FieldErrors) =>
        sendPrivatePage(
          reply.code(422),
          editProductPage(layout, store, product, { values: request.body, errors }),
        );

      const parsed = parseProduct(request.body);
      if ("errors" in parsed) return refuse(parsed.errors);
      const updated = await updateProduct(db, store.id, product.id, {
        name: parsed.name,
        pricePaise: parsed.pricePaise,
        stockChange: parsed.stock - Number(request.body.stockBefore),
      });
      if (updated === "stock-out-of-range")
        return refuse({
          stock: `The stock has changed meanwhile: ${product.stock} left. Please enter it anew.`,
        });
      return reply.redirect(`/admin/${store.slug}`, 303);
    },
  );

  /** The merchant's store, if it is the one in the address; other stores do not exist for this merchant. */
  async function merchantStore(request: FastifyRequest, slug: string): Promise<Store> {
    const token = readSessionCookie(request, environment);
    const store = token === undefined ? undefined : await sessions.find(token);
    if (!store) throw new SignInRequired();
    if (store.slug !== slug) throw notFound("You have no shop at this address.");
    return store;
  }

  async function closeSession(request: FastifyRequest): Promise<void> {
    const token = readSessionCookie(request, environment);
    if (token !== undefined) await sessions.close(token);
  }

  async function requireProduct(store: Store, id: string) {
    const product = await findProduct(db, store.id, parseProductId(id));
    if (!product) throw notFound("Your shop has no such product.");
    return product;
  }

  async function dashboard(
    store: Store,
    page: string | undefined,
    form?: { values: ProductForm; errors: FieldErrors },
  ): Promise<string> {
    const [products, orders] = await Promise.all([
      listProducts(db, store.id, page === undefined ? undefined : parseCursor(page), PAGE_SIZE),
      latestOrders(db, store.id, ORDERS),
    ]);
    return dashboardPage(layout, store, { products, orders }, form);
  }
}

/** The visitor has no session; a browser is led to the sign-in page. */
export class SignInRequired extends Error {
  override name = "SignInRequired";
}
