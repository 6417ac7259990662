import type { ListedProduct } from "../catalogue/products.js";
import { formatRupees } from "../money.js";
import { html } from "../pages/html.js";
import type { Layout } from "../pages/layout.js";
import type { Store } from "../stores/stores.js";
import { MAX_QUANTITY, type CartLine } from "./cart.js";

/** A line of the cart with its product as it is now. */
export interface PricedLine extends CartLine {
  product: ListedProduct;
}

/** Joins a cart with the products that exist; lines of products that are gone are dropped. */
export function priceLines(lines: readonly CartLine[], products: readonly ListedProduct[]): PricedLine[] {
  const byId = new Map(products.map((product) => [product.id, product]));
  return lines.flatMap((line) => {
    const product = byId.get(line.productId);
    return product ? [{ ...line, product }] : [];
  });
}

/** What a cart costs, in paise. */
export function totalPaise(lines: readonly PricedLine[]): number {
  return lines.reduce((sum, line) => sum + line.quantity * line.product.pricePaise, 0);
}

/** The cart of one shop. */
export function cartPage(layout: Layout, store: Store, lines: readonly PricedLine[]): string {
  return layout({
    title: `Cart – ${store.name}`,
    store,
    main: lines.length === 0 ? emptyCart(store) : filledCart(store, lines),
  });
}

function emptyCart(store: Store): string {
  return html`<section class="narrow center">
    <h1>Your cart is empty</h1>
    <p><a class="button" href="/s/${store.slug}">Look around</a></p>
  </section>`;
}

function filledCart(store: Store, lines: readonly PricedLine[]): string {
  return html`<section class="narrow">
    <h1>Your cart</h1>
    <ul class="lines">
      !${lines.map((line) => cartLine(store, line))}
    </ul>
    <p class="total"><span>Total</span> <strong>${formatRupees(totalPaise(lines))}</strong></p>
    <p class="actions">
      <a class="button" href="/s/${store.slug}/checkout">Go to checkout</a>
      <a class="button quiet" href="/s/${store.slug}">Add something else</a>
    </p>
  </section>`;
}

function cartLine(store: Store, { product, quantity }: PricedLine): string {
  const id = `quantity-${product.id}`;
  const short = product.stock < quantity;
  return html`<li>
    <div class="what">
      <a href="/s/${store.slug}/p/${product.id}">${product.name}</a>
      <span class="hint">${formatRupees(product.pricePaise)} each</span>
      !${short ? html`<span class="badge bad">${product.stock === 0 ? "Sold out" : `Only ${product.stock} left`}</span>` : ""}
    </div>
    <form class="inline" method="post" action="/s/${store.slug}/cart/quantity">
      <input type="hidden" name="product" value="${product.id}" />
      <label class="visually-hidden" for="${id}">Quantity of ${product.name}</label>
      <input
        id="${id}"
        name="quantity"
        type="number"
        inputmode="numeric"
        min="0"
        max="${MAX_QUANTITY}"
        value="${quantity}"
        required
      />
      <button class="button quiet small">Update<span class="visually-hidden"> ${product.name}</span></button>
    </form>
    <form class="inline" method="post" action="/s/${store.slug}/cart/quantity">
      <input type="hidden" name="product" value="${product.id}" /><input
        type="hidden"
        name="quantity"
        value="0"
      />
      <button class="link">Remove<span class="visually-hidden"> ${product.name}</span></button>
    </form>
    <strong class="sum">${formatRupees(product.pricePaise * quantity)}</strong>
  </li> `;
}
