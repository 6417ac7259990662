import ipaddr from "ipaddr.js";
import { sql } from "kysely";
import type { Database } from "../database/database.js";
import type { KeyedHash } from "./keyed-hash.js";

/** How often something may happen for one subject: `burst` times at once, then once in `everySeconds`. */
export interface RateLimit {
  /** Tells the limits of one subject apart. */
  name: string;
  burst: number;
  everySeconds: number;
}

/**
 * Counts across all app servers, in the database, by the generic cell rate algorithm: one row a subject, which one
 * statement reads and changes under its lock, so that requests at the same time cannot both take the last of it.
 */
export class RateLimits {
  constructor(
    readonly db: Database,
    readonly keyedHash: KeyedHash,
  ) {}

  /**
   * Takes one from the allowance of a subject.
   * @param db a transaction, if one that is rolled back shall give it back; others of the subject wait for its end
   * @returns `undefined` when it was there, else after how many seconds there is one again at the latest
   */
  async take(limit: RateLimit, subject: string, db: Database = this.db): Promise<number | undefined> {
    const { name, burst, everySeconds } = limit;
    const step = sql`make_interval(secs => ${everySeconds})`;
    const allowance = sql`make_interval(secs => ${burst * everySeconds})`;
    const { rows } = await sql`
      INSERT INTO rate_limits AS current (subject_hash, free_at)
      VALUES (${this.keyedHash.digest("rate-limit", name, subject)}, now() + ${step})
      ON CONFLICT (subject_hash) DO UPDATE
        SET free_at = greatest(current.free_at, now()) + ${step}
        WHERE greatest(current.free_at, now()) + ${step} <= now() + ${allowance}
      RETURNING 1
    `.execute(db);
    return rows.length > 0 ? undefined : everySeconds;
  }

  /** Gives one back that was taken for nothing. */
  async giveBack({ name, everySeconds }: RateLimit, subject: string): Promise<void> {
    await this.db
      .updateTable("rate_limits")
      .set({ free_at: sql<Date>`free_at - make_interval(secs => ${everySeconds})` })
      .where("subject_hash", "=", this.keyedHash.digest("rate-limit", name, subject))
      .execute();
  }
}

/**
 * The subject that an address stands for. A provider gives a home or a phone a whole IPv6 /64 (RFC 6177), so its
 * addresses are one subject. Requests without an address come from the machine itself.
 */
export function addressSubject(ip: string | undefined): string {
  if (ip === undefined || !ipaddr.isValid(ip)) return "local";
  const address = ipaddr.process(ip);
  if (address.kind() === "ipv4") return address.toString();
  return `${ipaddr.IPv6.networkAddressFromCIDR(`${address.toString()}/64`).toString()}/64`;
}
