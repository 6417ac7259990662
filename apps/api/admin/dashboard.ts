import { sql } from "kysely";
import { jsonArrayFrom } from "kysely/helpers/postgres";
import type { Database } from "../database/database.js";
import { readWithin } from "../database/time-limit.js";
import type { Services } from "../services.js";
import { filteredOrders, SUMMARY_COLUMNS, type OrderSummary } from "./order-list.js";
import { dailySales, type DaySales } from "./revenue.js";

/** How long the figures may take, in milliseconds; the page is sent without them then. */
const FIGURES_LIMIT = 1_000;
/** Stock at which a product is listed; the index `products_low_stock_idx` holds these alone. */
const LOW_STOCK = 5;
const LOW_STOCK_ROWS = 10;
const ORDER_ROWS = 10;

export interface LowProduct {
  id: number;
  name: string;
  stock: number;
}

/** What a merchant sees first. */
export interface Dashboard {
  /** Sales by day, oldest first, today last; or why they are missing: adding them up took too long, or a flag is on. */
  sales: DaySales[] | "too-slow" | "switched-off";
  /** The newest first; at most ten. */
  orders: OrderSummary[];
  /** The lowest first; at most ten. */
  lowStock: LowProduct[];
}

/** Reads what the dashboard shows, in two queries. */
export async function readDashboard(
  { db, flags }: Pick<Services, "db" | "flags">,
  storeId: number,
): Promise<Dashboard> {
  const off = await flags.isEnabled("analytics_off");
  const sales = off ? "switched-off" : await readSales(db, storeId);
  const latest = filteredOrders(db, storeId, {})
    .select(SUMMARY_COLUMNS)
    .orderBy("orders.id", "desc")
    .limit(ORDER_ROWS);
  const low = db
    .selectFrom("products")
    .select(["id", "name", "stock"])
    .where("store_id", "=", storeId)
    .where("stock", "<=", sql.lit(LOW_STOCK))
    .where("hidden", "=", false)
    .orderBy("stock")
    .orderBy("id")
    .limit(LOW_STOCK_ROWS);
  const { orders, lowStock } = await db
    .selectNoFrom([jsonArrayFrom(latest).as("orders"), jsonArrayFrom(low).as("lowStock")])
    .executeTakeFirstOrThrow();
  return {
    sales,
    orders: orders.map(({ createdAt, ...order }) => Object.assign(order, { createdAt: new Date(createdAt) })),
    lowStock,
  };
}

async function readSales(db: Database, storeId: number): Promise<DaySales[] | "too-slow"> {
  const sales = await readWithin(
    db,
    FIGURES_LIMIT,
    async (transaction) => await dailySales(transaction, storeId),
  );
  return sales ?? "too-slow";
}
