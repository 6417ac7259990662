import { randomBytes } from "node:crypto";
import { sql, type Transaction } from "kysely";
import type { Database } from "../database/database.js";
import { isUnavailable } from "../database/errors.js";
import type { Tables } from "../database/tables.js";
import type { FeatureFlags } from "../flags.js";
import type { Store } from "../stores/stores.js";
import type { KeyedHash } from "./keyed-hash.js";

const DAY = 24 * 60 * 60;
/** How long a session lasts without being used, in seconds. */
export const IDLE_SECONDS = 14 * DAY;
/** How long it lasts at most, in seconds. */
const LIFETIME_SECONDS = 90 * DAY;
/** How long one token is used, in seconds; a stolen one is of no more use after that. */
const ROTATION_SECONDS = 60 * 60;
/** How long the token before is taken after the browser has sent the new one, in seconds: requests run side by side. */
const GRACE_SECONDS = 60;

const seconds = (count: number) => sql`make_interval(secs => ${count})`;

/** Who asks. */
export interface FoundSession {
  id: number;
  merchantId: number;
  phone: string;
  /** The merchant's own store with the slug that was asked for. */
  store: Store | undefined;
  /** The token that the browser shall use from now on; absent: the one it has. */
  newToken?: string;
}

interface Row {
  id: number;
  merchantId: number;
  phone: string;
  isCurrent: boolean;
  isConfirmed: boolean;
  isDue: boolean;
  isLost: boolean;
  storeId: number | null;
  slug: string | null;
  name: string | null;
}

/** Merchants' sessions: a random token in the browser, its keyed hash in the database. */
export class Sessions {
  constructor(
    readonly db: Database,
    readonly keyedHash: KeyedHash,
    readonly flags: FeatureFlags,
  ) {}

  /** Opens a session in the transaction that uses up the code for it, and returns the token for the cookie. */
  async open(transaction: Transaction<Tables>, merchantId: number): Promise<string> {
    const token = newToken();
    await transaction
      .insertInto("sessions")
      .values({
        merchant_id: merchantId,
        token_hash: this.#hash(token),
        confirmed_at: sql<Date>`now()`,
        expires_at: sql<Date>`now() + ${seconds(IDLE_SECONDS)}`,
      })
      .execute();
    return token;
  }

  /**
   * The session that a token opens, and with it the merchant's store of this slug, in one question. Once an hour it gives
   * the session a new token. The old one goes on until the browser has used the new one: its answer may get lost.
   */
  async find(token: string, slug: string | undefined): Promise<FoundSession | undefined> {
    const hash = this.#hash(token);
    const { rows } = await sql<Row>`
      SELECT sessions.id, sessions.merchant_id AS "merchantId", merchants.phone,
        token_hash = ${hash} AS "isCurrent",
        confirmed_at IS NOT NULL AS "isConfirmed",
        rotated_at < now() - ${seconds(ROTATION_SECONDS)} AS "isDue",
        rotated_at < now() - ${seconds(GRACE_SECONDS)} AS "isLost",
        stores.id AS "storeId", stores.slug, stores.name
      FROM sessions
      JOIN merchants ON merchants.id = sessions.merchant_id
      LEFT JOIN stores ON stores.merchant_id = sessions.merchant_id AND stores.slug = ${slug ?? null}
      WHERE expires_at > now() AND (
        token_hash = ${hash}
        OR (previous_token_hash = ${hash}
            AND (confirmed_at IS NULL OR confirmed_at > now() - ${seconds(GRACE_SECONDS)}))
      )
    `.execute(this.db);
    const row = rows[0];
    if (!row) return undefined;
    const { id, merchantId, phone, storeId, slug: storeSlug, name } = row;
    const store =
      storeId !== null && storeSlug !== null && name !== null
        ? { id: storeId, slug: storeSlug, name }
        : undefined;
    const next = await this.#renew(row, hash).catch(unlessUnavailable);
    return { id, merchantId, phone, store, ...(next !== undefined && { newToken: next }) };
  }

  async close(sessionId: number): Promise<void> {
    await this.db.deleteFrom("sessions").where("id", "=", sessionId).execute();
  }

  /** Signs a merchant out on every device. */
  async closeAll(merchantId: number): Promise<void> {
    await this.db.deleteFrom("sessions").where("merchant_id", "=", merchantId).execute();
  }

  /** Closes the session of a token that is about to be replaced by another session's. */
  async closeToken(token: string): Promise<void> {
    const hash = this.#hash(token);
    await this.db
      .deleteFrom("sessions")
      .where((row) => row.or([row("token_hash", "=", hash), row("previous_token_hash", "=", hash)]))
      .execute();
  }

  /**
   * Moves the session on where it is due. Of several requests at once one succeeds; the others keep their token. While
   * nothing may be written, tokens go on as they are.
   */
  async #renew(row: Row, hash: Buffer): Promise<string | undefined> {
    const isUnconfirmed = row.isCurrent && !row.isConfirmed;
    const isUnanswered = !row.isCurrent && !row.isConfirmed && row.isLost;
    const isOld = row.isCurrent && row.isDue;
    if (!isUnconfirmed && !isUnanswered && !isOld) return undefined;
    if (await this.flags.isEnabled("read_only")) return undefined;
    if (isUnconfirmed) {
      await this.db
        .updateTable("sessions")
        .set({ confirmed_at: sql<Date>`now()` })
        .where("id", "=", row.id)
        .where("token_hash", "=", hash)
        .where("confirmed_at", "is", null)
        .execute();
      return undefined;
    }
    const token = newToken();
    const { numUpdatedRows } = await this.db
      .updateTable("sessions")
      .set({
        token_hash: this.#hash(token),
        previous_token_hash: hash,
        rotated_at: sql<Date>`now()`,
        confirmed_at: null,
        expires_at: sql<Date>`least(now() + ${seconds(IDLE_SECONDS)}, created_at + ${seconds(LIFETIME_SECONDS)})`,
      })
      .where("id", "=", row.id)
      .where(
        isUnanswered
          ? sql<boolean>`previous_token_hash = ${hash} AND confirmed_at IS NULL
              AND rotated_at < now() - ${seconds(GRACE_SECONDS)}`
          : sql<boolean>`token_hash = ${hash}`,
      )
      .executeTakeFirst();
    return numUpdatedRows > 0n ? token : undefined;
  }

  #hash(token: string): Buffer {
    return this.keyedHash.digest("session", token);
  }
}

/** A database that cannot write right now, such as a standby, still lets merchants read: the next request renews. */
function unlessUnavailable(error: unknown): undefined {
  if (!isUnavailable(error)) throw error;
}

function newToken(): string {
  return randomBytes(32).toString("base64url");
}
