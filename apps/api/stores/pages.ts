import type { PageOwner } from "../auth/merchant-area.js";
import { errorSummary, textField, type FieldErrors } from "../pages/form.js";
import { html } from "../pages/html.js";
import type { Layout } from "../pages/layout.js";
import { SLUG_MAX } from "./slug.js";
import { STORE_NAME_MAX, type Store } from "./stores.js";

/** The platform's front page. */
export function homePage(layout: Layout): string {
  return layout({
    title: "Dukaan: open your own online shop",
    description: "Open an online shop in a minute, add your products and share the link.",
    main: html`<div class="hero">
      <section>
        <h1>Your shop, online in a minute</h1>
        <p class="lead">
          Choose a name, add what you sell, share the link. Your customers order from any phone.
        </p>
        <ul class="ticks">
          <li>Works on every phone, also on slow ones</li>
          <li>Stock is counted for you, to the last piece</li>
          <li>Orders arrive in one list</li>
        </ul>
      </section>
      <section class="card" aria-labelledby="open">
        <h2 id="open">Open your shop</h2>
        <p>All it takes is your mobile number: we send a code to it, and you are in. No password.</p>
        <p><a class="button wide" href="/stores">Open your shop</a></p>
      </section>
    </div>`,
  });
}

/** A merchant's shops, the form that opens one, and signing out everywhere. */
export function storesPage(
  layout: Layout,
  merchant: PageOwner,
  stores: readonly Store[],
  host: string,
  form: { values: { name: string; slug: string }; errors: FieldErrors } = {
    values: { name: "", slug: "" },
    errors: {},
  },
): string {
  const { values, errors } = form;
  return layout({
    title: "Your shops – Dukaan",
    merchant,
    main: html`<section class="narrow">
      <h1>${stores.length === 0 ? "Open your shop" : "Your shops"}</h1>
      !${storeList(stores)}
      <section class="card" aria-labelledby="open">
        <h2 id="open">${stores.length === 0 ? "Name your shop" : "Open another shop"}</h2>
        !${errorSummary(errors)}
        <form method="post" action="/stores">
          !${merchant.formField()}
          !${textField(
            {
              name: "name",
              label: "Name of the shop",
              value: values.name,
              maxlength: STORE_NAME_MAX,
              autocomplete: "organization",
            },
            errors,
          )}
          !${textField(
            {
              name: "slug",
              label: "Address",
              value: values.slug,
              maxlength: SLUG_MAX,
              required: false,
              hint: `${host}/s/… Leave it empty and we make it from the name.`,
            },
            errors,
          )}
          <button class="button wide">Open the shop</button>
        </form>
      </section>
      <form method="post" action="/logout/everywhere">
        !${merchant.formField()}
        <p>Lost a phone? <button class="link">Sign out on all devices</button></p>
      </form>
    </section>`,
  });
}

function storeList(stores: readonly Store[]): string {
  if (stores.length === 0) return "";
  return html`<ul class="rows">
    !${stores.map((store) => html`<li><a href="/admin/${store.slug}">${store.name}</a></li> `)}
  </ul>`;
}

/** Where opening a shop leads: its address, to share. */
export function storeOpenedPage(
  layout: Layout,
  merchant: PageOwner,
  store: Store,
  publicUrl: string,
): string {
  return layout({
    title: `${store.name} is open`,
    store,
    merchant,
    main: html`<section class="narrow">
      <h1>${store.name} is open</h1>
      <p>Your shop’s address, to share with customers:</p>
      <p class="copy"><a href="/s/${store.slug}">${publicUrl}/s/${store.slug}</a></p>
      <p><a class="button" href="/admin/${store.slug}/products/new">Add your first product</a></p>
    </section>`,
  });
}
