import { merchantStore, signedIn } from "../auth/merchant-area.js";
import type { App } from "../http/app.js";
import { sendPrivatePage } from "../http/caching.js";
import type { Services } from "../services.js";
import { StorePath } from "../stores/store-path.js";
import { registerAddressRoutes } from "./address-routes.js";
import { registerCategoryRoutes } from "./category-routes.js";
import { registerImageAdminRoutes } from "./image-routes.js";
import { readDashboard } from "./dashboard.js";
import { dashboardPage } from "./dashboard-page.js";
import { registerOrderAdminRoutes } from "./order-routes.js";
import { registerProductRoutes } from "./product-routes.js";
import { registerWhatsappRoutes } from "./whatsapp-routes.js";

/** What a merchant sees and does in one store; routes of the merchant area. */
export function registerAdminRoutes(area: App, services: Services): void {
  const { environment, layout } = services;

  area.get("/admin/:slug", { schema: { params: StorePath } }, async (request, reply) => {
    const store = merchantStore(request);
    const dashboard = await readDashboard(services, store.id);
    const page = dashboardPage(layout, signedIn(request), store, dashboard, environment.publicUrl);
    return sendPrivatePage(reply, page);
  });

  registerAddressRoutes(area, services);
  registerCategoryRoutes(area, services);
  registerProductRoutes(area, services);
  registerImageAdminRoutes(area, services);
  registerOrderAdminRoutes(area, services);
  registerWhatsappRoutes(area, services);
}
