import { InputError, amount, check, date, positive, text } from "../check.js";

/** ISO 4217 codes of what providers bill in. */
export type Currency = "USD" | "EUR";

/** One price as its source states it, without tax. */
export interface Price {
  provider: string;
  service: string;
  sku: string;
  /** The provider's own names; of CloudFront its price areas; "global" where place does not matter. */
  regions: string[];
  /** What one of the quantity is, e.g. "hour", "GB", "GB-month", "month-cap", "once". GB are binary. */
  unit: string;
  currency: Currency;
  /** Brackets from the first unit on; the last one may be open. Beyond a closed last one no price is known. */
  tiers: Tier[];
  confidence: Confidence;
  availability: "offered" | "limited" | "superseded";
  /** When the source stated it; null: it does not say. */
  date: string | null;
  source: string;
  note?: string;
  /** Of "month-cap": hours of a month after which nothing more is charged. */
  capHours?: number;
  /** Outgoing traffic that comes with one, in TB (1,024 GB). */
  includedTrafficTB?: number;
}

export interface Tier {
  /** In units; the bracket ends here. Absent: it does not end. */
  upTo?: number;
  price: number;
}

/** See the catalogue's own note. From best to worst. */
export const confidences = ["A", "A-derived", "A-rounded", "B", "B-", "C"] as const;

export type Confidence = (typeof confidences)[number];

export interface Catalogue {
  /** When it was put together. */
  asOf: string;
  note: string;
  /** US dollars for one euro. */
  eurUsd: { rate: number; date: string; source: string };
  prices: Price[];
}

export const catalogueSchema = {
  type: "object",
  properties: {
    asOf: date,
    note: text,
    eurUsd: {
      type: "object",
      properties: { rate: positive, date, source: text },
      required: ["rate", "date", "source"],
      additionalProperties: false,
    },
    prices: {
      type: "array",
      minItems: 1,
      items: {
        type: "object",
        properties: {
          provider: text,
          service: text,
          sku: text,
          regions: { type: "array", items: text, minItems: 1, uniqueItems: true },
          unit: text,
          currency: { enum: ["USD", "EUR"] },
          tiers: {
            type: "array",
            minItems: 1,
            items: {
              type: "object",
              properties: { upTo: positive, price: amount },
              required: ["price"],
              additionalProperties: false,
            },
          },
          confidence: { enum: confidences },
          availability: { enum: ["offered", "limited", "superseded"] },
          date: { anyOf: [date, { type: "null" }] },
          source: text,
          note: text,
          capHours: positive,
          includedTrafficTB: positive,
        },
        required: [
          "provider",
          "service",
          "sku",
          "regions",
          "unit",
          "currency",
          "tiers",
          "confidence",
          "availability",
          "date",
          "source",
        ],
        additionalProperties: false,
      },
    },
  },
  required: ["asOf", "note", "eurUsd", "prices"],
  additionalProperties: false,
} as const;

/**
 * Checks a catalogue read from a file.
 * @param name what to call it in errors
 * @throws InputError that names the first wrong field; also when a price stands there twice or brackets do not rise
 */
export function parseCatalogue(value: unknown, name: string): Catalogue {
  check(catalogueSchema, value, name);
  const catalogue = value as Catalogue;
  const seen = new Set<string>();
  for (const [index, price] of catalogue.prices.entries()) {
    const bounds = price.tiers.map(({ upTo }) => upTo ?? Infinity);
    if (bounds.some((bound, at) => at > 0 && bound <= bounds[at - 1]!)) {
      throw new InputError(
        `${name}: /prices/${index}/tiers of ${price.sku}: each bracket must end above the one before it`,
        "Order the brackets by upTo; only the last may have none.",
      );
    }
    if (price.unit === "month-cap" && price.capHours === undefined) {
      throw new InputError(
        `${name}: /prices/${index} of ${price.sku}: a month-cap needs capHours`,
        "Add it.",
      );
    }
    for (const region of price.regions) {
      const key = [price.provider, price.service, price.sku, region].join(" ");
      if (seen.has(key)) throw new InputError(`${name}: ${key} has two prices`, "Remove one of them.");
      seen.add(key);
    }
  }
  return catalogue;
}

/** A price, and whether it is another region's. */
export interface Found {
  price: Price;
  /** Set when the region itself has no price here. */
  otherRegion?: string;
}

/**
 * Where to look when a region has no price of its own. Servers of Hetzner are left out: they are known to cost half as
 * much again elsewhere.
 */
function substitutes(provider: string, service: string): readonly string[] {
  if (provider === "aws") return service === "cloudfront" ? [] : ["us-east-1", "eu-west-1", "global"];
  return service === "cloud" || service === "dedicated" ? [] : ["fsn1"];
}

/** @returns undefined when no price is known */
export function findPrice(
  catalogue: Catalogue,
  wanted: { provider: string; service: string; sku: string; region: string },
): Found | undefined {
  const rows = indexOf(catalogue).get(keyOf(wanted)) ?? [];
  const here = rows.find(({ regions }) => regions.includes(wanted.region) || regions.includes("global"));
  if (here) return { price: here };
  for (const otherRegion of substitutes(wanted.provider, wanted.service)) {
    const there = rows.find(({ regions }) => regions.includes(otherRegion));
    if (there) return { price: there, otherRegion };
  }
  return undefined;
}

/** By catalogue, made once: a report asks some hundred thousand times. */
const indexes = new WeakMap<Catalogue, Map<string, Price[]>>();

function indexOf(catalogue: Catalogue): Map<string, Price[]> {
  const known = indexes.get(catalogue);
  if (known) return known;
  const index = Map.groupBy(catalogue.prices, keyOf);
  indexes.set(catalogue, index);
  return index;
}

function keyOf({ provider, service, sku }: Pick<Price, "provider" | "service" | "sku">): string {
  return `${provider} ${service} ${sku}`;
}
