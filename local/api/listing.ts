import type { FastifyReply, FastifyRequest } from "fastify";
import { Type, type Static, type TSchema } from "typebox";
import { invalidInput } from "./errors.js";
import { parseSelector, readLabels, type Labels } from "./labels.js";

const many = <T extends TSchema>(one: T) => Type.Union([Type.Array(one), one]);

/** Parameters of every list. Arrays are given by naming a parameter several times. */
export const listQuery = {
  page: Type.Optional(Type.Integer({ minimum: 1 })),
  per_page: Type.Optional(Type.Integer({ minimum: 1, maximum: 50 })),
  sort: Type.Optional(many(Type.String())),
};
export const nameQuery = { name: Type.Optional(Type.String()) };
export const labelQuery = { label_selector: Type.Optional(Type.String()) };
export const oneOrMore = <T extends TSchema>(one: T) => Type.Optional(many(one));

const Query = Type.Object({ ...listQuery, ...nameQuery, ...labelQuery });

/** A query parameter that may be given several times, as an array; undefined when it is absent. */
export const asArray = <T extends string | number>(value: T | T[] | undefined): T[] | undefined =>
  typeof value === "object" || value === undefined ? value : [value];

export interface Page<T> {
  entries: T[];
  pagination: {
    page: number;
    per_page: number;
    previous_page: number | null;
    next_page: number | null;
    last_page: number;
    total_entries: number;
  };
}

/** Columns of rows that lists filter and sort by. Labels are JSON text. */
interface Listed {
  id: number;
  name?: string | null;
  labels?: string | Labels;
}

/**
 * Filters by name and labels, sorts and cuts out one page.
 * @param sortable the columns that `sort` may name; ties and lists without `sort` are in order of id
 * @throws ApiError invalid_input naming `sort` or `label_selector`
 */
export function paginate<T extends Listed>(
  rows: readonly T[],
  query: Static<typeof Query>,
  sortable: readonly (keyof T & string)[],
): Page<T> {
  let chosen = rows.filter((row) => query.name === undefined || row.name === query.name);
  if (query.label_selector) {
    const matches = parseSelector(query.label_selector, "label_selector");
    chosen = chosen.filter(({ labels }) =>
      matches(typeof labels === "string" ? readLabels(labels) : (labels ?? {})),
    );
  }
  const order = comparison(asArray(query.sort) ?? [], sortable);
  chosen.sort((one, other) => order(one, other) || one.id - other.id);
  const page = query.page ?? 1;
  const perPage = query.per_page ?? 25;
  const last = Math.max(1, Math.ceil(chosen.length / perPage));
  return {
    entries: chosen.slice((page - 1) * perPage, page * perPage),
    pagination: {
      page,
      per_page: perPage,
      previous_page: page > 1 ? page - 1 : null,
      next_page: page < last ? page + 1 : null,
      last_page: last,
      total_entries: chosen.length,
    },
  };
}

function comparison<T>(sort: string[], sortable: readonly (keyof T & string)[]): (a: T, b: T) => number {
  const keys = sort.map((text) => {
    const [field = "", direction = "asc", ...rest] = text.split(":");
    const column = sortable.find((one) => one === field);
    if (!column || rest.length > 0 || (direction !== "asc" && direction !== "desc")) {
      const allowed = sortable.join(", ");
      throw invalidInput({
        sort: [`'${text}' must be one of ${allowed}, with :asc or :desc after it or not`],
      });
    }
    return { column, sign: direction === "asc" ? 1 : -1 };
  });
  return (one, other) => {
    for (const { column, sign } of keys) {
      const [a, b] = [one[column] ?? "", other[column] ?? ""];
      if (a !== b) return a < b ? -sign : sign;
    }
    return 0;
  };
}

/** Answers a page: `{ [key]: […], meta }`, with the Link header of RFC 8288. Only the page's own rows are converted. */
export function sendPage<Row>(
  request: FastifyRequest,
  reply: FastifyReply,
  key: string,
  { entries, pagination }: Page<Row>,
  toResource: (row: Row) => object,
): Record<string, unknown> {
  // What a client sends as its Host may be anything.
  const base = URL.canParse(`http://${request.host}`) ? `http://${request.host}` : "http://localhost";
  const link = (page: number, relation: string): string => {
    const target = new URL(request.url, base);
    target.searchParams.set("page", String(page));
    return `<${target.href}>; rel="${relation}"`;
  };
  const links: string[] = [];
  if (pagination.previous_page !== null) links.push(link(pagination.previous_page, "prev"));
  if (pagination.next_page !== null) links.push(link(pagination.next_page, "next"));
  links.push(link(pagination.last_page, "last"));
  void reply.header("link", links.join(", "));
  return { [key]: entries.map(toResource), meta: { pagination } };
}
