import { MAX_QUANTITY } from "../cart/cart.js";
import { pictureElement, thumbnail } from "../images/picture.js";
import { formatRupees, rupeesMarkup } from "../money.js";
import { html } from "../pages/html.js";
import type { Layout } from "../pages/layout.js";
import type { Store } from "../stores/stores.js";
import type { Category } from "./categories.js";
import type { Page } from "./cursor.js";
import type { ListedProduct, Product } from "./products.js";

/** Below this many pieces a shop says how few are left. */
const FEW = 5;
const HUES = 6;

/** A shop's page, or that of one of its categories. */
export function shopPage(
  layout: Layout,
  store: Store,
  content: { categories: readonly Category[]; category?: Category; products: Page<ListedProduct> },
): string {
  const { categories, category, products } = content;
  const path = category ? `/s/${store.slug}/c/${category.slug}` : `/s/${store.slug}`;
  return layout({
    title: category ? `${category.name} – ${store.name}` : store.name,
    description: category ? `${category.name} from ${store.name}.` : `Order from ${store.name}.`,
    store,
    main: html`<h1>${category?.name ?? store.name}</h1>
      !${categoryLinks(store, categories, category)}
      !${
        products.rows.length === 0
          ? html`<p class="lead">There is nothing here yet. Please come back soon.</p>`
          : html`<ul class="grid">
                !${productCards(store, products.rows)}
              </ul>
              !${pageLinks(path, products)}`
      }`,
  });
}

function categoryLinks(store: Store, categories: readonly Category[], current: Category | undefined): string {
  if (categories.length === 0) return "";
  const link = (path: string, name: string, here: boolean) =>
    html`<li><a href="${path}" !${here ? ' aria-current="page"' : ""}>${name}</a></li> `;
  return html`<nav class="categories" aria-label="Categories">
    <ul>
      !${link(`/s/${store.slug}`, "All", current === undefined)}
      !${categories.map(({ id, slug, name }) => link(`/s/${store.slug}/c/${slug}`, name, id === current?.id))}
    </ul>
  </nav>`;
}

/** How wide a picture is shown; the style sheet's grid and page width. */
const CARD = "(min-width: 40rem) 15rem, 46vw";
const DETAIL = "(min-width: 52rem) 32rem, 92vw";
const SMALL = "(min-width: 52rem) 16rem, 46vw";
/** Cards that are visible at once on most screens. */
const FIRST = 4;

function productCards(store: Store, products: readonly ListedProduct[]): string {
  const folder = html`/s/${store.slug}/p/`;
  // Added up, not joined: joining would copy all of it once more.
  let cards = "";
  for (const [index, product] of products.entries()) cards += productCard(folder, product, index >= FIRST);
  return cards;
}

/** @param folder where the products' pages are, escaped */
function productCard(folder: string, product: ListedProduct, lazy: boolean): string {
  const { id, name, stock, image } = product;
  const picture = image ? thumbnail(image, CARD, { lazy }) : tile(product);
  return html`<li class="product">
    <a href="!${folder}${id}">!${picture}<span class="name">${name}</span></a>
    <p class="price">!${price(product)}!${stockNote(stock)}</p>
  </li> `;
}

/** A product's page with the button that puts it into the cart. */
export function productPage(layout: Layout, store: Store, product: Product): string {
  const most = Math.min(MAX_QUANTITY, product.stock);
  return layout({
    title: `${product.name} – ${store.name}`,
    description: `${product.name} for ${formatRupees(product.pricePaise)} at ${store.name}.`,
    store,
    main: html`<p class="back"><a href="/s/${store.slug}">All products</a></p>
      <article class="detail">
        !${gallery(product)}
        <div>
          <h1>${product.name}</h1>
          <p class="price large">!${price(product)}!${stockNote(product.stock)}</p>
          !${paragraphs(product.description)}
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
  filter?: Readonly<Record<string, string>>,
): string {
  if (!page.newer && !page.older) return "";
  // A cursor needs no escaping.
  const address = (cursor: string) =>
    `${path}?${filter ? new URLSearchParams({ ...filter, page: cursor }).toString() : `page=${cursor}`}`;
  return html`<nav class="pages" aria-label="Pages">
    !${page.newer ? html`<a class="button quiet" rel="prev" href="${address(page.newer)}">Newer</a>` : ""}
    !${page.older ? html`<a class="button quiet" rel="next" href="${address(page.older)}">Older</a>` : ""}
  </nav>`;
}

function gallery(product: Product): string {
  const [first, ...others] = product.images;
  if (!first) return tile(product);
  return html`<div class="gallery">
    !${pictureElement(first, DETAIL, { lazy: false })}
    !${others.map((image) => pictureElement(image, SMALL, { lazy: true }))}
  </div>`;
}

/** Stands in for a picture: the first letter on a colour that stays the same for a product. */
function tile(product: { id: number; name: string }): string {
  const letter = String.fromCodePoint(product.name.codePointAt(0) ?? 0x20).toUpperCase();
  return html`<span class="tile hue-${product.id % HUES}" aria-hidden="true">${letter}</span>`;
}

/** The price, with the earlier one struck through; screen readers are told which is which. */
function price({
  pricePaise,
  compareAtPaise,
}: {
  pricePaise: number;
  compareAtPaise: number | null;
}): string {
  if (compareAtPaise === null) return rupeesMarkup(pricePaise);
  return html`<span class="visually-hidden">Now </span>!${rupeesMarkup(pricePaise)}
    <span class="visually-hidden">, before </span><s class="before">!${rupeesMarkup(compareAtPaise)}</s>`;
}

function paragraphs(text: string): string {
  if (text === "") return "";
  const each = text.split("\n\n").map((paragraph) => html`<p>${paragraph}</p>`);
  return html`<div class="description">!${each}</div>`;
}

function stockNote(stock: number): string {
  if (stock === 0) return html` <span class="badge bad">Sold out</span>`;
  return stock <= FEW ? html` <span class="badge">Only ${stock} left</span>` : "";
}
