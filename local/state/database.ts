import { chmodSync, closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { migrations } from "./migrations.js";

/**
 * What the cloud knows: one SQLite database an instance. Every statement is synchronous, so a request checks and
 * writes within one turn of the event loop and no two requests ever interleave.
 */
export class State {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  #afterCommit: (() => void)[] | undefined;

  /**
   * @param path of the database file (made with mode 0600 if absent), or ":memory:"
   * @param access "read": only looks at a file that is there, also while another process writes to it
   */
  constructor(path: string, access: "write" | "read" = "write") {
    if (access === "read") {
      this.#db = new DatabaseSync(path, { readOnly: true });
      this.#db.exec("PRAGMA busy_timeout = 2000");
      if (this.#version() !== migrations.length) {
        throw new Error(
          `the database is of version ${this.#version()}, this program looks at version ${migrations.length} only`,
        );
      }
      return;
    }
    if (path !== ":memory:") {
      mkdirSync(dirname(path), { recursive: true });
      closeSync(openSync(path, "a", 0o600));
      chmodSync(path, 0o600);
    }
    this.#db = new DatabaseSync(path, { enableForeignKeyConstraints: true });
    this.#db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 2000");
    // What is deleted is overwritten: user data may hold keys.
    this.#db.exec("PRAGMA secure_delete = ON");
    this.#migrate();
  }

  #version(): number {
    return this.get<{ user_version: number }>("PRAGMA user_version")?.user_version ?? 0;
  }

  #migrate(): void {
    const version = this.#version();
    if (version > migrations.length) {
      throw new Error(
        `the database is of version ${version}, this program knows ${migrations.length}: it was made by a newer one`,
      );
    }
    for (const [index, sql] of migrations.entries()) {
      if (index >= version)
        this.transaction(() => this.#db.exec(`${sql}; PRAGMA user_version = ${index + 1}`));
    }
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (!statement) {
      statement = this.#db.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  /** All rows; the caller states their type, which is that of the table in migrations.ts. */
  all<Row>(sql: string, ...values: SQLInputValue[]): Row[] {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the schema is ours
    return this.#prepare(sql).all(...values) as Row[];
  }

  /** The first row, or undefined. */
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters
  get<Row>(sql: string, ...values: SQLInputValue[]): Row | undefined {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the schema is ours
    return this.#prepare(sql).get(...values) as Row | undefined;
  }

  run(sql: string, ...values: SQLInputValue[]): void {
    this.#prepare(sql).run(...values);
  }

  /** Adds a row; keys are columns. */
  insert(table: string, row: Record<string, SQLInputValue>): void {
    const columns = Object.keys(row);
    const places = columns.map(() => "?").join(", ");
    this.run(`INSERT INTO ${table} (${columns.join(", ")}) VALUES (${places})`, ...Object.values(row));
  }

  /** Changes columns of the row with that id. */
  update(table: string, id: number, changes: Record<string, SQLInputValue>): void {
    const columns = Object.keys(changes).map((column) => `${column} = ?`);
    this.run(`UPDATE ${table} SET ${columns.join(", ")} WHERE id = ?`, ...Object.values(changes), id);
  }

  /** Runs `work` as one transaction: it happens whole or, when `work` throws, not at all. May be nested. */
  transaction<T>(work: () => T): T {
    if (this.#afterCommit) return work();
    const afterCommit: (() => void)[] = (this.#afterCommit = []);
    this.#db.exec("BEGIN IMMEDIATE");
    try {
      const result = work();
      this.#db.exec("COMMIT");
      this.#afterCommit = undefined;
      for (const callback of afterCommit) callback();
      return result;
    } catch (error) {
      this.#afterCommit = undefined;
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
      throw error;
    }
  }

  /** Runs `callback` once the surrounding transaction is committed, at once when there is none. */
  afterCommit(callback: () => void): void {
    if (this.#afterCommit) this.#afterCommit.push(callback);
    else callback();
  }

  /**
   * A new id: increasing, never given twice, the same sequence for every kind of resource. Ids are larger than 32
   * bits, as Hetzner's may be, and safe as JavaScript numbers.
   */
  newId(): number {
    const row = this.get<{ next: number }>("UPDATE sequence SET next = next + 1 RETURNING next - 1 AS next");
    if (!row) throw new Error("the table sequence is empty");
    return row.next;
  }

  /** A fact about the instance itself, such as its slot; undefined until it is written. */
  setting(name: string): string | undefined {
    return this.get<{ value: string }>("SELECT value FROM settings WHERE name = ?", name)?.value;
  }

  saveSetting(name: string, value: string): void {
    this.run("INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)", name, value);
  }

  /** Takes what was deleted or overwritten out of the write-ahead log too, once the present transaction is over. */
  scrub(): void {
    this.afterCommit(() => this.#db.exec("PRAGMA wal_checkpoint(TRUNCATE)"));
  }

  close(): void {
    this.#statements.clear();
    this.#db.close();
  }
}
