import { createHmac, randomBytes } from "node:crypto";
import type { Database } from "../database/database.js";
import type { Store } from "../stores/stores.js";

/** How long a sign-in lasts, in seconds. */
export const SESSION_SECONDS = 30 * 24 * 60 * 60;

/** Merchants' sessions: a random token in the browser, its keyed hash in the database. */
export class Sessions {
  constructor(
    readonly db: Database,
    readonly secret: string,
  ) {}

  /** Opens a session for a store's merchant and returns the token for the cookie. */
  async open(storeId: number): Promise<string> {
    const token = randomBytes(32).toString("base64url");
    await this.db
      .insertInto("sessions")
      .values({
        token_hash: this.#hash(token),
        store_id: storeId,
        expires_at: new Date(Date.now() + SESSION_SECONDS * 1000),
      })
      .execute();
    return token;
  }

  /** The store that a token opens. */
  async find(token: string): Promise<Store | undefined> {
    return await this.db
      .selectFrom("sessions")
      .innerJoin("stores", "stores.id", "sessions.store_id")
      .select(["stores.id", "stores.slug", "stores.name"])
      .where("token_hash", "=", this.#hash(token))
      .where("expires_at", ">", new Date())
      .executeTakeFirst();
  }

  async close(token: string): Promise<void> {
    await this.db.deleteFrom("sessions").where("token_hash", "=", this.#hash(token)).execute();
  }

  #hash(token: string): Buffer {
    return createHmac("sha256", this.secret).update(token).digest();
  }
}
