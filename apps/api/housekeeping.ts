import { sql } from "kysely";
import type { Database } from "./database/database.js";

const HOUR = 60 * 60 * 1000;
/** Rows deleted at a time, so that no delete holds its locks for long. */
const BATCH = 1_000;

/**
 * Deletes what nobody will read again: expired sessions, and events older than 30 days (a consumer that was away
 * for longer starts from a snapshot). Several processes may do it at once.
 */
export async function deleteExpired(db: Database): Promise<number> {
  let deleted = 0;
  for (const statement of [
    sql`DELETE FROM sessions WHERE token_hash IN
      (SELECT token_hash FROM sessions WHERE expires_at < now() LIMIT ${BATCH} FOR UPDATE SKIP LOCKED)`,
    sql`DELETE FROM outbox WHERE sequence IN
      (SELECT sequence FROM outbox WHERE occurred_at < now() - interval '30 days' LIMIT ${BATCH} FOR UPDATE SKIP LOCKED)`,
  ]) {
    for (let rows = BATCH; rows === BATCH; deleted += rows)
      rows = Number((await statement.execute(db)).numAffectedRows ?? 0);
  }
  return deleted;
}

/** Runs {@link deleteExpired} every hour; the returned function stops it. */
export function startHousekeeping(db: Database, onError: (error: unknown) => void): () => void {
  const timer = setInterval(() => void deleteExpired(db).catch(onError), HOUR);
  timer.unref();
  return () => clearInterval(timer);
}
