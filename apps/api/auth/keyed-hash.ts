import { createHmac } from "node:crypto";

type Purpose = "challenge" | "code" | "session" | "form" | "rate-limit";

/**
 * HMAC-SHA-256 under the service's secret. What the database holds can be neither guessed nor made without the secret,
 * and a value that is valid for one purpose is worth nothing for another.
 */
export class KeyedHash {
  readonly #secret: string;

  constructor(secret: string) {
    this.#secret = secret;
  }

  /** Hashes the parts in their order; 32 bytes. */
  digest(purpose: Purpose, ...parts: readonly (string | number)[]): Buffer {
    return createHmac("sha256", this.#secret)
      .update(JSON.stringify([purpose, ...parts]))
      .digest();
  }
}
