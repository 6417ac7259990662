import { html } from "ghtml";
import type { Page } from "../catalogue/cursor.js";
import { pageLinks } from "../catalogue/pages.js";
import { PRODUCT_NAME_MAX, STOCK_MAX, type Product } from "../catalogue/products.js";
import { formatRupees, rupeesForInput } from "../money.js";
import type { OrderSummary } from "../orders/orders.js";
import { formatTime } from "../orders/pages.js";
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

/** A merchant's dashboard: latest orders, products, and the form for a new one. */
export function dashboardPage(
  layout: Layout,
  store: Store,
  content: { products: Page<Product>; orders: readonly OrderSummary[] },
  form: { values: ProductForm; errors: FieldErrors } = { values: EMPTY, errors: {} },
): string {
  return layout({
    title: `Dashboard – ${store.name}`,
    store,
    area: "admin",
    main: html`<h1>Dashboard</h1>
      <div class="columns">
        <div>
          <section aria-labelledby="orders">
            <h2 id="orders">Latest orders</h2>
            !${orderList(content.orders)}
          </section>
          <section aria-labelledby="products">
            <h2 id="products">Products</h2>
            !${productList(store, content.products)}
          </section>
        </div>
        <section class="card" aria-labelledby="new">
          <h2 id="new">Add a product</h2>
          !${errorSummary(form.errors)}
          <form method="post" action="/admin/${store.slug}/products">
            !${productFields(form.values, form.errors)}
            <button class="button wide">Add the product</button>
          </form>
        </section>
      </div>`,
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
      <p class="back"><a href="/admin/${store.slug}">Dashboard</a></p>
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

function orderList(orders: readonly OrderSummary[]): string {
  if (orders.length === 0)
    return html`<p>No orders yet. Share the link of your shop to get the first one.</p>`;
  return html`<ul class="rows">
    !${orders.map(
      (order) =>
        html`<li>
          <a href="/o/${order.publicId}">Order ${order.number}</a>
          <span class="hint">${order.buyerName}, ${order.buyerPhone}, ${formatTime(order.createdAt)}</span>
          <strong class="sum">${formatRupees(order.totalPaise)}</strong>
        </li> `,
    )}
  </ul>`;
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
    !${pageLinks(`/admin/${store.slug}`, products)}`;
}
