import type { FieldProblem } from "../http/problem.js";
import { html } from "./html.js";
import type { Layout } from "./layout.js";

const TITLES: Record<number, string> = {
  400: "That request was not understood",
  403: "Not allowed",
  404: "Not found",
  409: "That cannot be done now",
  413: "That is too large",
  414: "That address is too long",
  503: "Back in a moment",
};

/** A page that says what went wrong and what to do; it never shows how the server works inside. */
export function errorPage(
  layout: Layout,
  error: { statusCode: number; message: string; details: readonly FieldProblem[]; requestId?: string },
): string {
  const title =
    TITLES[error.statusCode] ?? (error.statusCode < 500 ? "That did not work" : "Something broke here");
  const details = error.details.map(
    (detail) => html`<li><strong>${detail.path}</strong>: ${detail.reason}</li>`,
  );
  return layout({
    title,
    main: html`<section class="narrow center">
      <p class="big" aria-hidden="true">${error.statusCode}</p>
      <h1>${title}</h1>
      <p>${error.message}</p>
      !${
        details.length > 0
          ? html`<ul class="details">
              !${details}
            </ul>`
          : ""
      }
      <p><a class="button" href="/">Go to the start</a></p>
      !${error.requestId === undefined ? "" : html`<p class="hint">Request ${error.requestId}</p>`}
    </section>`,
  });
}
