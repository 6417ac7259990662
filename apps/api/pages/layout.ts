import type { PageOwner } from "../auth/merchant-area.js";
import type { Assets } from "../http/assets.js";
import { html } from "./html.js";

export interface PageContent {
  title: string;
  /** Markup of the page's own part; escaped already. */
  main: string;
  /** Whose page it is. Absent: the platform's. */
  store?: { slug: string; name: string };
  /** The signed-in merchant whose page it is. Absent: a buyer's page, or anybody's. */
  merchant?: PageOwner;
  description?: string;
}

/** Puts a page's own part into the common document; pages have no script and no inline style. */
export type Layout = (content: PageContent) => string;

/** Makes the layout with the addresses of this release's assets. */
export function createLayout(assets: Assets): Layout {
  const stylesheet = assets.path("shop.css");
  const icon = assets.path("icon.svg");
  return ({ title, main, store, merchant, description }) =>
    html`<!doctype html>
      <html lang="en-IN">
        <head>
          <meta charset="utf-8" />
          <meta name="viewport" content="width=device-width, initial-scale=1" />
          <title>${title}</title>
          !${description ? html`<meta name="description" content="${description}" />` : ""}
          <meta name="color-scheme" content="light dark" />
          <link rel="stylesheet" href="${stylesheet}" />
          <link rel="icon" href="${icon}" type="image/svg+xml" />
        </head>
        <body>
          <a class="skip" href="#main">Skip to the content</a>
          <header class="top">!${header(store, merchant)}</header>
          <main id="main">!${main}</main>
          <footer class="bottom">
            <p>Made with <a href="/">Dukaan</a>: a shop of your own in a minute.</p>
          </footer>
        </body>
      </html> `;
}

function header(store: PageContent["store"], merchant: PageContent["merchant"]): string {
  if (merchant)
    return html`<a class="brand" href="${store ? `/admin/${store.slug}` : "/stores"}"
        >${store?.name ?? "Dukaan"}</a
      >
      <nav aria-label="Main">
        !${store ? html`<a href="/s/${store.slug}">View shop</a> <a href="/stores">Your shops</a>` : ""}
        <form method="post" action="/logout">
          !${merchant.formField()}<button class="link">Sign out</button>
        </form>
      </nav>`;
  if (!store)
    return html`<a class="brand" href="/">Dukaan</a>
      <nav aria-label="Main"><a href="/login">Sign in</a></nav>`;
  return html`<a class="brand" href="/s/${store.slug}">${store.name}</a>
    <nav aria-label="Main"><a href="/s/${store.slug}/cart">Cart</a></nav>`;
}
