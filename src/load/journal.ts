import { readFileSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import type { Product } from "./catalogue.js";

/** What one line of a journal says. A run begins with `start`; every order is attempted before anything comes of it. */
export type Entry =
  | { type: "start"; run: string; url: string; at: string; products: Product[] }
  /** An order is about to be sent (perhaps several times, always under the same key). */
  | { type: "attempt"; order: number; store: string; lines: Line[]; totalPaise: number }
  /** The shop said yes: from here on the order must exist, once. */
  | { type: "placed"; order: number; id: string }
  /** The shop said no: the order must not exist. */
  | { type: "refused"; order: number; reason: string };

export interface Line {
  productId: number;
  quantity: number;
}

const SYNC_INTERVAL_MS = 200;

/**
 * The orders of one run in an append-only file, one JSON object a line. Lines are forced to the disk every 200 ms: a power cut
 * loses at most what was written since, a crash of this process nothing whose `add` has resolved.
 */
export class Journal {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #timer: NodeJS.Timeout;
  #written: Promise<void> = Promise.resolve();
  #dirty = false;
  #syncing: Promise<void> | undefined;
  #failure: Error | undefined;

  private constructor(path: string, file: FileHandle) {
    this.#path = path;
    this.#file = file;
    this.#timer = setInterval(() => this.#sync(), SYNC_INTERVAL_MS);
    this.#timer.unref();
  }

  /** @throws Error when there is such a file already */
  static async open(path: string): Promise<Journal> {
    return new Journal(path, await open(path, "ax", 0o600));
  }

  /**
   * Lines are written in the order of the calls. The disk may make whoever adds one wait for seconds, and nobody else: visitors
   * are to keep coming meanwhile.
   */
  add(entry: Entry): Promise<void> {
    this.#written = this.#append(this.#written, `${JSON.stringify(entry)}\n`);
    return this.#written;
  }

  /** @throws Error when a line of it may not be on the disk */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    try {
      await this.#written;
      await this.#syncing;
      await this.#file.datasync();
      // The kernel tells only once of what it could not write.
      if (this.#failure !== undefined) throw this.#failure;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new Error(`lines of ${this.#path} may not be on the disk: ${why}`, { cause: error });
    } finally {
      await this.#file.close();
    }
  }

  async #append(before: Promise<void>, line: string): Promise<void> {
    await before;
    await this.#file.appendFile(line);
    this.#dirty = true;
  }

  /** One at a time: each takes a thread of Node.js, and there are four. */
  #sync(): void {
    if (!this.#dirty || this.#syncing) return;
    this.#dirty = false;
    this.#syncing = this.#file
      .datasync()
      .catch((error: Error) => {
        this.#failure ??= error;
      })
      .finally(() => {
        this.#syncing = undefined;
      });
  }
}

/** Who a run's order is from: the buyer's name finds every order of it in the database, whatever its key. */
export function buyerName(run: string, order: number): string {
  return `Load ${run} ${order}`;
}

/** What became of an order. `unknown`: it was sent and not answered, so the shop may have it or not. */
export interface JournalledOrder {
  store: string;
  lines: Line[];
  totalPaise: number;
  outcome: { type: "placed"; id: string } | { type: "refused"; reason: string } | { type: "unknown" };
}

export interface JournalContent {
  run: string;
  products: Product[];
  orders: Map<number, JournalledOrder>;
}

/** @throws Error that names the line that is none of a journal; a last line that was cut off is left out */
export function readJournal(path: string): JournalContent {
  const texts = readFileSync(path, "utf8").split("\n");
  // What follows the last newline was being written when the power went.
  texts.pop();
  const [first, ...rest] = texts.map((text, index) => parseEntry(text, `${path}:${index + 1}`));
  if (first?.type !== "start") throw new Error(`${path}:1 does not start a run`);
  const orders = new Map<number, JournalledOrder>();
  for (const [index, entry] of rest.entries()) {
    if (entry.type === "attempt") {
      const { store, lines, totalPaise } = entry;
      orders.set(entry.order, { store, lines, totalPaise, outcome: { type: "unknown" } });
      continue;
    }
    const order = entry.type === "start" ? undefined : orders.get(entry.order);
    if (!order || entry.type === "start")
      throw new Error(`${path}:${index + 2} is out of place: ${entry.type}`);
    const { order: _, ...outcome } = entry;
    order.outcome = outcome;
  }
  return { run: first.run, products: first.products, orders };
}

function parseEntry(text: string, where: string): Entry {
  try {
    return JSON.parse(text) as Entry;
  } catch (error) {
    throw new Error(`${where} is not JSON`, { cause: error });
  }
}
