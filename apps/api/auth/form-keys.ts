import { randomBytes, timingSafeEqual } from "node:crypto";
import { html } from "../pages/html.js";
import type { KeyedHash } from "./keyed-hash.js";

const FIELD = "form";
const PATTERN = /^([\w-]{22})\.([\w-]{43})$/;

/**
 * The hidden field of a merchant's form: a random key and its HMAC for the merchant's session. The HMAC proves that this
 * very session was given the form, so no other site can have made it up; the key tells a second click from a second form.
 */
export class FormKeys {
  constructor(readonly keyedHash: KeyedHash) {}

  /** The field for one form; every form of a page needs one of its own. */
  field(sessionId: number): string {
    const key = randomBytes(16).toString("base64url");
    return html`<input
      type="hidden"
      name="${FIELD}"
      value="${key}.${this.#sign(sessionId, key).toString("base64url")}"
    />`;
  }

  /** The key in a request's body, if it was made for the same sign-in. */
  read(sessionId: number, body: unknown): string | undefined {
    const text = typeof body === "object" && body !== null && FIELD in body ? body[FIELD] : undefined;
    const match = typeof text === "string" ? PATTERN.exec(text) : null;
    if (!match) return undefined;
    const [, key = "", given = ""] = match;
    const signature = Buffer.from(given, "base64url");
    const expected = this.#sign(sessionId, key);
    return signature.length === expected.length && timingSafeEqual(signature, expected) ? key : undefined;
  }

  #sign(sessionId: number, key: string): Buffer {
    return this.keyedHash.digest("form", sessionId, key);
  }
}
