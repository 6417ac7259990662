import { Kysely, PostgresDialect, type PostgresPool, type Transaction } from "kysely";
import { DatabaseError, Pool, type PoolClient, type QueryResult, TypeOverrides, types } from "pg";
import { ConnectionQueue } from "./connection-queue.js";
import { StatementTimeout } from "./errors.js";
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
  /** A connection broke (the server restarted, say), idle or not; the pool replaces it by itself. Told once of each. */
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
  /** The connections behind `db`; a statement that is given to the pool itself has no time limit. */
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
    idleTimeoutMillis: 30_000,
    application_name: "dukaan-api",
    types: typeParsers,
  });
  // The pool looks after idle connections alone. One that breaks while a request has it, between two statements say, would
  // end the process; and so would either, a second time or at the pool, where nobody listens.
  pool.on("connect", (client) => {
    client.once("error", options.onConnectionLost);
    client.on("error", () => undefined);
  });
  pool.on("error", () => undefined);
  const queue = new ConnectionQueue(pool);
  const watched = watchConnections(pool, queue, (client) =>
    watchConnection(client, timeout, options.onSlowStatement),
  );
  const dialect = new PostgresDialect({ pool: watched });
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
 * The pool as Kysely uses it. A connection is wrapped once and not each time it is lent: Kysely remembers every one that it
 * has seen, and the garbage collector would have to look at them all.
 */
function watchConnections(
  pool: Pool,
  queue: ConnectionQueue,
  watch: (client: PoolClient) => WatchedConnection,
): PostgresPool {
  const watched = new WeakMap<PoolClient, WatchedConnection>();
  const connect = async () => {
    const client = await queue.connect();
    let connection = watched.get(client);
    if (!connection) watched.set(client, (connection = watch(client)));
    return connection;
  };
  // Kysely's types also ask for cursors, which it uses for streaming only.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return { options: pool.options, connect, end: async () => await pool.end() } as unknown as PostgresPool;
}

interface WatchedConnection {
  query(text: string, values: unknown[]): Promise<QueryResult>;
  release(): void;
}

/**
 * A connection whose statements end in time; slow ones are told. It stays out of the pool after an error that PostgreSQL
 * did not send: after a timeout, say, the server may still run the statement, and were it BEGIN, the next request would
 * work inside a transaction that nobody commits.
 */
function watchConnection(
  client: PoolClient,
  timeout: number,
  onSlowStatement: DatabaseOptions["onSlowStatement"],
): WatchedConnection {
  let doubtful = false;
  const query = async (text: string, values: unknown[]) => {
    const start = performance.now();
    try {
      return await queryWithin(timeout, client, text, values);
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
}

/**
 * Runs a statement for at most so many milliseconds. node-postgres could do so itself (`query_timeout`) and has promises,
 * but for either it assigns a function to a property of the query. V8 takes such a function for a method that stays: it
 * goes straight to the old objects, and the rows that it leads to stay until all of these are looked through.
 */
async function queryWithin(
  milliseconds: number,
  client: PoolClient,
  text: string,
  values: unknown[],
): Promise<QueryResult> {
  return await new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new StatementTimeout(milliseconds)), milliseconds);
    client.query(text, values, (error, result) => {
      clearTimeout(timer);
      if (error) reject(error);
      else resolve(result);
    });
  });
}
