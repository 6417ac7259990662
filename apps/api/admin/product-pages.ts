import { html } from "ghtml";
import type { Page } from "../catalogue/cursor.js";
import { pageLinks } from "../catalogue/pages.js";
import { PRODUCT_NAME_MAX, STOCK_MAX, type Product } from "../catalogue/products.js";
import { formatRupees, rupeesForInput } from "../money.js";
import { errorSummary, textField, type FieldErrors } from "../pages/form.js";
import type { Layout } from "../pages/layout.js";
import type { Store } from "../stores/stores.js";

/** Texts of the product form as they were entered. */
export interface ProductForm {
  name: string;
  price: string;
  stock: string;
}

const EMPTY: ProductForm = { name: "", price: "", stock: "" };

/** A merchant's list of products. */
export function productsPage(layout: Layout, store: Store, products: Page<Product>): string {
  return layout({
    title: `Products – ${store.name}`,
    store,
    area: "admin",
    main: html`<p class="back"><a href="/admin/${store.slug}">Dashboard</a></p>
      <h1>Products</h1>
      <p><a class="button" href="/admin/${store.slug}/products/new">Add a product</a></p>
      !${productList(store, products)}`,
  });
}

/** The form for a new product. */
export function newProductPage(
  layout: Layout,
  store: Store,
  form: { values: ProductForm; errors: FieldErrors } = { values: EMPTY, errors: {} },
): string {
  return layout({
    title: `Add a product – ${store.name}`,
    store,
    area: "admin",
    main: html`<section class="narrow">
      <p class="back"><a href="/admin/${store.slug}/products">All products</a></p>
      <h1>Add a product</h1>
      !${errorSummary(form.errors)}
      <form method="post" action="/admin/${store.slug}/products">
        !${productFields(form.values, form.errors)}
        <button class="button wide">Add the product</button>
      </form>
    </section>`,
  });
}

/** A product's page for its merchant. */
export function editProductPage(
  layout: Layout,
  store: Store,
  product: Product,
  form?: { values: ProductForm; errors: FieldErrors },
): string {
  const values = form?.values ?? {
    name: product.name,
    price: rupeesForInput(product.pricePaise),
    stock: String(product.stock),
  };
  const errors = form?.errors ?? {};
  return layout({
    title: `${product.name} – ${store.name}`,
    store,
    area: "admin",
    main: html`<section class="narrow">
      <p class="back"><a href="/admin/${store.slug}/products">All products</a></p>
      <h1>${product.name}</h1>
      !${errorSummary(errors)}
      <form method="post" action="/admin/${store.slug}/products/${product.id}">
        <input type="hidden" name="stockBefore" value="${product.stock}" />
        !${productFields(values, errors)}
        <button class="button wide">Save</button>
      </form>
    </section>`,
  });
}

function productFields(values: ProductForm, errors: FieldErrors): string {
  return (
    textField({ name: "name", label: "Name", value: values.name, maxlength: PRODUCT_NAME_MAX }, errors) +
    textField(
      { name: "price", label: "Price in rupees", value: values.price, inputmode: "decimal", maxlength: 20 },
      errors,
    ) +
    textField(
      {
        name: "stock",
        label: "Pieces in stock",
        value: values.stock,
        type: "number",
        inputmode: "numeric",
        min: 0,
        max: STOCK_MAX,
      },
      errors,
    )
  );
}

function productList(store: Store, products: Page<Product>): string {
  if (products.rows.length === 0) return html`<p>No products yet. Add your first one.</p>`;
  return html`<ul class="rows">
      !${products.rows.map(
        (product) =>
          html`<li>
            <a href="/admin/${store.slug}/products/${product.id}">${product.name}</a>
            <span class="hint">${product.stock === 0 ? "sold out" : `${product.stock} in stock`}</span>
            <strong class="sum">${formatRupees(product.pricePaise)}</strong>
          </li> `,
      )}
    </ul>
    !${pageLinks(`/admin/${store.slug}/products`, products)}`;
}
