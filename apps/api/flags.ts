import type { Database } from "./database/database.js";

/** How old the known flags may be, in milliseconds: the delay with which a switch takes effect. */
const MAX_AGE = 1_000;

/** Feature flags: rows of a table, switched without a release and read at most once a second. */
export class FeatureFlags {
  #enabled: ReadonlySet<string> = new Set();
  #readAt = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;

  constructor(readonly db: Database) {}

  async isEnabled(name: "read_only"): Promise<boolean> {
    if (performance.now() - this.#readAt > MAX_AGE) await (this.#reading ??= this.#read());
    return this.#enabled.has(name);
  }

  async #read(): Promise<void> {
    try {
      const rows = await this.db
        .selectFrom("feature_flags")
        .select("name")
        .where("enabled", "=", true)
        .execute();
      this.#enabled = new Set(rows.map((row) => row.name));
      this.#readAt = performance.now();
    } finally {
      this.#reading = undefined;
    }
  }
}
