import type { Pool, PoolClient } from "pg";

/** Where requests wait for a connection of the pool: how many do, and for how long. */
export class ConnectionQueue {
  /** Told of every wait that has ended, in seconds; most last no time. */
  onWaited: ((seconds: number) => void) | undefined;
  readonly #pool: Pool;
  /** One entry a waiting request, the first come first. */
  readonly #waiting = new Set<{ since: number }>();

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** A connection, as soon as one is free. */
  async connect(): Promise<PoolClient> {
    const request = { since: performance.now() };
    this.#waiting.add(request);
    try {
      return await this.#pool.connect();
    } finally {
      this.#waiting.delete(request);
      this.onWaited?.((performance.now() - request.since) / 1000);
    }
  }

  get length(): number {
    return this.#waiting.size;
  }

  /** How long the request has waited that is served next, in milliseconds. */
  get longestWait(): number {
    for (const { since } of this.#waiting) return performance.now() - since;
    return 0;
  }
}
