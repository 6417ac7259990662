// Usage: node migrate.mjs [--status]. Exits 0 when the database is current, 1 when a migration failed or is pending.
import { parseArgs } from "node:util";
import { DatabaseError } from "pg";
import { messageOf, runProgram, UsageError } from "./command-line.js";
import { connectToMigrate, migrate, migrationStatus } from "./database/migrations.js";
import { readMigrationEnvironment } from "./environment.js";
import { migrationsDirectory } from "./release-files.js";

async function main(): Promise<void> {
  const onlyStatus = readArguments();
  const { databaseUrl } = readMigrationEnvironment(process.env);
  if (onlyStatus) return await printStatus(databaseUrl);
  const applied = await migrate(databaseUrl, migrationsDirectory, (message) => console.error(message));
  console.log(JSON.stringify({ applied }));
}

function readArguments(): boolean {
  try {
    return parseArgs({ options: { status: { type: "boolean", default: false } } }).values.status;
  } catch (error) {
    throw new UsageError(describe(error));
  }
}

async function printStatus(databaseUrl: string): Promise<void> {
  const client = await connectToMigrate(databaseUrl);
  try {
    const status = await migrationStatus(client, migrationsDirectory);
    console.log(JSON.stringify(status));
    process.exitCode = status.pending.length === 0 ? 0 : 1;
  } finally {
    await client.end();
  }
}

function describe(error: unknown): string {
  if (error instanceof DatabaseError)
    return [error.message, error.detail, error.hint].filter(Boolean).join("\n");
  return messageOf(error);
}

await runProgram(
  main,
  { usage: "Usage: node migrate.mjs [--status]", failed: "Migration failed, nothing was changed" },
  describe,
);
