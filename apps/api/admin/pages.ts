import { html } from "ghtml";
import { textField } from "../pages/form.js";
import type { Layout } from "../pages/layout.js";

/** Where a merchant opens the dashboard with the key. */
export function loginPage(layout: Layout, values: { slug: string }, error?: string): string {
  return layout({
    title: "Sign in – Dukaan",
    main: html`<section class="narrow card">
      <h1>Sign in</h1>
      !${error ? html`<p class="notice bad" role="alert">${error}</p>` : ""}
      <form method="post" action="/login">
        !${textField({
          name: "slug",
          label: "Address of the shop",
          value: values.slug,
          autocomplete: "username",
          hint: "The part after /s/",
        })}
        !${textField({ name: "key", label: "Key", type: "password", autocomplete: "current-password" })}
        <button class="button wide">Sign in</button>
      </form>
    </section>`,
  });
}
