import { Type, type Static } from "@fastify/type-provider-typebox";
import { ORDER_STATUSES, type OrderStatus } from "../orders/status.js";
import type { FieldErrors } from "../pages/form.js";
import { parsePhone } from "../phone.js";
import { parseTextLine } from "../text-line.js";

/** What a merchant looks for among the orders. */
export interface OrderFilter {
  search?: { kind: "name"; text: string } | { kind: "digits"; digits: string };
  status?: OrderStatus;
  /** First and last Indian day of placing, such as `2026-11-21`. */
  fromDay?: string;
  toDay?: string;
}

export const SEARCH_MAX = 80;

/** The filter as it stands in an address; a form sends what was left empty as well. */
export const FilterQuery = Type.Object({
  q: Type.Optional(Type.String()),
  status: Type.Optional(Type.Enum(["", ...ORDER_STATUSES])),
  from: Type.Optional(Type.String()),
  to: Type.Optional(Type.String()),
});
export type FilterTexts = Static<typeof FilterQuery>;

/** Reads a filter; errors bear the names of the fields. */
export function parseFilter(texts: FilterTexts): { filter: OrderFilter; errors: FieldErrors } {
  const q = (texts.q ?? "").trim();
  const line = parseTextLine(q, SEARCH_MAX);
  const fromDay = parseDay(texts.from);
  const toDay = parseDay(texts.to);
  const dayRule = "must be a day such as 2026-11-21";
  return {
    filter: {
      ...(line && { search: readSearch(line) }),
      ...(texts.status && { status: texts.status }),
      ...(fromDay && { fromDay }),
      ...(toDay && { toDay }),
    },
    errors: {
      ...(q && !line && { q: `The search must be one line of at most ${SEARCH_MAX} characters.` }),
      ...(texts.from && !fromDay && { from: `The first day ${dayRule}.` }),
      ...(texts.to && !toDay && { to: `The last day ${dayRule}.` }),
      ...(fromDay && toDay && fromDay > toDay && { to: "The last day must not be before the first." }),
    },
  };
}

// Digits are an order's number or the end of a phone number; anything else is part of a name.
function readSearch(line: string): NonNullable<OrderFilter["search"]> {
  const digits = parsePhone(line)?.slice(3) ?? line.replaceAll(/[\s#+()-]/g, "");
  return /^\d{1,15}$/.test(digits) ? { kind: "digits", digits } : { kind: "name", text: line };
}

function parseDay(text: string | undefined): string | undefined {
  if (!text || !/^20\d\d-\d\d-\d\d$/.test(text)) return undefined;
  const date = new Date(`${text}T00:00:00Z`);
  return Number.isNaN(date.getTime()) || date.toISOString().slice(0, 10) !== text ? undefined : text;
}
