import { html } from "ghtml";
import { errorSummary, textField, type FieldErrors } from "../pages/form.js";
import type { Layout } from "../pages/layout.js";
import { SLUG_MAX } from "./slug.js";
import { STORE_NAME_MAX, type CreatedStore } from "./stores.js";

/** The platform's front page with the form that opens a shop. */
export function homePage(
  layout: Layout,
  host: string,
  values: { name: string; slug: string } = { name: "", slug: "" },
  errors: FieldErrors = {},
): string {
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
        !${errorSummary(errors)}
        <form method="post" action="/stores">
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
    </div>`,
  });
}

/** Shown once after a shop was opened: its address and the key to its dashboard. */
export function storeCreatedPage(layout: Layout, created: CreatedStore, publicUrl: string): string {
  const { store, adminKey } = created;
  return layout({
    title: `${store.name} is open`,
    store,
    area: "admin",
    main: html`<section class="narrow">
      <h1>${store.name} is open</h1>
      <p>Your shop’s address, to share with customers:</p>
      <p class="copy"><a href="/s/${store.slug}">${publicUrl}/s/${store.slug}</a></p>
      <div class="notice">
        <h2>Keep this key</h2>
        <p>
          It opens the dashboard of your shop on other devices. We show it only now and cannot show it again.
        </p>
        <p class="copy"><code>${adminKey}</code></p>
      </div>
      <p><a class="button" href="/admin/${store.slug}/products/new">Add your first product</a></p>
    </section>`,
  });
}
