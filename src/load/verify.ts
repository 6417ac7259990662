import { buyerName, readJournal, type JournalContent, type JournalledOrder, type Line } from "./journal.js";

/** Runs one SQL statement and returns its only value as text. */
export type AskDatabase = (sql: string) => Promise<string>;

/** An order as the database has it. */
export interface StoredOrder {
  id: string;
  buyer: string;
  store: string;
  totalPaise: number;
  lines: (Line & { pricePaise: number })[];
}

export interface Finding {
  kind: "lost" | "doubled" | "wrong" | "unknown" | "refused but there" | "wrong stock";
  message: string;
}

export interface Verdict {
  ok: boolean;
  /** `open`: sent and never answered; `openThere` of them are in the database, which is right either way. */
  orders: { placed: number; refused: number; open: number; openThere: number; inDatabase: number };
  findings: Finding[];
}

/**
 * Holds a run's journal against the database, after the load has stopped: every order that was placed is there once with
 * what was ordered, at the right total; one without an answer is there once or not at all; nothing else is there; and
 * every product has as many pieces fewer as were sold. Nobody else may have bought or changed these products meanwhile.
 */
export async function verify(journalFile: string, ask: AskDatabase): Promise<Verdict> {
  const journal = readJournal(journalFile);
  const ids = journal.products.map(({ id }) => id);
  const stored = JSON.parse(await ask(ordersOf(journal.run))) as StoredOrder[];
  const stocks = JSON.parse(await ask(stocksOf(ids))) as { id: number; stock: number }[];
  return judge(journal, stored, new Map(stocks.map(({ id, stock }) => [id, stock])));
}

/** The judgement itself. @param stocks pieces by product, as they are now */
export function judge(
  journal: JournalContent,
  stored: readonly StoredOrder[],
  stocks: ReadonlyMap<number, number>,
): Verdict {
  const findings: Finding[] = [];
  const add = (kind: Finding["kind"], message: string) => findings.push({ kind, message });
  const byBuyer = Map.groupBy(stored, ({ buyer }) => buyer);
  const expected = new Map(journal.products.map(({ id, stock }) => [id, stock]));
  const orders = { placed: 0, refused: 0, open: 0, openThere: 0, inDatabase: stored.length };

  for (const [number, order] of journal.orders) {
    const buyer = buyerName(journal.run, number);
    const copies = byBuyer.get(buyer) ?? [];
    byBuyer.delete(buyer);
    const { outcome } = order;
    const [first] = copies;
    const due = outcome.type === "placed" || (outcome.type === "unknown" && first !== undefined);
    if (due)
      for (const { productId, quantity } of order.lines)
        expected.set(productId, (expected.get(productId) ?? 0) - quantity);
    if (outcome.type === "placed") orders.placed++;
    else if (outcome.type === "refused") orders.refused++;
    else {
      orders.open++;
      if (first) orders.openThere++;
    }

    if (outcome.type === "placed" && !first)
      add("lost", `order ${number} (${outcome.id}) was acknowledged and is not there`);
    if (outcome.type === "refused" && first)
      add("refused but there", `order ${number} was refused (${outcome.reason}) and is there as ${first.id}`);
    if (copies.length > 1)
      add(
        "doubled",
        `order ${number} is there ${copies.length} times: ${copies.map(({ id }) => id).join(", ")}`,
      );
    if (first) for (const message of differences(number, order, first)) add("wrong", message);
  }
  for (const buyer of byBuyer.keys()) add("unknown", `an order of "${buyer}" is there that was never sent`);
  for (const [id, stock] of expected) {
    const found = stocks.get(id);
    if (found !== stock) add("wrong stock", `product ${id} has ${found ?? "no"} pieces instead of ${stock}`);
  }
  return { ok: findings.length === 0, orders, findings };
}

function differences(number: number, order: JournalledOrder, stored: StoredOrder): string[] {
  const messages: string[] = [];
  const differs = (what: string, found: string | number, wanted: string | number) => {
    if (found !== wanted) messages.push(`order ${number} has ${what} ${found} instead of ${wanted}`);
  };
  differs("the store", stored.store, order.store);
  differs("the total", stored.totalPaise, order.totalPaise);
  differs("the lines", describeLines(stored.lines), describeLines(order.lines));
  differs(
    "lines that sum up to",
    stored.lines.reduce((sum, line) => sum + line.quantity * line.pricePaise, 0),
    stored.totalPaise,
  );
  if (order.outcome.type === "placed") differs("the id", stored.id, order.outcome.id);
  return messages;
}

function describeLines(lines: readonly Line[]): string {
  return lines
    .map(({ productId, quantity }) => `${quantity}×${productId}`)
    .sort()
    .join(" ");
}

function ordersOf(run: string): string {
  if (!/^[0-9a-f]+$/.test(run)) throw new Error(`the journal's run is "${run}"; it should be hexadecimal`);
  return `
    SELECT coalesce(json_agg(found), '[]')::text FROM (
      SELECT orders.public_id AS id, orders.buyer_name AS buyer, stores.slug AS store,
        orders.total_paise AS "totalPaise",
        (SELECT coalesce(json_agg(json_build_object(
            'productId', product_id, 'quantity', quantity, 'pricePaise', price_paise)), '[]')
          FROM order_lines WHERE order_id = orders.id) AS lines
      FROM orders JOIN stores ON stores.id = orders.store_id
      WHERE orders.buyer_name LIKE 'Load ${run} %') AS found`;
}

function stocksOf(ids: readonly number[]): string {
  return `
    SELECT coalesce(json_agg(json_build_object('id', id, 'stock', stock)), '[]')::text
    FROM products WHERE id = ANY ('{${ids.map(Number).join(",")}}'::bigint[])`;
}
