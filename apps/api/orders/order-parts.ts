import { formatTime } from "../indian-time.js";
import { formatRupees } from "../money.js";
import { html } from "../pages/html.js";
import type { Address } from "./buyer.js";
import type { Order } from "./orders.js";
import { ORDER_STATUSES, type OrderStatus } from "./status.js";

/** Statuses in words. */
export const STATUS_NAMES: Readonly<Record<OrderStatus, string>> = {
  placed: "Placed",
  accepted: "Accepted",
  shipped: "Shipped",
  delivered: "Delivered",
  cancelled: "Cancelled",
};

/** A status as a coloured word. */
export function statusBadge(status: OrderStatus): string {
  const colour = status === "cancelled" ? " bad" : status === "placed" ? "" : " good";
  return html`<span class="badge${colour}">${STATUS_NAMES[status]}</span>`;
}

/** What was ordered, and the sum. */
export function orderLines(order: Pick<Order, "lines" | "totalPaise">): string {
  return html`<ul class="lines">
      !${order.lines.map(
        (line) =>
          html`<li>
            <span class="what">${line.quantity} × ${line.name}</span>
            <strong class="sum">${formatRupees(line.quantity * line.pricePaise)}</strong>
          </li> `,
      )}
    </ul>
    <p class="total"><span>Total</span> <strong>${formatRupees(order.totalPaise)}</strong></p>
    <p class="hint">Cash on delivery</p>`;
}

/** Which statuses an order has reached and when, then those that are still to come. */
export function orderTimeline({ history, status }: Pick<Order, "history" | "status">): string {
  const reached = new Set(history.map((step) => step.status));
  const ended = status === "cancelled";
  const ahead = ended ? [] : ORDER_STATUSES.filter((next) => next !== "cancelled" && !reached.has(next));
  return html`<ol class="timeline">
    !${history.map(
      (step) =>
        html`<li class="reached" !${step.status === status ? ' aria-current="step"' : ""}>
          <strong>${STATUS_NAMES[step.status]}</strong>
          <span class="hint"
            >${formatTime(step.at)}, by the ${step.actor === "buyer" ? "buyer" : "shop"}</span
          >
        </li> `,
    )}
    !${ahead.map((next) => html`<li><span class="hint">${STATUS_NAMES[next]}: not yet</span></li> `)}
  </ol>`;
}

/** Where an order goes, on lines of their own. */
export function addressLines(name: string, address: Address | undefined): string {
  if (!address) return html`<p>${name}</p>`;
  const lines = [name, address.street, ...(address.landmark ? [address.landmark] : [])];
  return html`<address>!${lines.map((line) => html`${line}<br />`)} ${address.city} ${address.pin}</address>`;
}
