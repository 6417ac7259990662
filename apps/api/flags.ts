import { sql } from "kysely";
import type { Database } from "./database/database.js";

/** Every feature flag with what it does while it is on. A flag that the table does not have is off. */
export const FLAGS = {
  read_only: "Refuse every write with 503 and Retry-After; reads go on.",
  analytics_off: "Leave the figures of the last days out of the dashboard.",
  exports_off: "Refuse downloads of whole lists (CSV).",
  search_off: "Refuse searching and filtering in lists of orders.",
  uploads_off: "Refuse uploads of pictures.",
} as const;

export type Flag = keyof typeof FLAGS;

// oxlint-disable-next-line typescript/no-unsafe-type-assertion
const knownFlags = Object.entries(FLAGS).map(([name, description]) => ({ name: name as Flag, description }));

/** Whether there is a flag of that name. */
export function isFlag(name: string): name is Flag {
  return Object.hasOwn(FLAGS, name);
}

/** One flag as it is now. */
export interface FlagState {
  name: Flag;
  enabled: boolean;
  description: string;
  /** When it was switched last; null: never. */
  updatedAt: Date | null;
}

/** All flags, in the order of {@link FLAGS}. */
export async function listFlags(db: Database): Promise<FlagState[]> {
  const rows = await db.selectFrom("feature_flags").select(["name", "enabled", "updated_at"]).execute();
  const stored = new Map(rows.map((row) => [row.name, row]));
  return knownFlags.map(({ name, description }) => {
    const row = stored.get(name);
    return { name, enabled: row?.enabled ?? false, description, updatedAt: row?.updated_at ?? null };
  });
}

/** Switches a flag; false when it was that way already. */
export async function switchFlag(db: Database, name: Flag, enabled: boolean): Promise<boolean> {
  const changed = enabled
    ? db
        .insertInto("feature_flags")
        .values({ name, enabled, description: FLAGS[name] })
        .onConflict((conflict) =>
          conflict
            .column("name")
            .doUpdateSet({ enabled, updated_at: sql`now()` })
            .where("feature_flags.enabled", "=", false),
        )
        .returning("name")
    : db
        .updateTable("feature_flags")
        .set({ enabled, updated_at: sql`now()` })
        .where("name", "=", name)
        .where("enabled", "=", true)
        .returning("name");
  return (await changed.executeTakeFirst()) !== undefined;
}

/** How old the known flags may be, in milliseconds: the delay with which a switch takes effect. */
const MAX_AGE = 1_000;
/** How long a request waits for them before it takes what was known last, in milliseconds. */
const PATIENCE = 500;

/**
 * Feature flags: rows of a table, switched without a release and read at most once a second. While the database does not
 * answer, what was known last holds.
 */
export class FeatureFlags {
  /** Told of every switch that is noticed. */
  onSwitched: ((flag: Flag, enabled: boolean) => void) | undefined;
  #enabled: ReadonlySet<string> = new Set();
  #askedAt = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  async isEnabled(name: Flag): Promise<boolean> {
    if (performance.now() - this.#askedAt > MAX_AGE) {
      this.#askedAt = performance.now();
      this.#reading = this.#read();
    }
    await this.#reading;
    return this.#enabled.has(name);
  }

  /** Never fails, and ends in time. */
  async #read(): Promise<void> {
    const reading = this.#db
      .selectFrom("feature_flags")
      .select("name")
      .where("enabled", "=", true)
      .execute()
      .then(
        (rows) => this.#take(new Set(rows.map((row) => row.name))),
        () => undefined,
      );
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, PATIENCE);
    });
    await Promise.race([reading, patience]);
    clearTimeout(timer);
  }

  #take(enabled: ReadonlySet<string>): void {
    const before = this.#enabled;
    this.#enabled = enabled;
    for (const { name } of knownFlags)
      if (before.has(name) !== enabled.has(name)) this.onSwitched?.(name, enabled.has(name));
  }
}
