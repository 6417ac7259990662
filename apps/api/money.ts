/** Largest price of a product: one crore (10,000,000) rupees. */
export const MAX_PRICE_PAISE = 1_000_000_000;

/**
 * Paise as rupees for people, with Indian digit grouping: `12345600` → `₹1,23,456`, `19950` → `₹199.50`.
 * `paise` is a whole number from 0 to 2^53.
 */
export function formatRupees(paise: number): string {
  return `₹${amount(paise)}`;
}

/** {@link formatRupees} as markup, for lists: quicker than escaping each. */
export function rupeesMarkup(paise: number): string {
  return `&#8377;${amount(paise)}`;
}

function amount(paise: number): string {
  const rupees = groupIndian(Math.trunc(paise / 100));
  const rest = paise % 100;
  return rest === 0 ? rupees : `${rupees}.${String(rest).padStart(2, "0")}`;
}

/** Paise as a plain decimal for a form field: `19950` → `199.50`, `20000` → `200`. */
export function rupeesForInput(paise: number): string {
  const rest = paise % 100;
  return rest === 0 ? String(paise / 100) : `${Math.trunc(paise / 100)}.${String(rest).padStart(2, "0")}`;
}

// Digits alone, or grouped as in India (1,23,456) or elsewhere (123,456): "1,50" is no price, not 150.
const PRICE = /^₹?\s*(\d{1,9}|\d{1,2}(?:,\d{2})*,\d{3}|\d{1,3}(?:,\d{3})+)(?:\.(\d{1,2}))?$/;

/**
 * What a merchant typed as a price, in paise; `undefined` when it is not a price above zero and up to one crore.
 * Accepts `199`, `199.5`, `₹ 1,23,456.50`; more than two decimals are refused, never rounded.
 */
export function parseRupees(text: string): number | undefined {
  const match = PRICE.exec(text.trim());
  if (!match) return undefined;
  const rupees = Number((match[1] ?? "").replaceAll(",", ""));
  const paise = rupees * 100 + Number((match[2] ?? "").padEnd(2, "0"));
  return paise >= 1 && paise <= MAX_PRICE_PAISE ? paise : undefined;
}

// The last three digits, then groups of two: 1,00,00,000.
function groupIndian(rupees: number): string {
  const digits = String(rupees);
  let start = Math.max(digits.length - 3, 0);
  let grouped = digits.slice(start);
  for (; start > 0; start -= 2) grouped = `${digits.slice(Math.max(start - 2, 0), start)},${grouped}`;
  return grouped;
}
