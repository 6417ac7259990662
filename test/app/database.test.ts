import { afterAll, beforeAll, expect, test } from "vitest";
import { openDatabase } from "../../apps/api/database/database.js";
import { isUnavailable } from "../../apps/api/database/errors.js";
import { startPgBouncer, startPostgres, type PgBouncer, type Postgres } from "./postgres.js";

let postgres: Postgres;
let pgbouncer: PgBouncer;
beforeAll(async () => {
  postgres = await startPostgres();
  pgbouncer = await startPgBouncer(postgres);
});
afterAll(async () => {
  await pgbouncer.stop();
  await postgres.stop();
});

test("a connection whose BEGIN timed out is not used again", async () => {
  const url = pgbouncer.throughPool(await postgres.createDatabase());
  const { db, pool } = openDatabase({
    url,
    poolMax: 1,
    timeoutMillis: 300,
    onConnectionLost: () => undefined,
  });
  await db.schema.createTable("things").addColumn("name", "text").execute();
  pgbouncer.freeze();
  const failure = await db
    .transaction()
    .execute(async () => "never")
    .catch((error: unknown) => error);
  pgbouncer.thaw();
  expect(isUnavailable(failure)).toBe(true);

  await pool.query("INSERT INTO things VALUES ('written after the timeout')");
  const other = openDatabase({ url, poolMax: 1, onConnectionLost: () => undefined });
  const { rows } = await other.pool.query("SELECT name FROM things");
  await Promise.all([pool.end(), other.pool.end()]);
  expect(rows).toEqual([{ name: "written after the timeout" }]);
});
