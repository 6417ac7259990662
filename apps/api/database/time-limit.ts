import { sql, type Transaction } from "kysely";
import { DatabaseError } from "pg";
import type { Database } from "./database.js";
import type { Tables } from "./tables.js";

/**
 * Reads something that a page can do without when it takes too long: the database gives up each statement after
 * `milliseconds`, and the result is `undefined`. The limit lives in the transaction (SET LOCAL), so the pooler's next
 * client does not inherit it.
 */
export async function readWithin<T extends object>(
  db: Database,
  milliseconds: number,
  read: (transaction: Transaction<Tables>) => Promise<T>,
): Promise<T | undefined> {
  try {
    return await db
      .transaction()
      .setAccessMode("read only")
      .execute(async (transaction) => {
        await sql`SET LOCAL statement_timeout = ${sql.lit(milliseconds)}`.execute(transaction);
        return await read(transaction);
      });
  } catch (error) {
    // 57014: query_canceled
    if (error instanceof DatabaseError && error.code === "57014") return undefined;
    throw error;
  }
}
