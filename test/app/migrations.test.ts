import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Pool } from "pg";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { migrate, migrationNames, migrationStatus } from "../../apps/api/database/migrations.js";
import { migrationsDirectory } from "../../apps/api/release-files.js";
import { runStatement } from "./postgres.js";
import { startShop, Visitor, type Shop } from "./shop.js";

let shop: Shop;
let directory: string;
let databaseUrl: string;
const names = migrationNames(migrationsDirectory);
const quiet = (): void => undefined;

beforeAll(async () => {
  shop = await startShop({ migrated: false });
});
afterAll(async () => await shop.stop());

/** A folder with the real migrations, to which a test adds its own, and a database of its own. */
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "dukaan-migrations-"));
  cpSync(migrationsDirectory, directory, { recursive: true });
  databaseUrl = await shop.postgres.createDatabase();
  return () => rmSync(directory, { recursive: true });
});

async function statusOf(url: string) {
  const pool = new Pool({ connectionString: url, max: 1 });
  try {
    return await migrationStatus(pool, directory);
  } finally {
    await pool.end();
  }
}

test("the service is ready only when its migrations are applied", async () => {
  const visitor = new Visitor(shop.app);
  const before = await visitor.get("/readyz");
  expect(before.status).toBe(503);
  expect(JSON.parse(before.body)).toEqual({ status: "migrations-pending", pending: names });
  expect(await migrate(shop.databaseUrl, migrationsDirectory, quiet)).toEqual(names);
  // One look at the database answers everybody for a moment; a quick migration ends within it.
  await expect.poll(async () => (await visitor.get("/readyz")).status).toBe(200);
});

test("a second run finds nothing to do", async () => {
  expect(await migrate(databaseUrl, directory, quiet)).toEqual(names);
  expect(await migrate(databaseUrl, directory, quiet)).toEqual([]);
  expect(await statusOf(databaseUrl)).toEqual({ applied: names, pending: [] });
});

test("runs at the same time wait for each other and apply everything once", async () => {
  const runs = await Promise.all([1, 2, 3].map(() => migrate(databaseUrl, directory, quiet)));
  expect(runs.flat()).toEqual(names);
});

test("a failing migration changes nothing, not even by the ones before it, and says what the database said", async () => {
  await migrate(databaseUrl, directory, quiet);
  writeFileSync(join(directory, "0098_good.sql"), "CREATE TABLE half_done (id int);");
  writeFileSync(
    join(directory, "0099_bad.sql"),
    "ALTER TABLE stores ADD COLUMN fine int; ALTER TABLE stores ADD COLUMN slug text;",
  );
  await expect(migrate(databaseUrl, directory, quiet)).rejects.toThrow(
    'column "slug" of relation "stores" already exists',
  );
  expect(await statusOf(databaseUrl)).toEqual({ applied: names, pending: ["0098_good", "0099_bad"] });
  await expect(runStatement(databaseUrl, "SELECT fine FROM stores")).rejects.toThrow("does not exist");
  await expect(runStatement(databaseUrl, "SELECT * FROM half_done")).rejects.toThrow("does not exist");
  // The lock is free again.
  rmSync(join(directory, "0099_bad.sql"));
  expect(await migrate(databaseUrl, directory, quiet)).toEqual(["0098_good"]);
});

test("a database with a newer release's migrations is current for this one", async () => {
  await migrate(databaseUrl, directory, quiet);
  writeFileSync(join(directory, "0099_newer.sql"), "CREATE TABLE newer (id int);");
  await migrate(databaseUrl, directory, quiet);
  rmSync(join(directory, "0099_newer.sql"));
  expect((await statusOf(databaseUrl)).pending).toEqual([]);
  expect(await migrate(databaseUrl, directory, quiet)).toEqual([]);
});

test("stock below zero is refused by the database itself", async () => {
  await migrate(databaseUrl, directory, quiet);
  await runStatement(databaseUrl, "INSERT INTO merchants (phone) VALUES ('+919876543210')");
  await runStatement(databaseUrl, "INSERT INTO stores (merchant_id, slug, name) VALUES (1, 'abc', 'Abc')");
  await runStatement(
    databaseUrl,
    "INSERT INTO products (store_id, name, price_paise, stock) VALUES (1, 'One', 100, 1)",
  );
  await expect(runStatement(databaseUrl, "UPDATE products SET stock = stock - 2")).rejects.toThrow(
    "products_stock_check",
  );
});
