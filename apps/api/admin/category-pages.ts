import type { PageOwner } from "../auth/merchant-area.js";
import { CATEGORY_NAME_MAX, POSITION_MAX, type Category } from "../catalogue/categories.js";
import { errorSummary, textField, type FieldErrors } from "../pages/form.js";
import { html } from "../pages/html.js";
import type { Layout } from "../pages/layout.js";
import type { Store } from "../stores/stores.js";

/** Texts of the category form as they were entered. */
export interface CategoryForm {
  name: string;
  position: string;
}

const EMPTY: { values: CategoryForm; errors: FieldErrors } = {
  values: { name: "", position: "0" },
  errors: {},
};

/** A merchant's categories, each with its form, and the form for a new one. */
export function categoriesPage(
  layout: Layout,
  merchant: PageOwner,
  store: Store,
  categories: readonly Category[],
  { values, errors }: { values: CategoryForm; errors: FieldErrors } = EMPTY,
  problem?: string,
): string {
  const path = `/admin/${store.slug}/categories`;
  return layout({
    title: `Categories – ${store.name}`,
    store,
    merchant,
    main: html`<section class="narrow">
      <p class="back"><a href="/admin/${store.slug}/products">All products</a></p>
      <h1>Categories</h1>
      !${problem === undefined ? "" : html`<p class="notice bad" role="alert">${problem}</p>`}
      !${
        categories.length === 0
          ? html`<p>No categories yet. With some, buyers find their way in a large shop.</p>`
          : html`<ul class="lines">
              !${categories.map((category) => categoryLine(merchant, path, category))}
            </ul>`
      }
      <section class="card" aria-labelledby="new">
        <h2 id="new">Add a category</h2>
        !${errorSummary(errors)}
        <form method="post" action="${path}">
          !${merchant.formField()}
          !${textField({ name: "name", label: "Name", value: values.name, maxlength: CATEGORY_NAME_MAX }, errors)}
          !${textField(
            {
              name: "position",
              label: "Place in the list",
              value: values.position,
              type: "number",
              inputmode: "numeric",
              min: 0,
              max: POSITION_MAX,
              hint: "Lower numbers come first.",
            },
            errors,
          )}
          <button class="button wide">Add the category</button>
        </form>
      </section>
    </section>`,
  });
}

function categoryLine(merchant: PageOwner, path: string, { id, name, position }: Category): string {
  return html`<li>
    <form class="inline" method="post" action="${path}/${id}">
      !${merchant.formField()}
      <label class="visually-hidden" for="name-${id}">Name of ${name}</label>
      <input
        class="grow"
        id="name-${id}"
        name="name"
        value="${name}"
        maxlength="${CATEGORY_NAME_MAX}"
        required
      />
      <label class="visually-hidden" for="position-${id}">Place of ${name}</label>
      <input
        id="position-${id}"
        name="position"
        type="number"
        inputmode="numeric"
        min="0"
        max="${POSITION_MAX}"
        value="${position}"
        required
      />
      <button class="button quiet small">Save<span class="visually-hidden"> ${name}</span></button>
    </form>
    <form class="inline" method="post" action="${path}/${id}/delete">
      !${merchant.formField()}
      <button class="link">Delete<span class="visually-hidden"> ${name}</span></button>
    </form>
  </li> `;
}
