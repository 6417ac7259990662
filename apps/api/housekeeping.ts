import { sql } from "kysely";
import type { Database } from "./database/database.js";
import type { ImageStore } from "./images/image-store.js";
import { deleteUnusedImages } from "./images/images.js";

const HOUR = 60 * 60 * 1000;
/** Rows deleted at a time, so that no delete holds its locks for long. */
const BATCH = 1_000;

/**
 * Deletes what nobody will read again: expired sessions and sign-in codes, limits that nobody is near, forms that were sent
 * a week ago, and events older than 30 days (a consumer that was away for longer starts from a snapshot). Several processes may do it at once.
 */
export async function deleteExpired(db: Database): Promise<number> {
  let deleted = 0;
  for (const statement of [
    sql`DELETE FROM sessions WHERE id IN
      (SELECT id FROM sessions WHERE expires_at < now() LIMIT ${BATCH} FOR UPDATE SKIP LOCKED)`,
    sql`DELETE FROM sign_in_codes WHERE phone IN
      (SELECT phone FROM sign_in_codes WHERE expires_at < now() LIMIT ${BATCH} FOR UPDATE SKIP LOCKED)`,
    sql`DELETE FROM rate_limits WHERE subject_hash IN
      (SELECT subject_hash FROM rate_limits WHERE free_at < now() LIMIT ${BATCH} FOR UPDATE SKIP LOCKED)`,
    sql`DELETE FROM submitted_forms WHERE (merchant_id, form_key) IN
      (SELECT merchant_id, form_key FROM submitted_forms WHERE created_at < now() - interval '7 days'
       LIMIT ${BATCH} FOR UPDATE SKIP LOCKED)`,
    sql`DELETE FROM outbox WHERE sequence IN
      (SELECT sequence FROM outbox WHERE occurred_at < now() - interval '30 days' LIMIT ${BATCH} FOR UPDATE SKIP LOCKED)`,
  ]) {
    for (let rows = BATCH; rows === BATCH; deleted += rows)
      rows = Number((await statement.execute(db)).numAffectedRows ?? 0);
  }
  return deleted;
}

/** Runs {@link deleteExpired} and {@link deleteUnusedImages} every hour; the returned function stops it. */
export function startHousekeeping(
  db: Database,
  images: ImageStore | undefined,
  onError: (error: unknown) => void,
): () => void {
  const clean = (): void => {
    void deleteExpired(db).catch(onError);
    if (images) void deleteUnusedImages(db, images).catch(onError);
  };
  const timer = setInterval(clean, HOUR);
  timer.unref();
  return () => clearInterval(timer);
}
