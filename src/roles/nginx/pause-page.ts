import { renderTemplate } from "../../template.js";

const here = "src/roles/nginx";

const pages = {
  unavailable: {
    title: "Back in a moment",
    message: `The shop is catching its breath. Your cart is safe; please <a href="">try again</a> in a few seconds.`,
  },
  maintenance: {
    title: "Closed for a moment",
    message: `The shop is moving to another machine. Nothing is lost: your cart and all orders are safe. Please
<a href="">try again</a> in a few minutes.`,
  },
} as const;

/** HTML of what a visitor sees in place of the shop: `unavailable` on its own, `maintenance` on purpose. */
export function pausePage(reason: keyof typeof pages): string {
  return renderTemplate(`${here}/pause-page.html`, pages[reason]);
}
