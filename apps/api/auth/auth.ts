import type { Database } from "../database/database.js";
import type { FeatureFlags } from "../flags.js";
import type { SmsGateway } from "../sms/gateway.js";
import { FormKeys } from "./form-keys.js";
import { KeyedHash } from "./keyed-hash.js";
import { RateLimits } from "./rate-limits.js";
import { Sessions } from "./sessions.js";
import { SignInCodes } from "./sign-in-codes.js";

/** What knows merchants: their codes, sessions and forms, all under one secret. */
export function createAuth(
  db: Database,
  secret: string,
  gateway: SmsGateway,
  flags: FeatureFlags,
): { sessions: Sessions; signInCodes: SignInCodes; formKeys: FormKeys; limits: RateLimits } {
  const keyedHash = new KeyedHash(secret);
  const sessions = new Sessions(db, keyedHash, flags);
  const limits = new RateLimits(db, keyedHash);
  return {
    sessions,
    limits,
    signInCodes: new SignInCodes(db, keyedHash, limits, sessions, gateway),
    formKeys: new FormKeys(keyedHash),
  };
}
