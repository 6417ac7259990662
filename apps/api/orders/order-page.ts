import { formatTime } from "../indian-time.js";
import { html } from "../pages/html.js";
import type { Layout } from "../pages/layout.js";
import { shareOrderLink } from "../whatsapp.js";
import { addressLines, orderLines, orderTimeline, statusBadge } from "./order-parts.js";
import type { Order } from "./orders.js";
import { mayMove } from "./status.js";

/** An order for whoever knows its address: the buyer. */
export function orderPage(layout: Layout, order: Order, publicUrl: string, notice?: string): string {
  const { store, number, status } = order;
  return layout({
    title: `Order ${number} – ${store.name}`,
    store,
    main: html`<section class="narrow">
      <p>!${statusBadge(status)}</p>
      <h1>${status === "placed" ? `Thank you, ${order.buyerName}` : `Your order ${number}`}</h1>
      !${notice ? html`<p class="notice bad" role="alert">${notice}</p>` : ""}
      <p>
        ${store.name} has your order <strong>${number}</strong> of ${formatTime(order.createdAt)}. Keep the
        address of this page to come back to it.
      </p>
      !${orderTimeline(order)} !${orderLines(order)}
      <h2>Goes to</h2>
      !${addressLines(order.buyerName, order.address)}
      <p class="actions">
        <a class="button" rel="noreferrer" href="${shareOrderLink(order, publicUrl)}"
          >${store.whatsappPhone ? "Write to the shop on WhatsApp" : "Share on WhatsApp"}</a
        >
        <a class="button quiet" href="/s/${store.slug}">Back to the shop</a>
      </p>
      <p class="hint">The message holds the address of this page: who has it sees what you see here.</p>
      !${mayMove(status, "cancelled", "buyer") ? cancelForm(order) : ""}
    </section>`,
  });
}

// Opened first, so that one touch beside the mark cancels nothing.
function cancelForm(order: Order): string {
  return html`<details>
    <summary>Cancel this order</summary>
    <form method="post" action="/o/${order.publicId}/cancel">
      <p>You can cancel until the shop accepts the order. This cannot be undone.</p>
      <button class="button quiet">Cancel the order</button>
    </form>
  </details>`;
}
