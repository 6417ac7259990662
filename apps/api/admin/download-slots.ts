import { Problem } from "../http/problem.js";

/** Downloads of whole lists that one merchant may have under way, on this server. */
const PER_MERCHANT = 2;
/** And all merchants together: each reads the database again and again for as long as it takes. */
const IN_ALL = 4;

/** Keeps downloads, which may take minutes, from taking what the shops' visitors need. */
export class DownloadSlots {
  readonly #underWay = new Map<number, number>();

  /**
   * Takes a slot until the returned function is called.
   * @throws Problem 429: this merchant has too many under way; 503: all merchants together have
   */
  take(merchantId: number): () => void {
    const own = this.#underWay.get(merchantId) ?? 0;
    if (own >= PER_MERCHANT)
      throw new Problem(
        429,
        "too-many-downloads",
        `You are downloading ${own} lists already. Please wait until one of them is complete.`,
        { retryAfter: 30 },
      );
    const all = [...this.#underWay.values()].reduce((sum, some) => sum + some, 0);
    if (all >= IN_ALL)
      throw new Problem(503, "too-many-downloads", "Too many lists are being downloaded. Please try again.", {
        retryAfter: 30,
      });
    this.#underWay.set(merchantId, own + 1);
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      const left = (this.#underWay.get(merchantId) ?? 1) - 1;
      if (left > 0) this.#underWay.set(merchantId, left);
      else this.#underWay.delete(merchantId);
    };
  }
}
