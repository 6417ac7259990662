import { html } from "ghtml";
import { MAX_QUANTITY } from "../cart/cart.js";
import { formatRupees } from "../money.js";
import type { Layout } from "../pages/layout.js";
import type { Store } from "../stores/stores.js";
import type { Page } from "./cursor.js";
import type { Product } from "./products.js";

/** Below this many pieces a shop says how few are left. */
const FEW = 5;
const HUES = 6;

/** A shop's page: its products, newest first. */
export function shopPage(layout: Layout, store: Store, page: Page<Product>): string {
  return layout({
    title: store.name,
    description: `Order from ${store.name}.`,
    store,
    area: "shop",
    main: html`<h1>${store.name}</h1>
      !${
        page.rows.length === 0
          ? html`<p class="lead">There is nothing here yet. Please come back soon.</p>`
          : html`<ul class="grid">
                !${page.rows.map((product) => productCard(store, product))}
              </ul>
              !${pageLinks(`/s/${store.slug}`, page)}`
      }`,
  });
}

function productCard(store: Store, product: Product): string {
  return html`<li class="product">
    <a href="/s/${store.slug}/p/${product.id}">!${tile(product)}<span class="name">${product.name}</span></a>
    <p class="price">${formatRupees(product.pricePaise)}!${stockNote(product.stock)}</p>
  </li> `;
}

/** A product's page with the button that puts it into the cart. */
export function productPage(layout: Layout, store: Store, product: Product): string {
  const most = Math.min(MAX_QUANTITY, product.stock);
  return layout({
    title: `${product.name} – ${store.name}`,
    description: `${product.name} for ${formatRupees(product.pricePaise)} at ${store.name}.`,
    store,
    area: "shop",
    main: html`<p class="back"><a href="/s/${store.slug}">All products</a></p>
      <article class="detail">
        !${tile(product)}
        <div>
          <h1>${product.name}</h1>
          <p class="price large">${formatRupees(product.pricePaise)}!${stockNote(product.stock)}</p>
          !${
            most === 0
              ? html`<p>This product is sold out at the moment.</p>`
              : html`<form class="buy" method="post" action="/s/${store.slug}/cart">
                  <input type="hidden" name="product" value="${product.id}" />
                  <div class="field">
                    <label for="quantity">Quantity</label>
                    <input
                      id="quantity"
                      name="quantity"
                      type="number"
                      inputmode="numeric"
                      min="1"
                      max="${most}"
                      value="1"
                      required
                    />
                  </div>
                  <button class="button">Add to cart</button>
                </form>`
          }
        </div>
      </article>`,
  });
}

/** Links to the neighbouring pages of a list. @param filter what else stands in the list's address */
export function pageLinks(
  path: string,
  page: Page<unknown>,
  filter: Readonly<Record<string, string>> = {},
): string {
  if (!page.newer && !page.older) return "";
  const address = (cursor: string) =>
    `${path}?${new URLSearchParams({ ...filter, page: cursor }).toString()}`;
  return html`<nav class="pages" aria-label="Pages">
    !${page.newer ? html`<a class="button quiet" rel="prev" href="${address(page.newer)}">Newer</a>` : ""}
    !${page.older ? html`<a class="button quiet" rel="next" href="${address(page.older)}">Older</a>` : ""}
  </nav>`;
}

/** Stands in for a picture: the first letter on a colour that stays the same for a product. */
function tile(product: Product): string {
  const letter = String.fromCodePoint(product.name.codePointAt(0) ?? 0x20).toUpperCase();
  return html`<span class="tile hue-${product.id % HUES}" aria-hidden="true">${letter}</span>`;
}

function stockNote(stock: number): string {
  if (stock === 0) return html` <span class="badge bad">Sold out</span>`;
  return stock <= FEW ? html` <span class="badge">Only ${stock} left</span>` : "";
}
