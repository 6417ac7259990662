import { sql } from "kysely";
import type { Database } from "./database/database.js";
import { deleteUnusedImages } from "./images/images.js";
import type { Services } from "./services.js";

const HOUR = 60 * 60 * 1000;
/** How long one run may take, in milliseconds; what it leaves is for the next one. */
const TIME_BUDGET = 10 * 60 * 1000;
/** Rows deleted at a time, so that no delete holds its locks for long. */
const BATCH = 1_000;

/**
 * Deletes what nobody will read again: expired sessions and sign-in codes, limits that nobody is near, forms that were sent
 * a week ago, and events older than 30 days (a consumer that was away for longer starts from a snapshot). Several processes may do it at once.
 * @param mayGoOn asked before each batch
 */
export async function deleteExpired(
  db: Database,
  mayGoOn: () => Promise<boolean> = () => Promise.resolve(true),
): Promise<number> {
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
    for (let rows = BATCH; rows === BATCH && (await mayGoOn()); deleted += rows)
      rows = Number((await statement.execute(db)).numAffectedRows ?? 0);
  }
  return deleted;
}

/** One run of {@link deleteExpired} and {@link deleteUnusedImages}; it stops when the service becomes read-only. */
export async function cleanUp(
  { db, flags, images }: Pick<Services, "db" | "flags" | "images">,
  onError: (error: unknown) => void,
): Promise<void> {
  const end = performance.now() + TIME_BUDGET;
  const mayGoOn = async () => performance.now() < end && !(await flags.isEnabled("read_only"));
  await deleteExpired(db, mayGoOn).catch(onError);
  if (images) await deleteUnusedImages(db, images.store, mayGoOn).catch(onError);
}

/** Runs {@link cleanUp} every hour; the returned function stops it. */
export function startHousekeeping(
  services: Pick<Services, "db" | "flags" | "images">,
  onError: (error: unknown) => void,
): () => void {
  const timer = setInterval(() => void cleanUp(services, onError), HOUR);
  timer.unref();
  return () => clearInterval(timer);
}
