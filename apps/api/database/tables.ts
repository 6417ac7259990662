import type { ColumnType, Generated, GeneratedAlways } from "kysely";
import type { ProductImage } from "../catalogue/snapshot.js";
import type { Actor, OrderStatus } from "../orders/status.js";

/** Kysely's view of the schema that the SQL files in migrations/ create. `bigint` arrives as a number. */
export interface Tables {
  stores: StoresTable;
  store_slugs: StoreSlugsTable;
  categories: CategoriesTable;
  products: ProductsTable;
  images: ImagesTable;
  merchants: MerchantsTable;
  sign_in_codes: SignInCodesTable;
  sessions: SessionsTable;
  rate_limits: RateLimitsTable;
  submitted_forms: SubmittedFormsTable;
  orders: OrdersTable;
  order_lines: OrderLinesTable;
  order_history: OrderHistoryTable;
  outbox: OutboxTable;
  feature_flags: FeatureFlagsTable;
}

interface StoresTable {
  id: GeneratedAlways<number>;
  slug: string;
  name: string;
  merchant_id: number;
  whatsapp_phone: string | null;
  created_at: Generated<Date>;
}

interface StoreSlugsTable {
  slug: string;
  store_id: number;
  since: Generated<Date>;
}

interface CategoriesTable {
  id: GeneratedAlways<number>;
  store_id: number;
  slug: string;
  name: string;
  position: Generated<number>;
  created_at: Generated<Date>;
}

interface ImagesTable {
  digest: string;
  widths: number[];
  touched_at: Generated<Date>;
}

interface ProductsTable {
  id: GeneratedAlways<number>;
  store_id: number;
  name: string;
  price_paise: number;
  stock: number;
  description: Generated<string>;
  compare_at_paise: number | null;
  hidden: Generated<boolean>;
  position: Generated<number>;
  category_id: number | null;
  images: ColumnType<ProductImage[], string | undefined, string>;
  version: Generated<number>;
  created_at: Generated<Date>;
  updated_at: Generated<Date>;
}

interface MerchantsTable {
  id: GeneratedAlways<number>;
  phone: string;
  created_at: Generated<Date>;
}

interface SignInCodesTable {
  phone: string;
  challenge_hash: Buffer;
  code_hash: Buffer;
  attempts_left: number;
  expires_at: Date;
}

interface SessionsTable {
  id: GeneratedAlways<number>;
  merchant_id: number;
  token_hash: Buffer;
  previous_token_hash: Buffer | null;
  rotated_at: Generated<Date>;
  confirmed_at: Date | null;
  created_at: Generated<Date>;
  expires_at: Date;
}

interface RateLimitsTable {
  subject_hash: Buffer;
  free_at: Date;
}

interface SubmittedFormsTable {
  merchant_id: number;
  form_key: string;
  content_hash: Buffer;
  location: string;
  created_at: Generated<Date>;
}

interface OrdersTable {
  id: GeneratedAlways<number>;
  public_id: string;
  store_id: number;
  idempotency_key: string;
  request_hash: Buffer;
  buyer_name: string;
  buyer_phone: string;
  total_paise: number;
  status: Generated<OrderStatus>;
  created_at: Generated<Date>;
  /** `null` in orders that an earlier release placed, as are city and PIN. */
  address_street: string | null;
  address_landmark: string | null;
  address_city: string | null;
  address_pin: string | null;
  payment_method: Generated<"cash-on-delivery">;
}

interface OrderHistoryTable {
  order_id: number;
  status: OrderStatus;
  actor: Actor;
  at: Generated<Date>;
}

interface OrderLinesTable {
  order_id: number;
  product_id: number;
  name: string;
  price_paise: number;
  quantity: number;
}

interface OutboxTable {
  sequence: GeneratedAlways<number>;
  event_id: Generated<string>;
  aggregate_type: "store" | "product" | "order";
  aggregate_id: string;
  type: string;
  payload: ColumnType<unknown, string, never>;
  occurred_at: Generated<Date>;
}

interface FeatureFlagsTable {
  name: string;
  enabled: boolean;
  description: string;
  updated_at: Generated<Date>;
}
