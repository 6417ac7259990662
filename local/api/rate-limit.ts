/** A bucket that refills evenly: `perHour` requests an hour, all of which may come at once. */
export class RateLimit {
  #tokens: number;
  #at: number;

  constructor(
    readonly perHour: number,
    private readonly now: () => number = Date.now,
  ) {
    this.#tokens = perHour;
    this.#at = now();
  }

  /** Counts one request; returns how many are left, negative when it was one too many. */
  take(): number {
    const at = this.now();
    this.#tokens = Math.min(this.perHour, this.#tokens + ((at - this.#at) * this.perHour) / 3_600_000);
    this.#at = at;
    if (this.#tokens < 1) return -1;
    this.#tokens -= 1;
    return this.#tokens;
  }

  /** The Unix time, in seconds, at which the bucket is full again. */
  resetAt(): number {
    return Math.ceil((this.#at + ((this.perHour - this.#tokens) * 3_600_000) / this.perHour) / 1000);
  }
}
