import { Kysely, PostgresDialect, type PostgresPool, type Transaction } from "kysely";
import { DatabaseError, Pool, TypeOverrides, types } from "pg";
import { ConnectionQueue } from "./connection-queue.js";
import type { Tables } from "./tables.js";

/** Typed access to the database; queries go through one pool. */
export type Database = Kysely<Tables>;

export interface DatabaseOptions {
  url: string;
  /** Connections held at once. */
  poolMax: number;
  /**
   * How long a request waits for a connection, and then for a statement, in milliseconds: longer than the pause of a
   * planned switch, shorter than a buyer's patience.
   * @default 5000
   */
  timeoutMillis?: number;
  /** An idle connection broke (the server restarted, say); the pool replaces it by itself. */
  onConnectionLost: (error: Error) => void;
  /** A statement took {@link SLOW_STATEMENT} or longer. */
  onSlowStatement?: (slow: SlowStatement) => void;
}

/** A statement without its values: they travel beside it, and are customers' data. */
export interface SlowStatement {
  statement: string;
  milliseconds: number;
}

/** From where on a statement counts as slow, in milliseconds; as in PostgreSQL's own log. */
const SLOW_STATEMENT = 250;
/** Characters of a statement that are told. */
const STATEMENT_LENGTH = 500;

export interface OpenDatabase {
  db: Database;
  pool: Pool;
  queue: ConnectionQueue;
}

// PostgreSQL's bigint as a number: ids and sums of paise stay far below 2^53.
const typeParsers = new TypeOverrides();
typeParsers.setTypeParser(types.builtins.INT8, Number);

/**
 * Opens a pool. It works through PgBouncer's transaction pooling: statements are unnamed, and no setting is sent
 * at connection start or kept in the session (server-side timeouts belong to the database role).
 */
export function openDatabase(options: DatabaseOptions): OpenDatabase {
  const timeout = options.timeoutMillis ?? 5_000;
  const pool = new Pool({
    connectionString: options.url,
    max: options.poolMax,
    connectionTimeoutMillis: timeout,
    query_timeout: timeout,
    idleTimeoutMillis: 30_000,
    application_name: "dukaan-api",
    types: typeParsers,
  });
  pool.on("error", options.onConnectionLost);
  const queue = new ConnectionQueue(pool);
  const dialect = new PostgresDialect({ pool: watchConnections(pool, queue, options.onSlowStatement) });
  return { db: new Kysely<Tables>({ dialect }), pool, queue };
}

/** Runs the work in the transaction that it is given, or in one of its own. */
export async function inTransaction<Result>(
  db: Database | Transaction<Tables>,
  work: (transaction: Transaction<Tables>) => Promise<Result>,
): Promise<Result> {
  return db.isTransaction ? await work(db as Transaction<Tables>) : await db.transaction().execute(work);
}

/**
 * The pool as Kysely uses it. Slow statements are told. A connection stays out of the pool after an error that PostgreSQL
 * did not send: after a timeout, say, the server may still run the statement, and were it BEGIN, the next request would
 * work inside a transaction that nobody commits.
 */
function watchConnections(
  pool: Pool,
  queue: ConnectionQueue,
  onSlowStatement: DatabaseOptions["onSlowStatement"],
): PostgresPool {
  const connect = async () => {
    const client = await queue.connect();
    let doubtful = false;
    const query = async (text: string, values: unknown[]) => {
      const start = performance.now();
      try {
        return await client.query(text, values);
      } catch (error) {
        if (!(error instanceof DatabaseError)) doubtful = true;
        throw error;
      } finally {
        const milliseconds = performance.now() - start;
        if (milliseconds >= SLOW_STATEMENT)
          onSlowStatement?.({
            statement: text.slice(0, STATEMENT_LENGTH),
            milliseconds: Math.round(milliseconds),
          });
      }
    };
    return { query, release: () => client.release(doubtful) };
  };
  // Kysely's types also ask for cursors, which it uses for streaming only.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return { options: pool.options, connect, end: async () => await pool.end() } as unknown as PostgresPool;
}
