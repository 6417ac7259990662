import { Type } from "@fastify/type-provider-typebox";
import { applyOnce } from "../auth/apply-once.js";
import { merchantStore, sentForm, signedIn } from "../auth/merchant-area.js";
import type { App } from "../http/app.js";
import { sendPrivatePage, sendPublicPage } from "../http/caching.js";
import type { FieldErrors } from "../pages/form.js";
import type { Services } from "../services.js";
import { parseTextLine } from "../text-line.js";
import { homePage, storeOpenedPage, storesPage } from "./pages.js";
import { isSlug, SLUG_RULE, slugFromName } from "./slug.js";
import { StorePath } from "./store-path.js";
import { createStore, listStores, STORE_NAME_MAX, STORES_MAX } from "./stores.js";

/** The front page. */
export function registerHomePage(app: App, { layout }: Services): void {
  app.get("/", (request, reply) => sendPublicPage(request, reply, homePage(layout)));
}

/** A merchant's stores, and opening another; routes of the merchant area. */
export function registerStoreRoutes(area: App, services: Services): void {
  const { db, environment, layout } = services;
  const { host } = new URL(environment.publicUrl);

  area.get("/stores", async (request, reply) => {
    const merchant = signedIn(request);
    const stores = await listStores(db, merchant.merchantId);
    return sendPrivatePage(reply, storesPage(layout, merchant, stores, host));
  });

  const body = Type.Object({ name: Type.String(), slug: Type.Optional(Type.String()) });
  area.post("/stores", { schema: { body } }, async (request, reply) => {
    const merchant = signedIn(request);
    const values = { name: request.body.name, slug: request.body.slug ?? "" };
    const refuse = async (errors: FieldErrors) => {
      const stores = await listStores(db, merchant.merchantId);
      return sendPrivatePage(reply.code(422), storesPage(layout, merchant, stores, host, { values, errors }));
    };

    const parsed = parseStore(values);
    if ("errors" in parsed) return await refuse(parsed.errors);
    const applied = await applyOnce(db, sentForm(request, parsed), async (transaction) => {
      const store = await createStore(transaction, merchant.merchantId, parsed);
      return typeof store === "string" ? { refusal: store } : { location: `/admin/${store.slug}/opened` };
    });
    if ("location" in applied) return reply.redirect(applied.location, 303);
    const reasons: Record<typeof applied.refusal, FieldErrors> = {
      "sent-otherwise": { name: "You opened a shop with this form already. Send it again to open one more." },
      "slug-taken": { slug: `The address ${parsed.slug} is taken already; choose another one.` },
      "too-many": { name: `You have ${STORES_MAX} shops; nobody can open more.` },
    };
    return await refuse(reasons[applied.refusal]);
  });

  area.get("/admin/:slug/opened", { schema: { params: StorePath } }, (request, reply) => {
    const page = storeOpenedPage(layout, signedIn(request), merchantStore(request), environment.publicUrl);
    return sendPrivatePage(reply, page);
  });
}

function parseStore(values: {
  name: string;
  slug: string;
}): { name: string; slug: string } | { errors: FieldErrors } {
  const errors: Record<string, string> = {};
  const name = parseTextLine(values.name, STORE_NAME_MAX);
  if (!name) errors["name"] = `The name must be one line of 1 to ${STORE_NAME_MAX} characters.`;
  const wanted = values.slug.trim();
  const slug = wanted === "" ? slugFromName(name ?? "") : wanted;
  if (wanted === "" && !slug) {
    if (name) errors["slug"] = `This name gives no address; please choose one: ${SLUG_RULE}.`;
  } else if (!slug || !isSlug(slug)) {
    errors["slug"] = `The address must be ${SLUG_RULE}.`;
  }
  return name && slug && Object.keys(errors).length === 0 ? { name, slug } : { errors };
}
