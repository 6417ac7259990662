import { sql, type Kysely } from "kysely";
import type { Tables } from "../database/tables.js";
import { readWithin } from "../database/time-limit.js";
import { Problem } from "../http/problem.js";
import { rupeesForInput } from "../money.js";
import type { OrderFilter } from "./order-filter.js";
import { filteredOrders } from "./order-list.js";

/** Orders that one query fetches: the most that is in memory at a time. */
const BATCH = 500;
/** How long one query may take, in milliseconds: less than the service waits, so that none goes on for nobody. */
const BATCH_LIMIT = 4_000;

const HEADER = [
  "Order",
  "Placed (IST)",
  "Status",
  "Buyer",
  "Phone",
  "House and street",
  "Landmark",
  "City",
  "PIN",
  "Items",
  "Total (INR)",
  "Payment",
];

// Without it Excel takes the file for the computer's old code page and shows Hindi names as signs.
const BYTE_ORDER_MARK = "\uFEFF";

/**
 * A store's orders as CSV (RFC 4180), newest first, piece by piece: the next orders are read when the piece before was
 * taken. Each batch is a query of its own, so a slow reader holds no connection; orders placed meanwhile are left out.
 */
export async function* ordersCsv(
  db: Kysely<Tables>,
  storeId: number,
  filter: OrderFilter,
): AsyncGenerator<string> {
  let rows = await readBatch(db, storeId, filter, undefined);
  yield BYTE_ORDER_MARK + csvLine(HEADER);
  while (rows.length > 0) {
    yield rows.map(orderLine).join("");
    rows = rows.length < BATCH ? [] : await readBatch(db, storeId, filter, rows.at(-1)!.id);
  }
}

type Row = Awaited<ReturnType<typeof readBatch>>[number];

async function readBatch(
  db: Kysely<Tables>,
  storeId: number,
  filter: OrderFilter,
  before: number | undefined,
) {
  const rows = await readWithin(
    db,
    BATCH_LIMIT,
    async (transaction) => await selectBatch(transaction, storeId, filter, before),
  );
  // Behind the first batch this breaks the download off: the file must not look complete.
  if (!rows)
    throw new Problem(503, "too-slow", "Reading these orders takes too long. Please choose fewer days.", {
      retryAfter: 60,
    });
  return rows;
}

async function selectBatch(
  db: Kysely<Tables>,
  storeId: number,
  filter: OrderFilter,
  before: number | undefined,
) {
  return await filteredOrders(db, storeId, filter)
    .$if(before !== undefined, (query) => query.where("orders.id", "<", before!))
    .select((order) => [
      "orders.id",
      "orders.status",
      "buyer_name as buyerName",
      "buyer_phone as buyerPhone",
      "address_street as street",
      "address_landmark as landmark",
      "address_city as city",
      "address_pin as pin",
      "total_paise as totalPaise",
      "payment_method as paymentMethod",
      sql<string>`to_char(orders.created_at AT TIME ZONE 'Asia/Kolkata', 'YYYY-MM-DD HH24:MI')`.as(
        "placedAt",
      ),
      order
        .selectFrom("order_lines")
        .select(sql<string>`string_agg(quantity || ' × ' || name, '; ' ORDER BY product_id)`.as("items"))
        .whereRef("order_id", "=", "orders.id")
        .as("items"),
    ])
    .orderBy("orders.id", "desc")
    .limit(BATCH)
    .execute();
}

function orderLine(row: Row): string {
  return csvLine([
    String(row.id),
    row.placedAt,
    row.status,
    row.buyerName,
    // Ten digits: with +91 it would begin like a formula.
    row.buyerPhone.slice(3),
    row.street ?? "",
    row.landmark ?? "",
    row.city ?? "",
    row.pin ?? "",
    row.items ?? "",
    rupeesForInput(row.totalPaise),
    row.paymentMethod,
  ]);
}

/**
 * One line of CSV. A text that a spreadsheet would take for a formula gets an apostrophe in front, so that a buyer's
 * "name" calculates nothing on the merchant's computer (https://owasp.org/www-community/attacks/CSV_Injection).
 */
export function csvLine(cells: readonly string[]): string {
  return `${cells.map((cell) => quote(/^\s*[=+\-@＝＋－＠\t\r]/.test(cell) ? `'${cell}` : cell)).join(",")}\r\n`;
}

function quote(cell: string): string {
  return /[",\r\n;]|^\s|\s$/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}
