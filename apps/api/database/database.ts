import { Kysely, PostgresDialect } from "kysely";
import { Pool, TypeOverrides, types } from "pg";
import type { Tables } from "./tables.js";

/** Typed access to the database; queries go through one pool. */
export type Database = Kysely<Tables>;

export interface DatabaseOptions {
  url: string;
  /** Connections held at once. */
  poolMax: number;
  /** An idle connection broke (the server restarted, say); the pool replaces it by itself. */
  onConnectionLost: (error: Error) => void;
}

export interface OpenDatabase {
  db: Database;
  pool: Pool;
}

// PostgreSQL's bigint as a number: ids and sums of paise stay far below 2^53.
const typeParsers = new TypeOverrides();
typeParsers.setTypeParser(types.builtins.INT8, Number);

/**
 * Opens a pool. It works through PgBouncer's transaction pooling: statements are unnamed, and no setting is sent
 * at connection start or kept in the session (server-side timeouts belong to the database role).
 */
export function openDatabase(options: DatabaseOptions): OpenDatabase {
  const pool = new Pool({
    connectionString: options.url,
    max: options.poolMax,
    // Longer than PgBouncer's pause during a planned switch, shorter than a buyer's patience.
    connectionTimeoutMillis: 5_000,
    query_timeout: 10_000,
    idleTimeoutMillis: 30_000,
    application_name: "dukaan-api",
    types: typeParsers,
  });
  pool.on("error", options.onConnectionLost);
  return { db: new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) }), pool };
}
