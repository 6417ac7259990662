import { Type } from "@fastify/type-provider-typebox";
import type { FastifyRequest } from "fastify";
import type { App } from "../http/app.js";
import { sendPrivatePage } from "../http/caching.js";
import type { Services } from "../services.js";
import { StorePath } from "../stores/store-path.js";
import { findStoreByAdminKey } from "../stores/stores.js";
import { registerAddressRoutes } from "./address-routes.js";
import { registerCategoryRoutes } from "./category-routes.js";
import { readDashboard } from "./dashboard.js";
import { dashboardPage } from "./dashboard-page.js";
import { registerOrderAdminRoutes } from "./order-routes.js";
import { loginPage } from "./pages.js";
import { registerProductRoutes } from "./product-routes.js";
import { clearSessionCookie, readSessionCookie, setSessionCookie } from "./session-cookie.js";
import { merchantStore } from "./signed-in.js";
import { registerWhatsappRoutes } from "./whatsapp-routes.js";

/** What only a store's merchant may see and do. Every route but signing in asks {@link merchantStore} first. */
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

  app.get("/admin/:slug", { schema: { params: StorePath } }, async (request, reply) => {
    const store = await merchantStore(services, request, request.params.slug);
    const dashboard = await readDashboard(db, store.id);
    return sendPrivatePage(reply, dashboardPage(layout, store, dashboard, environment.publicUrl));
  });

  registerAddressRoutes(app, services);
  registerCategoryRoutes(app, services);
  registerProductRoutes(app, services);
  registerOrderAdminRoutes(app, services);
  registerWhatsappRoutes(app, services);

  async function closeSession(request: FastifyRequest): Promise<void> {
    const token = readSessionCookie(request, environment);
    if (token !== undefined) await sessions.close(token);
  }
}
