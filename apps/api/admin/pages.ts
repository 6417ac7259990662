import { html } from "ghtml";
import { formatRupees } from "../money.js";
import type { OrderSummary } from "../orders/orders.js";
import { formatTime } from "../orders/pages.js";
import { textField } from "../pages/form.js";
import type { Layout } from "../pages/layout.js";
import type { Store } from "../stores/stores.js";

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

/** A merchant's dashboard: the latest orders, and the way to the products. */
export function dashboardPage(layout: Layout, store: Store, orders: readonly OrderSummary[]): string {
  return layout({
    title: `Dashboard – ${store.name}`,
    store,
    area: "admin",
    main: html`<h1>Dashboard</h1>
      <p class="actions">
        <a class="button" href="/admin/${store.slug}/products/new">Add a product</a>
        <a class="button quiet" href="/admin/${store.slug}/products">All products</a>
      </p>
      <section aria-labelledby="orders">
        <h2 id="orders">Latest orders</h2>
        !${orderList(orders)}
      </section>`,
  });
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
