import { randomBytes, randomInt, timingSafeEqual } from "node:crypto";
import { sql } from "kysely";
import type { Database } from "../database/database.js";
import type { SmsGateway } from "../sms/gateway.js";
import { SmsNotSent } from "../sms/webhook.js";
import type { KeyedHash } from "./keyed-hash.js";
import type { RateLimit, RateLimits } from "./rate-limits.js";
import type { Sessions } from "./sessions.js";

/** How long a code opens anything, in seconds. */
export const CODE_SECONDS = 5 * 60;
/** Codes that may be tried, right or wrong, before a new one must be asked for. */
const ATTEMPTS = 5;

const HOUR = 60 * 60;

// A person mistypes the number or waits in vain for a message a few times. Counted by address too, so that a stranger at
// one address does not use up what they need; one with two can (decision 11).
const CODES_PER_NUMBER_AND_ADDRESS: readonly RateLimit[] = [
  { name: "codes by number and address", burst: 3, everySeconds: 5 * 60 },
  { name: "codes by number, address and day", burst: 10, everySeconds: (24 * HOUR) / 10 },
];
// Each code allows five guesses out of a million. Forty codes in the first 24 hours (those at once, and what comes after them)
// and twenty on each day after leave somebody who wants into one account a chance of 1 in 5,000, then of 1 in 10,000 a day,
// from however many addresses.
const CODES_PER_NUMBER: readonly RateLimit[] = [
  { name: "codes by number", burst: 6, everySeconds: 5 * 60 },
  { name: "codes by number and day", burst: 20, everySeconds: (24 * HOUR) / 20 },
];
// Mobile networks put thousands of phones behind one IPv4 address; a message costs money.
const CODES_PER_ADDRESS: RateLimit = { name: "codes by address", burst: 30, everySeconds: 60 };
// What somebody with many addresses and numbers may make the platform pay for: at 0.20 rupees a message, 180 rupees an hour
// and 1,080 a day. A platform with more merchants than sign in within that raises them: a session lasts weeks, so 5,400 a
// day are more than 75,000 merchants need.
const CODES_IN_ALL: readonly RateLimit[] = [
  { name: "codes in all and hour", burst: 900, everySeconds: HOUR / 900 },
  { name: "codes in all and day", burst: 5_400, everySeconds: (24 * HOUR) / 5_400 },
];
const GUESSES_PER_ADDRESS: RateLimit = { name: "guesses by address", burst: 60, everySeconds: 30 };

/** Ask again after this many seconds. */
export interface TooMany {
  waitSeconds: number;
}

/**
 * Signing in: a code goes to a phone, and whoever enters it in the browser that asked for it owns the number. Whether
 * the number is known does not matter until then, so nobody learns it: merchants are made when they first sign in.
 */
export class SignInCodes {
  constructor(
    readonly db: Database,
    readonly keyedHash: KeyedHash,
    readonly limits: RateLimits,
    readonly sessions: Sessions,
    readonly gateway: SmsGateway,
  ) {}

  /**
   * Sends a new code to a number and voids the one before it.
   * @param phone `+91` and ten digits
   * @param from whom to count it for beside the number, see `addressSubject`
   * @returns the challenge for the browser's cookie: codes are only taken together with it, so that nobody else can use
   *   up the attempts of a code
   * @throws SmsNotSent when nobody took the message over; then the number may be tried again
   */
  async send(phone: string, from: string): Promise<string | TooMany> {
    const both = `${phone} ${from}`;
    const waitSeconds =
      (await this.limits.take(CODES_PER_ADDRESS, from)) ??
      (await this.#takeAll(CODES_PER_NUMBER_AND_ADDRESS, both));
    if (waitSeconds !== undefined) return { waitSeconds };
    const waitForNumber = await this.#takeAll(CODES_PER_NUMBER, phone);
    if (waitForNumber !== undefined) {
      // Whoever asks in vain because somebody else has used up the number still has what is theirs.
      await this.#giveBack(CODES_PER_NUMBER_AND_ADDRESS, both);
      return { waitSeconds: waitForNumber };
    }
    const waitForAll = await this.#takeAll(CODES_IN_ALL, "all");
    if (waitForAll !== undefined) {
      await this.#giveBackNumber(phone, from);
      return { waitSeconds: waitForAll };
    }

    const challenge = randomBytes(32).toString("base64url");
    const code = String(randomInt(1_000_000)).padStart(6, "0");
    const row = {
      challenge_hash: this.keyedHash.digest("challenge", challenge),
      code_hash: this.keyedHash.digest("code", challenge, code),
      attempts_left: ATTEMPTS,
      expires_at: sql<Date>`now() + make_interval(secs => ${CODE_SECONDS})`,
    };
    await this.db
      .insertInto("sign_in_codes")
      .values({ phone, ...row })
      .onConflict((conflict) => conflict.column("phone").doUpdateSet(row))
      .execute();
    try {
      await this.gateway.sendCode(phone, code);
    } catch (error) {
      // The others stay taken: a message that timed out may have been paid for, and trying again and again has an end.
      if (error instanceof SmsNotSent) await this.#giveBackNumber(phone, from);
      throw error;
    }
    return challenge;
  }

  /** The number that a challenge's code went to, while the code can be entered. */
  async awaited(challenge: string): Promise<string | undefined> {
    const row = await this.db
      .selectFrom("sign_in_codes")
      .select("phone")
      .where("challenge_hash", "=", this.keyedHash.digest("challenge", challenge))
      .where("attempts_left", ">", 0)
      .where("expires_at", ">", sql<Date>`now()`)
      .executeTakeFirst();
    return row?.phone;
  }

  /**
   * Opens a session for the number's merchant if the code is right; a code opens exactly one.
   * @returns `wrong`: it may be tried again; `ended`: there is no code any more that this challenge could open
   */
  async enter(
    challenge: string,
    code: string,
    from: string,
  ): Promise<{ token: string; merchantId: number } | "wrong" | "ended" | TooMany> {
    const waitSeconds = await this.limits.take(GUESSES_PER_ADDRESS, from);
    if (waitSeconds !== undefined) return { waitSeconds };

    const challengeHash = this.keyedHash.digest("challenge", challenge);
    // Counted before it is looked at, and for good: neither a crash nor a parallel request gives an attempt back.
    const stored = await this.db
      .updateTable("sign_in_codes")
      .set((row) => ({ attempts_left: row("attempts_left", "-", 1) }))
      .where("challenge_hash", "=", challengeHash)
      .where("attempts_left", ">", 0)
      .where("expires_at", ">", sql<Date>`now()`)
      .returning(["code_hash", "attempts_left"])
      .executeTakeFirst();
    if (!stored) return "ended";
    if (!timingSafeEqual(stored.code_hash, this.keyedHash.digest("code", challenge, code)))
      return stored.attempts_left > 0 ? "wrong" : "ended";

    return await this.db.transaction().execute(async (transaction) => {
      // Of two right answers at the same time only one finds the row still there.
      const used = await transaction
        .deleteFrom("sign_in_codes")
        .where("challenge_hash", "=", challengeHash)
        .returning("phone")
        .executeTakeFirst();
      if (!used) return "ended";
      const merchant = await transaction
        .insertInto("merchants")
        .values({ phone: used.phone })
        // An update that changes nothing, because DO NOTHING would return no id.
        .onConflict((conflict) => conflict.column("phone").doUpdateSet({ phone: used.phone }))
        .returning("id")
        .executeTakeFirstOrThrow();
      return { token: await this.sessions.open(transaction, merchant.id), merchantId: merchant.id };
    });
  }

  async #takeAll(limits: readonly RateLimit[], subject: string): Promise<number | undefined> {
    for (const limit of limits) {
      const waitSeconds = await this.limits.take(limit, subject);
      if (waitSeconds !== undefined) return waitSeconds;
    }
    return undefined;
  }

  async #giveBackNumber(phone: string, from: string): Promise<void> {
    await this.#giveBack(CODES_PER_NUMBER_AND_ADDRESS, `${phone} ${from}`);
    await this.#giveBack(CODES_PER_NUMBER, phone);
  }

  async #giveBack(limits: readonly RateLimit[], subject: string): Promise<void> {
    for (const limit of limits) await this.limits.giveBack(limit, subject);
  }
}
