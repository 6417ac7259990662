import { formatRupees } from "./money.js";
import type { Order } from "./orders/orders.js";

/** Longer lists make addresses that servers on the way refuse. */
const LINES_MAX = 15;

/**
 * A link that opens WhatsApp with a text, ready to be sent: to a number (`+91` and ten digits), or to whomever the
 * sender picks. Nothing is loaded from WhatsApp before somebody follows it.
 * Form: https://faq.whatsapp.com/5913398998672934
 */
export function whatsappLink(text: string, phone?: string): string {
  return `https://wa.me/${phone ? phone.replace("+", "") : ""}?text=${encodeURIComponent(text)}`;
}

/** Shares a shop with whomever its merchant or a buyer picks. */
export function shareStoreLink(store: { slug: string; name: string }, publicUrl: string): string {
  return whatsappLink(`${store.name}\n${publicUrl}/s/${store.slug}`);
}

/** Tells a shop about an order: to the shop's own number if the merchant gave one. */
export function shareOrderLink(order: Order, publicUrl: string): string {
  const more = order.lines.length - LINES_MAX;
  const text = [
    `Order ${order.number} at ${order.store.name}`,
    ...order.lines
      .slice(0, LINES_MAX)
      .map((line) => `${line.quantity} × ${line.name}: ${formatRupees(line.quantity * line.pricePaise)}`),
    ...(more > 0 ? [`and ${more} more`] : []),
    `Total ${formatRupees(order.totalPaise)}, cash on delivery`,
    `${publicUrl}/o/${order.publicId}`,
  ].join("\n");
  return whatsappLink(text, order.store.whatsappPhone ?? undefined);
}
