import { totalPaise, type PricedLine } from "../cart/pages.js";
import { formatRupees } from "../money.js";
import { errorSummary, textField, type FieldErrors } from "../pages/form.js";
import { html } from "../pages/html.js";
import type { Layout } from "../pages/layout.js";
import type { Store } from "../stores/stores.js";
import { BUYER_NAME_MAX, CITY_MAX, LANDMARK_MAX, STREET_MAX, type BuyerTexts } from "./buyer.js";
import type { Shortage } from "./checkout.js";

/** What the checkout's form holds; texts as they were entered. */
export interface CheckoutForm extends BuyerTexts {
  idempotencyKey: string;
}

/** The checkout: what is ordered, for how much, and by whom. */
export function checkoutPage(
  layout: Layout,
  store: Store,
  lines: readonly PricedLine[],
  form: CheckoutForm,
  problem: { errors?: FieldErrors; notice?: string } = {},
): string {
  const total = totalPaise(lines);
  const errors = problem.errors ?? {};
  return layout({
    title: `Checkout – ${store.name}`,
    store,
    main: html`<section class="narrow">
      <h1>Checkout</h1>
      !${problem.notice ? html`<p class="notice bad" role="alert">${problem.notice}</p>` : ""}
      !${errorSummary(errors)}
      <ul class="lines">
        !${lines.map(
          ({ product, quantity }) =>
            html`<li>
              <span class="what">${quantity} × ${product.name}</span>
              <strong class="sum">${formatRupees(quantity * product.pricePaise)}</strong>
            </li> `,
        )}
      </ul>
      <p class="total"><span>Total</span> <strong>${formatRupees(total)}</strong></p>
      <form method="post" action="/s/${store.slug}/checkout">
        <input type="hidden" name="key" value="${form.idempotencyKey}" />
        <input type="hidden" name="total" value="${total}" />
        !${buyerFields(form, errors)}
        <p class="notice">Cash on delivery: you pay ${formatRupees(total)} when you receive it.</p>
        <button class="button wide">Place the order for ${formatRupees(total)}</button>
      </form>
    </section>`,
  });
}

function buyerFields(form: CheckoutForm, errors: FieldErrors): string {
  return [
    textField(
      { name: "name", label: "Your name", value: form.name, maxlength: BUYER_NAME_MAX, autocomplete: "name" },
      errors,
    ),
    textField(
      {
        name: "phone",
        label: "Mobile number",
        value: form.phone,
        type: "tel",
        maxlength: 20,
        autocomplete: "tel",
        hint: "The shop calls this number about your order.",
      },
      errors,
    ),
    textField(
      {
        name: "street",
        label: "House, street and area",
        value: form.street,
        maxlength: STREET_MAX,
        autocomplete: "address-line1",
      },
      errors,
    ),
    textField(
      {
        name: "landmark",
        label: "Landmark (optional)",
        value: form.landmark,
        maxlength: LANDMARK_MAX,
        required: false,
        hint: "Such as: opposite the post office.",
      },
      errors,
    ),
    textField(
      {
        name: "city",
        label: "Town or city",
        value: form.city,
        maxlength: CITY_MAX,
        autocomplete: "address-level2",
      },
      errors,
    ),
    textField(
      {
        name: "pin",
        label: "PIN code",
        value: form.pin,
        inputmode: "numeric",
        maxlength: 7,
        autocomplete: "postal-code",
        hint: "Six digits.",
      },
      errors,
    ),
  ].join("");
}

/** Tells what a shop cannot deliver, and what to do. */
export function shortageNotice(shortages: readonly Shortage[]): string {
  return shortages
    .map(({ name = "A product", available }) =>
      available === 0
        ? `${name} is sold out. Please take it out of the cart.`
        : `Only ${available} of ${name} left. Please change the quantity in the cart.`,
    )
    .join(" ");
}
