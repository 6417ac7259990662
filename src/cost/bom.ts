import { type Catalogue, findPrice } from "./catalogue/catalogue.js";
import { InputError, amount, check, text } from "./check.js";
import { type Category, type Item, categories } from "./item.js";

/** One line of somebody's own list. */
interface Line {
  provider: string;
  service: string;
  sku: string;
  region: string;
  /** The price's unit; said so that a wrong guess is found. */
  unit: string;
  /** How many, e.g. servers; what is charged by the hour is multiplied by the hours of a month. */
  quantity?: number;
  /** Or an amount for the month as it is metered, e.g. 12,000 GB; it runs through the brackets. */
  usage?: number;
  category?: Category;
  what?: string;
}

const bomSchema = {
  type: "object",
  properties: {
    name: text,
    items: {
      type: "array",
      minItems: 1,
      items: {
        type: "object",
        properties: {
          provider: text,
          service: text,
          sku: text,
          region: text,
          unit: text,
          quantity: amount,
          usage: amount,
          category: { enum: categories },
          what: text,
        },
        required: ["provider", "service", "sku", "region", "unit"],
        additionalProperties: false,
      },
    },
  },
  required: ["items"],
  additionalProperties: false,
} as const;

const byService: Readonly<Record<string, Category>> = {
  ec2: "compute",
  cloud: "compute",
  dedicated: "compute",
  rds: "compute",
  elasticache: "compute",
  msk: "compute",
  opensearch: "compute",
  "msk-connect": "managed mark-up",
  eks: "managed mark-up",
  ebs: "storage",
  s3: "storage",
  kms: "storage",
  storage: "storage",
  "data-transfer": "transfer",
  cloudfront: "transfer",
  cloudwatch: "logs",
};

/**
 * Reads a bill of materials that a person wrote.
 * @param value what was parsed from YAML or JSON; format: docs/cost.md
 * @param hours of a month
 * @throws InputError that names the line and what is allowed
 */
export function parseBom(
  value: unknown,
  name: string,
  catalogue: Catalogue,
  hours: number,
): { name: string; items: Item[] } {
  check(bomSchema, value, name);
  const file = value as { name?: string; items: Line[] };
  const items = file.items.map((line, index): Item => {
    const { quantity, usage, category, what, ...sku } = line;
    const where = `${name}: /items/${index} (${line.sku})`;
    if ((quantity === undefined) === (usage === undefined)) {
      throw new InputError(
        `${where} needs either quantity or usage, and not both`,
        "quantity counts things that run all month; usage is an amount as it is metered.",
      );
    }
    const price = findPrice(catalogue, sku)?.price;
    if (price && price.unit !== line.unit) {
      throw new InputError(
        `${where} has unit ${JSON.stringify(line.unit)}; it is priced by ${JSON.stringify(price.unit)}`,
        "Convert the quantity and set the unit.",
      );
    }
    const perHour = line.unit === "hour" || line.unit.endsWith("-hour");
    return {
      ...sku,
      quantity: usage ?? quantity! * (perHour ? hours : 1),
      category: category ?? byService[line.service] ?? "network",
      what: what ?? line.sku,
    };
  });
  return { name: file.name ?? name, items };
}
