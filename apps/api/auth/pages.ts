import { errorSummary, textField } from "../pages/form.js";
import { html } from "../pages/html.js";
import type { Layout } from "../pages/layout.js";
import { formatPhone } from "../phone.js";

/** Where a merchant asks for a code. */
export function signInPage(layout: Layout, phone = "", error?: string): string {
  const errors = error === undefined ? {} : { phone: error };
  return layout({
    title: "Sign in – Dukaan",
    main: html`<section class="narrow card">
      <h1>Sign in</h1>
      <p>We send a code to your mobile. Are you new here? It is the same way in.</p>
      !${errorSummary(errors)}
      <form method="post" action="/login">
        !${textField(
          {
            name: "phone",
            label: "Mobile number",
            value: phone,
            type: "tel",
            autocomplete: "tel",
            maxlength: 20,
          },
          errors,
        )}
        <button class="button wide">Send the code</button>
      </form>
    </section>`,
  });
}

/**
 * Where the code is entered.
 * @param isLogged codes go to the service's log instead of a phone, and the page says where to look
 */
export function enterCodePage(layout: Layout, phone: string, isLogged: boolean, error?: string): string {
  const errors = error === undefined ? {} : { code: error };
  return layout({
    title: "Enter the code – Dukaan",
    main: html`<section class="narrow card">
      <h1>Enter the code</h1>
      !${
        isLogged
          ? html`<p class="notice">
              This shop sends no messages: it writes the code for ${formatPhone(phone)} to its log. Where it
              runs,
              <code>./dukaan login-code</code> shows it. It ends in five minutes.
            </p>`
          : html`<p>We sent a code of six digits to ${formatPhone(phone)}. It ends in five minutes.</p>`
      }
      !${errorSummary(errors)}
      <form method="post" action="/login/code">
        !${textField(
          {
            name: "code",
            label: "Code",
            inputmode: "numeric",
            autocomplete: "one-time-code",
            maxlength: 10,
          },
          errors,
        )}
        <button class="button wide">Sign in</button>
      </form>
      <p><a href="/login">Another number or a new code</a></p>
    </section>`,
  });
}
