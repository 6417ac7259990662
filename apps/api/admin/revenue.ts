import { sql, type Kysely } from "kysely";
import type { Tables } from "../database/tables.js";

/** What was ordered on one Indian day, without what was cancelled. */
export interface DaySales {
  /** Such as `2026-11-21`. */
  day: string;
  orders: number;
  revenuePaise: number;
}

/** Days that the dashboard looks back, today among them. */
export const REVENUE_DAYS = 30;

/** Sales of the last {@link REVENUE_DAYS} days by the day of placing, oldest first; every day is there. */
export async function dailySales(db: Kysely<Tables>, storeId: number): Promise<DaySales[]> {
  const today = sql`(now() AT TIME ZONE 'Asia/Kolkata')::date`;
  const first = sql`${today} - ${sql.lit(REVENUE_DAYS - 1)}`;
  const { rows } = await sql<DaySales>`
    WITH sales AS (
      SELECT (created_at AT TIME ZONE 'Asia/Kolkata')::date AS day,
        count(*) AS orders, sum(total_paise)::bigint AS revenue_paise
      FROM orders
      WHERE store_id = ${storeId} AND status <> 'cancelled'
        AND created_at >= (${first})::timestamp AT TIME ZONE 'Asia/Kolkata'
      GROUP BY 1
    )
    SELECT to_char(days.day, 'YYYY-MM-DD') AS day, coalesce(orders, 0) AS orders,
      coalesce(revenue_paise, 0) AS "revenuePaise"
    FROM generate_series(${first}, ${today}, '1 day') AS days (day)
    LEFT JOIN sales ON sales.day = days.day::date
    ORDER BY days.day
  `.execute(db);
  return rows;
}
