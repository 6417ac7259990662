import { Type } from "@fastify/type-provider-typebox";
import { merchantStore, signedIn, type PageOwner } from "../auth/merchant-area.js";
import type { App } from "../http/app.js";
import { sendPrivatePage } from "../http/caching.js";
import { errorSummary, textField, type FieldErrors } from "../pages/form.js";
import { html } from "../pages/html.js";
import type { Services } from "../services.js";
import { FORMER_SLUGS_MAX, moveStore } from "../stores/moved.js";
import { isSlug, SLUG_MAX, SLUG_RULE } from "../stores/slug.js";
import { StorePath } from "../stores/store-path.js";
import type { Store } from "../stores/stores.js";

/** Changing the address of a merchant's shop; the one before goes on leading there. */
export function registerAddressRoutes(app: App, services: Services): void {
  const { db, environment, layout } = services;

  app.get("/admin/:slug/address", { schema: { params: StorePath } }, async (request, reply) => {
    const store = merchantStore(request);
    return sendPrivatePage(reply, page(signedIn(request), store, store.slug, {}));
  });

  const body = Type.Object({ slug: Type.String() });
  app.post("/admin/:slug/address", { schema: { params: StorePath, body } }, async (request, reply) => {
    const store = merchantStore(request);
    const slug = request.body.slug.trim();
    const refuse = (message: string) =>
      sendPrivatePage(reply.code(422), page(signedIn(request), store, slug, { slug: message }));

    if (!isSlug(slug)) return refuse(`The address must be ${SLUG_RULE}.`);
    const refusal = await moveStore(db, store.id, slug);
    if (refusal === "slug-taken") return refuse(`The address ${slug} is taken already; choose another one.`);
    if (refusal === "too-many")
      return refuse(
        `Your shop has had ${FORMER_SLUGS_MAX} other addresses, which go on leading to it. It can go back to one of them, but take no new one.`,
      );
    return reply.redirect(`/admin/${slug}`, 303);
  });

  function page(merchant: PageOwner, store: Store, slug: string, errors: FieldErrors): string {
    return layout({
      title: `Address – ${store.name}`,
      store,
      merchant,
      main: html`<section class="narrow">
        <p class="back"><a href="/admin/${store.slug}">Dashboard</a></p>
        <h1>Address of your shop</h1>
        <p>
          It is <strong>${environment.publicUrl}/s/${store.slug}</strong>. When you change it, links to this
          one go on working, and nobody else can take it. What buyers have in their carts at that moment is
          forgotten.
        </p>
        !${errorSummary(errors)}
        <form method="post" action="/admin/${store.slug}/address">
          !${merchant.formField()}
          !${textField({ name: "slug", label: "New address", value: slug, maxlength: SLUG_MAX }, errors)}
          <button class="button wide">Change the address</button>
        </form>
      </section>`,
    });
  }
}
