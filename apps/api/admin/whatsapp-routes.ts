import { Type } from "@fastify/type-provider-typebox";
import { merchantStore, signedIn, type PageOwner } from "../auth/merchant-area.js";
import type { Database } from "../database/database.js";
import type { App } from "../http/app.js";
import { sendPrivatePage } from "../http/caching.js";
import { errorSummary, textField, type FieldErrors } from "../pages/form.js";
import { html } from "../pages/html.js";
import { formatPhone, parsePhone, PHONE_RULE } from "../phone.js";
import type { Services } from "../services.js";
import { recordEvents } from "../outbox.js";
import { StorePath } from "../stores/store-path.js";
import type { Store } from "../stores/stores.js";

/** The WhatsApp number that buyers of a shop may write to; there is none until the merchant enters it. */
export function registerWhatsappRoutes(app: App, services: Services): void {
  const { db, layout } = services;

  app.get("/admin/:slug/whatsapp", { schema: { params: StorePath } }, async (request, reply) => {
    const store = merchantStore(request);
    const { whatsapp_phone: phone } = await db
      .selectFrom("stores")
      .select("whatsapp_phone")
      .where("id", "=", store.id)
      .executeTakeFirstOrThrow();
    return sendPrivatePage(reply, page(signedIn(request), store, phone === null ? "" : formatPhone(phone)));
  });

  const body = Type.Object({ phone: Type.String() });
  app.post("/admin/:slug/whatsapp", { schema: { params: StorePath, body } }, async (request, reply) => {
    const store = merchantStore(request);
    const text = request.body.phone.trim();
    const phone = text === "" ? null : parsePhone(text);
    if (phone === undefined)
      return sendPrivatePage(
        reply.code(422),
        page(signedIn(request), store, text, { phone: `${PHONE_RULE} Leave it empty to show none.` }),
      );
    await saveNumber(db, store.id, phone);
    return reply.redirect(`/admin/${store.slug}`, 303);
  });

  function page(merchant: PageOwner, store: Store, phone: string, errors: FieldErrors = {}): string {
    return layout({
      title: `WhatsApp – ${store.name}`,
      store,
      merchant,
      main: html`<section class="narrow">
        <p class="back"><a href="/admin/${store.slug}">Dashboard</a></p>
        <h1>WhatsApp number</h1>
        <p>
          Whoever has ordered can send you the order on WhatsApp. With a number here the message goes straight
          to it, and buyers see the number. Leave it empty to show none.
        </p>
        !${errorSummary(errors)}
        <form method="post" action="/admin/${store.slug}/whatsapp">
          !${merchant.formField()}
          !${textField(
            {
              name: "phone",
              label: "WhatsApp number",
              value: phone,
              type: "tel",
              maxlength: 20,
              autocomplete: "tel",
              required: false,
            },
            errors,
          )}
          <button class="button wide">Save</button>
        </form>
      </section>`,
    });
  }
}

/** @param phone `+91` and ten digits; null: none */
async function saveNumber(db: Database, storeId: number, phone: string | null): Promise<void> {
  await db.transaction().execute(async (transaction) => {
    const store = await transaction
      .updateTable("stores")
      .set({ whatsapp_phone: phone })
      .where("id", "=", storeId)
      .where("whatsapp_phone", "is distinct from", phone)
      .returning(["id as storeId", "slug", "name", "whatsapp_phone as whatsappPhone"])
      .executeTakeFirst();
    // Sent twice: it is there, and consumers know.
    if (store) await recordEvents(transaction, [{ type: "store.updated", payload: store }]);
  });
}
