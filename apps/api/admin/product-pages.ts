import type { PageOwner } from "../auth/merchant-area.js";
import { POSITION_MAX, type Category } from "../catalogue/categories.js";
import type { Page } from "../catalogue/cursor.js";
import { pageLinks } from "../catalogue/pages.js";
import {
  DESCRIPTION_MAX,
  PRODUCT_NAME_MAX,
  STOCK_MAX,
  type ListedProduct,
  type Product,
} from "../catalogue/products.js";
import { formatRupees } from "../money.js";
import { checkbox, errorSummary, selectField, textArea, textField, type FieldErrors } from "../pages/form.js";
import { html } from "../pages/html.js";
import type { Layout } from "../pages/layout.js";
import type { Store } from "../stores/stores.js";
import { imageForms } from "./image-forms.js";
import { formOf, type ProductForm } from "./product-form.js";

interface EnteredForm {
  values: ProductForm;
  errors: FieldErrors;
}

interface EnteredChange extends EnteredForm {
  /** The stock that `values.stock` was entered against: what is saved is the difference. */
  stockBefore: string;
}

const EMPTY: EnteredForm = { values: { name: "", price: "", stock: "" }, errors: {} };

/** A merchant's list of products. */
export function productsPage(
  layout: Layout,
  merchant: PageOwner,
  store: Store,
  products: Page<ListedProduct>,
): string {
  return layout({
    title: `Products – ${store.name}`,
    store,
    merchant,
    main: html`<p class="back"><a href="/admin/${store.slug}">Dashboard</a></p>
      <h1>Products</h1>
      <p class="actions">
        <a class="button" href="/admin/${store.slug}/products/new">Add a product</a>
        <a class="button quiet" href="/admin/${store.slug}/categories">Categories</a>
      </p>
      !${productList(store, products)}`,
  });
}

/** The form for a new product. */
export function newProductPage(
  layout: Layout,
  merchant: PageOwner,
  store: Store,
  categories: readonly Category[],
  { values, errors }: EnteredForm = EMPTY,
): string {
  return layout({
    title: `Add a product – ${store.name}`,
    store,
    merchant,
    main: html`<section class="narrow">
      <p class="back"><a href="/admin/${store.slug}/products">All products</a></p>
      <h1>Add a product</h1>
      !${errorSummary(errors)}
      <form method="post" action="/admin/${store.slug}/products">
        !${merchant.formField()} !${productFields(values, errors, categories)}
        <button class="button wide">Add the product</button>
      </form>
    </section>`,
  });
}

/** A product's page for its merchant. */
export function editProductPage(
  layout: Layout,
  merchant: PageOwner,
  store: Store,
  product: Product,
  categories: readonly Category[],
  { values, errors, stockBefore }: EnteredChange = unchanged(product),
): string {
  return layout({
    title: `${product.name} – ${store.name}`,
    store,
    merchant,
    main: html`<section class="narrow">
      <p class="back"><a href="/admin/${store.slug}/products">All products</a></p>
      <h1>${product.name}</h1>
      !${errorSummary(errors)}
      <form method="post" action="/admin/${store.slug}/products/${product.id}">
        !${merchant.formField()}
        <input type="hidden" name="stockBefore" value="${stockBefore}" />
        !${productFields(values, errors, categories)}
        <button class="button wide">Save</button>
      </form>
      !${imageForms(merchant, store, product)}
    </section>`,
  });
}

function unchanged(product: Product): EnteredChange {
  const values = formOf(product);
  return { values, errors: {}, stockBefore: values.stock };
}

function productFields(values: ProductForm, errors: FieldErrors, categories: readonly Category[]): string {
  const shelves = [
    { value: "", label: "None" },
    ...categories.map(({ id, name }) => ({ value: String(id), label: name })),
  ];
  return [
    textField({ name: "name", label: "Name", value: values.name, maxlength: PRODUCT_NAME_MAX }, errors),
    textArea(
      {
        name: "description",
        label: "Description",
        value: values.description ?? "",
        rows: 5,
        maxlength: DESCRIPTION_MAX,
      },
      errors,
    ),
    textField({ ...rupees, name: "price", label: "Price in rupees", value: values.price }, errors),
    textField(
      {
        ...rupees,
        name: "compareAt",
        label: "Earlier price in rupees",
        value: values.compareAt ?? "",
        required: false,
        hint: "Shown struck through beside the price. Leave it empty if there was none.",
      },
      errors,
    ),
    textField(
      { ...count, name: "stock", label: "Pieces in stock", value: values.stock, max: STOCK_MAX },
      errors,
    ),
    selectField({ name: "category", label: "Category", value: values.category ?? "" }, shelves, errors),
    textField(
      {
        ...count,
        name: "position",
        label: "Place in the shop",
        value: values.position ?? "0",
        max: POSITION_MAX,
        hint: "Higher numbers come first; among equals the newest product.",
      },
      errors,
    ),
    checkbox({
      name: "hidden",
      label: "Hide from buyers",
      checked: values.hidden === "on",
      hint: "It can be neither seen nor ordered.",
    }),
  ].join("");
}

const rupees = { inputmode: "decimal", maxlength: 20 } as const;
const count = { type: "number", inputmode: "numeric", min: 0 } as const;

function productList(store: Store, products: Page<ListedProduct>): string {
  if (products.rows.length === 0) return html`<p>No products yet. Add your first one.</p>`;
  return html`<ul class="rows">
      !${products.rows.map(
        (product) =>
          html`<li>
            <a class="name" href="/admin/${store.slug}/products/${product.id}">${product.name}</a>
            <span class="hint"
              >${product.stock === 0 ? "sold out" : `${product.stock} in stock`}${product.hidden ? ", hidden" : ""}</span
            >
            <strong class="sum">${formatRupees(product.pricePaise)}</strong>
          </li> `,
      )}
    </ul>
    !${pageLinks(`/admin/${store.slug}/products`, products)}`;
}
