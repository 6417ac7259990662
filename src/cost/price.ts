import { type Catalogue, type Currency, type Found, type Tier, findPrice } from "./catalogue/catalogue.js";
import { type Category, type Item, categories, skuOf } from "./item.js";

export interface Pricing {
  catalogue: Catalogue;
  /** Of the result. */
  currency: Currency;
  /** US dollars for one euro. */
  eurUsd: number;
  /** How long things run in a month. */
  hours: number;
  /** Months over which what is paid once is spread. */
  setupMonths: number;
  /** ISO date; prices a year older than this are marked. */
  today: string;
  /** Machines are committed to, e.g. "1y": prices named `m6i.large:1y` count where the catalogue has them. */
  commitment?: string;
}

export interface PricedItem extends Item {
  /** For one month, in the currency of the pricing. */
  amount: number;
  /** What the source says one unit costs at this quantity, on average. */
  unitPrice: number;
  unitCurrency: Currency;
  /** The amount by category: one, or two where a managed service stands for a machine. */
  parts: { category: Category; amount: number }[];
  /** Why to doubt the price; empty: no reason known. */
  marks: string[];
}

export interface Bill {
  currency: Currency;
  items: PricedItem[];
  /** What has no price: the whole name of each SKU. */
  notPriced: string[];
  /** Of what has a price. */
  byCategory: Record<Category, number>;
  /** Sum of what has a price. */
  priced: number;
  /** Absent while anything has no price. */
  total?: number;
}

/** Sums up a list of materials. Quantities of the same SKU run through its brackets together. */
export function priceItems(items: readonly Item[], pricing: Pricing): Bill {
  const notPriced: string[] = [];
  const merged = merge(items);
  const totals = new Map<string, number>();
  for (const item of merged) totals.set(skuOf(item), (totals.get(skuOf(item)) ?? 0) + item.quantity);
  const priced = merged.flatMap((item): PricedItem[] => {
    const result = priceItem(item, totals.get(skuOf(item))!, pricing);
    if (!result) notPriced.push(skuOf(item));
    return result ? [result] : [];
  });
  const byCategory = Object.fromEntries(categories.map((name) => [name, 0])) as Record<Category, number>;
  for (const { category, amount } of priced.flatMap(({ parts }) => parts)) byCategory[category] += amount;
  const sum = priced.reduce((total, { amount }) => total + amount, 0);
  return {
    currency: pricing.currency,
    items: priced,
    notPriced,
    byCategory,
    priced: sum,
    ...(notPriced.length === 0 && { total: sum }),
  };
}

/**
 * What a quantity costs that runs through brackets, each unit at the price of its own bracket.
 * @returns undefined when it goes beyond the last bracket
 */
export function throughTiers(quantity: number, tiers: readonly Tier[]): number | undefined {
  let cost = 0;
  let from = 0;
  for (const { upTo = Infinity, price } of tiers) {
    const inside = Math.min(quantity, upTo) - from;
    if (inside > 0) cost += inside * price;
    if (quantity <= upTo) return cost;
    from = upTo;
  }
  return undefined;
}

/** @param eurUsd US dollars for one euro */
export function convert(amount: number, from: Currency, to: Currency, eurUsd: number): number {
  if (from === to) return amount;
  return from === "EUR" ? amount * eurUsd : amount / eurUsd;
}

function merge(items: readonly Item[]): Item[] {
  const merged = new Map<string, Item>();
  for (const item of items) {
    if (item.quantity === 0) continue;
    const key = `${skuOf(item)} ${item.category}`;
    const earlier = merged.get(key);
    if (!earlier) merged.set(key, item);
    else {
      const purposes = new Set([...earlier.what.split(", "), item.what]);
      const quantity = earlier.quantity + item.quantity;
      merged.set(key, { ...earlier, quantity, what: [...purposes].join(", ") });
    }
  }
  return [...merged.values()];
}

/** @param total of the SKU, in whichever categories: brackets know of no categories, each has its share of the price */
function priceItem(item: Item, total: number, pricing: Pricing): PricedItem | undefined {
  const committed = committedPrice(item, pricing);
  const found = committed ?? findPrice(pricing.catalogue, item);
  if (!found) return undefined;
  const { price } = found;
  if (price.unit !== item.unit) {
    throw new Error(`${skuOf(item)} is priced by ${price.unit}, and ${item.unit} was asked for`);
  }
  const ofAll = charge(total, found, pricing);
  if (ofAll === undefined) return undefined;
  const inOwn = (ofAll * item.quantity) / total;
  const amount = convert(inOwn, price.currency, pricing.currency, pricing.eurUsd);
  return {
    ...item,
    amount,
    unitPrice: inOwn / item.quantity,
    unitCurrency: price.currency,
    parts: partsOf(item, amount, pricing),
    marks: [
      ...marksOf(found, pricing.today),
      ...(item.base?.standsFor
        ? [`mark-up against ${item.base.sku}, as ${item.base.standsFor} has no price`]
        : []),
      ...(isCommittable(item) && pricing.commitment !== undefined && !committed
        ? [`not priced: commitment ${pricing.commitment}; on demand instead`]
        : []),
    ],
  };
}

function charge(quantity: number, { price }: Found, { hours, setupMonths }: Pricing): number | undefined {
  const cost = throughTiers(quantity, price.tiers);
  if (cost === undefined) return undefined;
  if (price.unit === "once") return cost / setupMonths;
  // Hetzner charges by the hour until the month's price is reached.
  if (price.unit === "month-cap") return cost * Math.min(1, hours / price.capHours!);
  return cost;
}

/** Machines of AWS can be committed to, plain ones and those below a managed service. */
function isCommittable({ provider, category, unit }: Item): boolean {
  return provider === "aws" && category === "compute" && unit.endsWith("hour");
}

function committedPrice(item: Item, { catalogue, commitment }: Pricing): Found | undefined {
  if (commitment === undefined || !isCommittable(item)) return undefined;
  return findPrice(catalogue, { ...item, sku: `${item.sku}:${commitment}` });
}

function partsOf(item: Item, amount: number, pricing: Pricing): PricedItem["parts"] {
  if (!item.base) return [{ category: item.category, amount }];
  const plain = findPrice(pricing.catalogue, { ...item, ...item.base });
  const own = plain && charge(item.quantity, plain, pricing);
  if (!plain || own === undefined) return [{ category: "managed mark-up", amount }];
  const base = convert(own, plain.price.currency, pricing.currency, pricing.eurUsd);
  return [
    { category: item.category, amount: base },
    { category: "managed mark-up", amount: amount - base },
  ];
}

/** What a reader should know of a price before believing it. */
function marksOf({ price, otherRegion }: Found, today: string): string[] {
  return [
    ...(otherRegion === undefined ? [] : [`price of ${otherRegion}`]),
    ...(price.confidence === "C" || price.confidence === "B-"
      ? [`low confidence (${price.confidence})`]
      : []),
    ...(price.availability === "offered" ? [] : [`${price.availability}: current price not found`]),
    ...(price.date === null
      ? ["undated"]
      : isOld(price.date, today)
        ? [`of ${price.date}, over a year old`]
        : []),
  ];
}

function isOld(date: string, today: string): boolean {
  const yearAgo = new Date(today);
  yearAgo.setUTCFullYear(yearAgo.getUTCFullYear() - 1);
  return new Date(date) < yearAgo;
}
