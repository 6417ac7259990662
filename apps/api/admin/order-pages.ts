import type { PageOwner } from "../auth/merchant-area.js";
import type { Page } from "../catalogue/cursor.js";
import { pageLinks } from "../catalogue/pages.js";
import { formatTime } from "../indian-time.js";
import { formatRupees } from "../money.js";
import { addressLines, orderLines, orderTimeline, STATUS_NAMES, statusBadge } from "../orders/order-parts.js";
import type { Order } from "../orders/orders.js";
import { nextStatuses, ORDER_STATUSES, type OrderStatus } from "../orders/status.js";
import { errorSummary, textField, type FieldErrors } from "../pages/form.js";
import { html } from "../pages/html.js";
import type { Layout } from "../pages/layout.js";
import { formatPhone } from "../phone.js";
import type { Store } from "../stores/stores.js";
import { whatsappLink } from "../whatsapp.js";
import { SEARCH_MAX, type FilterTexts } from "./order-filter.js";
import type { OrderSummary } from "./order-list.js";

/** What the merchant's list of orders shows; `"too-slow"`: the database gave up. */
export interface OrdersContent {
  orders: Page<OrderSummary> | "too-slow";
  texts: FilterTexts;
  errors: FieldErrors;
}

/** A merchant's orders, with search, filters and the way to the CSV file. */
export function ordersPage(
  layout: Layout,
  merchant: PageOwner,
  store: Store,
  { orders, texts, errors }: OrdersContent,
): string {
  const path = `/admin/${store.slug}/orders`;
  // The addresses of other pages and of the file repeat the filter.
  const filter = Object.fromEntries(Object.entries(texts).filter(([, text]) => text !== ""));
  const csv = `${path}.csv?${new URLSearchParams(filter).toString()}`;
  return layout({
    title: `Orders – ${store.name}`,
    store,
    merchant,
    main: html`<p class="back"><a href="/admin/${store.slug}">Dashboard</a></p>
      <h1>Orders</h1>
      !${errorSummary(errors)} !${filterForm(path, texts, errors)}
      !${orders === "too-slow" ? tooSlow : orderRows(store, orders.rows, Object.keys(filter).length > 0)}
      !${orders === "too-slow" ? "" : pageLinks(path, orders, filter)}
      <p class="actions"><a class="button quiet" href="${csv}">Download these as CSV</a></p>`,
  });
}

const tooSlow = html`<p class="notice bad" role="alert">
  This search took too long, so it was stopped. Fewer days, or a longer piece of the name, make it quicker.
</p>`;

function filterForm(path: string, texts: FilterTexts, errors: FieldErrors): string {
  const date = (name: "from" | "to", label: string) =>
    textField({ name, label, value: texts[name] ?? "", type: "date", required: false }, errors);
  const statuses = ORDER_STATUSES.map(
    (status) =>
      html`<option value="${status}" !${status === texts.status ? " selected" : ""}>
        ${STATUS_NAMES[status]}
      </option>`,
  );
  return html`<form class="filter" method="get" action="${path}" role="search">
    !${textField(
      {
        name: "q",
        label: "Order number, name or phone",
        value: texts.q ?? "",
        maxlength: SEARCH_MAX,
        required: false,
      },
      errors,
    )}
    <div class="field wide">
      <label for="status">Status</label>
      <select id="status" name="status">
        <option value="">All</option>
        !${statuses}
      </select>
    </div>
    !${date("from", "From")} !${date("to", "To")}
    <button class="button wide">Search</button>
  </form>`;
}

/** Rows of a list of orders. @param filtered whether there may be others that are not shown */
export function orderRows(store: Store, orders: readonly OrderSummary[], filtered = false): string {
  if (orders.length === 0)
    return filtered
      ? html`<p>No order is like this.</p>`
      : html`<p>No orders yet. Share the link of your shop to get the first one.</p>`;
  return html`<ul class="rows orders">
    !${orders.map(
      (order) =>
        html`<li>
          <a href="/admin/${store.slug}/orders/${order.id}">Order ${order.id}</a>
          !${statusBadge(order.status)}
          <span class="hint"
            >${order.buyerName}, ${formatPhone(order.buyerPhone)}, ${formatTime(order.createdAt)}</span
          >
          <strong class="sum">${formatRupees(order.totalPaise)}</strong>
        </li> `,
    )}
  </ul>`;
}

/** An order for its merchant: what to pack, where it goes, what comes next. */
export function merchantOrderPage(
  layout: Layout,
  merchant: PageOwner,
  store: Store,
  order: Order,
  notice?: string,
): string {
  const text = `${store.name}: your order ${order.number}`;
  return layout({
    title: `Order ${order.number} – ${store.name}`,
    store,
    merchant,
    main: html`<section class="narrow">
      <p class="back"><a href="/admin/${store.slug}/orders">All orders</a></p>
      <h1>Order ${order.number} !${statusBadge(order.status)}</h1>
      !${notice ? html`<p class="notice bad" role="alert">${notice}</p>` : ""}
      !${nextSteps(merchant, store, order)} !${orderLines(order)}
      <h2>Goes to</h2>
      !${addressLines(order.buyerName, order.address)}
      <p class="actions">
        <a class="button quiet" href="tel:${order.buyerPhone}">Call ${formatPhone(order.buyerPhone)}</a>
        <a class="button quiet" rel="noreferrer" href="${whatsappLink(text, order.buyerPhone)}">WhatsApp</a>
      </p>
      <h2>What happened</h2>
      !${orderTimeline(order)}
    </section>`,
  });
}

const STEP_NAMES: Readonly<Record<Exclude<OrderStatus, "placed">, string>> = {
  accepted: "Accept the order",
  shipped: "It is shipped",
  delivered: "It is delivered and paid",
  cancelled: "Cancel the order",
};

// `from` is what the merchant sees: when it is not so any more, the click changes nothing.
function nextSteps(merchant: PageOwner, store: Store, { number, status }: Order): string {
  const step = (to: OrderStatus) => {
    if (to === "placed") return "";
    const form = html`<form method="post" action="/admin/${store.slug}/orders/${number}/status">
      !${merchant.formField()}
      <input type="hidden" name="from" value="${status}" />
      <input type="hidden" name="to" value="${to}" />
      <button class="button${to === "cancelled" ? " quiet" : ""}">${STEP_NAMES[to]}</button>
    </form> `;
    if (to !== "cancelled") return form;
    // Opened first, so that one touch beside the mark cancels nothing.
    return html`<details>
      <summary>Cancel this order</summary>
      <p>Its pieces go back into the stock. This cannot be undone.</p>
      !${form}
    </details>`;
  };
  return nextStatuses(status, "merchant").map(step).join("");
}
