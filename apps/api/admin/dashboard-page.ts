import type { PageOwner } from "../auth/merchant-area.js";
import { formatRupees } from "../money.js";
import { html } from "../pages/html.js";
import type { Layout } from "../pages/layout.js";
import type { Store } from "../stores/stores.js";
import { shareStoreLink } from "../whatsapp.js";
import type { Dashboard, LowProduct } from "./dashboard.js";
import { orderRows } from "./order-pages.js";
import { revenueChart } from "./revenue-chart.js";
import type { DaySales } from "./revenue.js";

/** A merchant's dashboard: how today goes, what needs attention, and the ways to everything else. */
export function dashboardPage(
  layout: Layout,
  merchant: PageOwner,
  store: Store,
  { sales, orders, lowStock }: Dashboard,
  publicUrl: string,
): string {
  const base = `/admin/${store.slug}`;
  return layout({
    title: `Dashboard – ${store.name}`,
    store,
    merchant,
    main: html`<h1>Dashboard</h1>
      <nav class="sections" aria-label="Your shop">
        <a class="button" href="${base}/products/new">Add a product</a>
        <a class="button quiet" href="${base}/products">All products</a>
        <a class="button quiet" href="${base}/orders">All orders</a>
        <a class="button quiet" href="${base}/address">Address of the shop</a>
        <a class="button quiet" href="${base}/whatsapp">WhatsApp number</a>
        <a class="button quiet" rel="noreferrer" href="${shareStoreLink(store, publicUrl)}"
          >Share the shop on WhatsApp</a
        >
      </nav>
      !${typeof sales === "string" ? figuresMissing(sales) : figures(sales)}
      <div class="columns">
        <section aria-labelledby="orders">
          <h2 id="orders">Latest orders</h2>
          !${orderRows(store, orders)}
        </section>
        <div>
          <section aria-labelledby="low">
            <h2 id="low">Low stock</h2>
            !${lowStockList(store, lowStock)}
          </section>
        </div>
      </div>`,
  });
}

function figuresMissing(why: "too-slow" | "switched-off"): string {
  const reason =
    why === "too-slow"
      ? "adding them up took too long"
      : "they are switched off, so that the shops stay fast";
  return html`<p class="notice" role="status">
    Today’s figures and the revenue are not here: ${reason}. Please come back in a while.
  </p>`;
}

function figures(sales: readonly DaySales[]): string {
  const today = sales.at(-1);
  return html`<dl class="figures">
      <div>
        <dt>Orders today</dt>
        <dd>${today?.orders ?? 0}</dd>
      </div>
      <div>
        <dt>Revenue today</dt>
        <dd>${formatRupees(today?.revenuePaise ?? 0)}</dd>
      </div>
    </dl>
    <section class="card" aria-labelledby="revenue">
      <h2 id="revenue">Revenue by day</h2>
      !${revenueChart(sales)}
      <p class="hint">Orders by the day they were placed, Indian time, without cancelled ones.</p>
    </section>`;
}

function lowStockList(store: Store, products: readonly LowProduct[]): string {
  if (products.length === 0) return html`<p>Everything is well stocked.</p>`;
  return html`<ul class="rows">
    !${products.map(
      ({ id, name, stock }) =>
        html`<li>
          <a href="/admin/${store.slug}/products/${id}">${name}</a>
          <span class="badge!${stock === 0 ? " bad" : ""}"
            >${stock === 0 ? "Sold out" : `${stock} left`}</span
          >
        </li> `,
    )}
  </ul>`;
}
