import { readdirSync } from "node:fs";
import { runner } from "node-pg-migrate";
import { Client, DatabaseError } from "pg";

const MIGRATIONS_TABLE = "migrations";

/** Key of the advisory lock that one migration run holds; any constant will do ("dukaan" in ASCII). */
const MIGRATION_LOCK = 0x64756b61616e;

/** Names of the migrations in a folder of `<number>_<name>.sql` files, in the order in which they apply. */
export function migrationNames(directory: string): string[] {
  return readdirSync(directory)
    .filter((file) => file.endsWith(".sql"))
    .map((file) => file.slice(0, -".sql".length))
    .sort();
}

interface Queryable {
  query(text: string): Promise<{ rows: { name: string }[] }>;
}

/** Names of the migrations that the database has, oldest first; none when it was never migrated. */
export async function appliedMigrations(client: Queryable): Promise<string[]> {
  try {
    const { rows } = await client.query(`SELECT name FROM ${MIGRATIONS_TABLE} ORDER BY id`);
    return rows.map((row) => row.name);
  } catch (error) {
    // 42P01: undefined_table
    if (error instanceof DatabaseError && error.code === "42P01") return [];
    throw error;
  }
}

export interface MigrationStatus {
  applied: string[];
  pending: string[];
}

/** What the database has and what it lacks of this release. A newer release's migrations count as applied. */
export async function migrationStatus(client: Queryable, directory: string): Promise<MigrationStatus> {
  const applied = await appliedMigrations(client);
  return { applied, pending: migrationNames(directory).filter((name) => !applied.includes(name)) };
}

/** @param url leads straight to PostgreSQL. Whoever calls ends the connection. */
export async function connectToMigrate(url: string): Promise<Client> {
  const client = new Client({ connectionString: url, application_name: "dukaan-migrate" });
  // The statement that finds the connection broken says so.
  client.on("error", () => undefined);
  await client.connect();
  return client;
}

/**
 * Applies the pending migrations in one transaction under an advisory lock, and returns their names: either all
 * of them are applied or nothing is. A second run at the same time waits for the first.
 * `url` must lead straight to PostgreSQL: PgBouncer's transaction pooling breaks session locks.
 */
export async function migrate(
  url: string,
  directory: string,
  log: (message: string) => void,
): Promise<string[]> {
  const client = await connectToMigrate(url);
  try {
    // A role's timeouts are meant for requests.
    await client.query("SET statement_timeout = 0; SET lock_timeout = '5min'");
    await client.query(`SELECT pg_advisory_lock(${MIGRATION_LOCK})`);
    // From here on a long wait for a table's lock would make every request to that table queue behind it.
    await client.query("SET lock_timeout = '5s'");
    const applied = await runner({
      dbClient: client,
      dir: directory,
      direction: "up",
      migrationsTable: MIGRATIONS_TABLE,
      singleTransaction: true,
      noLock: true,
      logger: { info: log, warn: log, error: () => undefined },
    });
    return applied.map((migration) => migration.name);
  } finally {
    await client.end();
  }
}
