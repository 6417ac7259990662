// Usage: node migrate.mjs [--status]. Exits 0 when the database is current, 1 when a migration failed or is pending.
import { parseArgs } from "node:util";
import { Client, DatabaseError } from "pg";
import { migrate, migrationStatus } from "./database/migrations.js";
import { EnvironmentError, readMigrationEnvironment } from "./environment.js";
import { migrationsDirectory } from "./release-files.js";

/** sysexits(3): the command or its environment is wrong; trying again will not help. */
const EX_USAGE = 64;
const EX_CONFIG = 78;

async function main(): Promise<number> {
  let status: boolean;
  try {
    status = parseArgs({ options: { status: { type: "boolean", default: false } } }).values.status;
  } catch (error) {
    console.error(`${describe(error)}\nUsage: node migrate.mjs [--status]`);
    return EX_USAGE;
  }
  const { databaseUrl } = readMigrationEnvironment(process.env);
  if (status) return await printStatus(databaseUrl);
  const applied = await migrate(databaseUrl, migrationsDirectory, (message) => console.error(message));
  console.log(JSON.stringify({ applied }));
  return 0;
}

async function printStatus(databaseUrl: string): Promise<number> {
  const client = new Client({ connectionString: databaseUrl, application_name: "dukaan-migrate" });
  await client.connect();
  try {
    const status = await migrationStatus(client, migrationsDirectory);
    console.log(JSON.stringify(status));
    return status.pending.length === 0 ? 0 : 1;
  } finally {
    await client.end();
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  if (error instanceof EnvironmentError) {
    console.error(error.message);
    process.exitCode = EX_CONFIG;
  } else {
    console.error(`Migration failed, nothing was changed: ${describe(error)}`);
    process.exitCode = 1;
  }
}

function describe(error: unknown): string {
  if (error instanceof DatabaseError)
    return [error.message, error.detail, error.hint].filter(Boolean).join("\n");
  return error instanceof Error ? error.message || error.name : String(error);
}
