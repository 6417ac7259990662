/** Where money goes. */
export const categories = [
  "compute",
  "managed mark-up",
  "storage",
  "backups",
  "transfer",
  "network",
  "requests",
  "logs",
  "setup",
] as const;

export type Category = (typeof categories)[number];

/** One line of a bill of materials: so much of this for one month. */
export interface Item {
  provider: string;
  service: string;
  sku: string;
  region: string;
  /** Must be the price's. */
  unit: string;
  quantity: number;
  category: Category;
  /** For people: what it is for. */
  what: string;
  /**
   * The plain machine or disk of the same size, the same number of times: its price is put down to `category`, what is
   * above it to the managed mark-up. `standsFor`: the machine that it really is, which has no price here.
   */
  base?: { service: string; sku: string; standsFor?: string };
}

/** What has no price, by its whole name. */
export function skuOf({
  provider,
  service,
  sku,
  region,
}: Pick<Item, "provider" | "service" | "sku" | "region">) {
  return `${provider}/${service}/${sku}@${region}`;
}
