import type { DatabaseStatus } from "../../src/evolve/databases.js";
import { type Side, type Steps, MachineSilent } from "../../src/cli/database-side.js";
import { CliError } from "../../src/cli/errors.js";

/** What goes wrong at one of a move's calls to a machine. */
export type Fault =
  /** The command dies, before or after the machine has done what it was asked. */
  | "killed before"
  | "killed after"
  /** No answer comes: the machine has done nothing, or everything. */
  | "silent before"
  | "silent after"
  /** The pools' own clock lets queries through. */
  | "watchdog"
  /** The old database's machine is cut off from power, and comes back. */
  | "power cut";

export class Killed extends Error {}

interface Database {
  /** Removed, with its data. */
  gone?: true;
  running: boolean;
  standby: boolean;
  asked: boolean;
  fence?: string;
  clean: boolean;
  orders: number[];
}

/**
 * Two databases and a pool as they are in principle, with someone who orders between all steps. What each step does is
 * what src/roles/postgresql/database.sh says of it.
 */
export class ShopInMotion {
  readonly old: Database = { running: true, standby: false, asked: false, clean: false, orders: [] };
  readonly next: Database = { running: true, standby: true, asked: false, clean: false, orders: [] };
  readonly acknowledged: number[] = [];
  #faults: ReadonlyMap<number, Fault>;
  #calls = 0;
  #paused = false;
  #leadsTo: "old" | "next" = "old";
  #alive = true;
  #twoAcceptedWrites = false;

  /** @param turn awaited before each call, so that two commands can be at work at the same time */
  constructor(
    faults: ReadonlyMap<number, Fault>,
    readonly turn: () => Promise<unknown> = () => Promise.resolve(),
  ) {
    this.#faults = faults;
  }

  /** Where the shop's queries go. */
  get serving(): Database {
    return this[this.#leadsTo];
  }

  get sides(): { source: Side; target: Side; pools: Steps[] } {
    return {
      source: this.#side("old-1", this.old),
      target: this.#side("new-1", this.next),
      pools: [{ machine: "app-1", step: (...words) => this.#call("app-1", () => this.#pool(words)) }],
    };
  }

  /** A command is called again after one was killed. */
  revive(): void {
    this.#alive = true;
  }

  /** Nothing fails any more. */
  calmDown(): void {
    this.#faults = new Map();
  }

  /** Whether two databases could be written to at any time until now. */
  get twoAcceptedWrites(): boolean {
    return this.#twoAcceptedWrites;
  }

  /** How many calls were made to machines. */
  get calls(): number {
    return this.#calls;
  }

  /** Both may be written to only if both run, and neither is a standby. */
  #look(): void {
    this.#twoAcceptedWrites ||= [this.old, this.next].every(({ running, standby }) => running && !standby);
  }

  #side(machine: string, database: Database): Side {
    return {
      machine,
      status: () => this.#call(machine, () => this.#status(database)),
      step: (...words) => this.#call(machine, () => this.#step(database, words)),
      checksums: () => {
        const taken = this.#call(machine, () => String(this.old.orders.length));
        const lines = taken.then(() => [`orders|${database.orders.join()}`]);
        lines.catch(() => undefined);
        return { taken, lines };
      },
    };
  }

  async #call<T>(machine: string, effect: () => T): Promise<T> {
    await this.turn();
    if (!this.#alive) throw new Killed();
    const fault = this.#faults.get(this.#calls++);
    if (fault === "watchdog") this.#paused = false;
    if (fault === "power cut") this.#cutPower();
    this.#look();
    if (fault === "killed before") this.#alive = false;
    if (fault === "silent before") throw new MachineSilent(machine);
    if (!this.#alive) throw new Killed();
    const result = this.#done(effect);
    this.#order();
    if (fault === "killed after") this.#alive = false;
    if (fault === "silent after") throw new MachineSilent(machine);
    if (!this.#alive) throw new Killed();
    return result;
  }

  /** What an effect changes may count although it fails. */
  #done<T>(effect: () => T): T {
    try {
      return effect();
    } finally {
      this.#look();
    }
  }

  #order(): void {
    if (this.#paused || !this.serving.running || this.serving.standby) return;
    this.serving.orders.push(this.acknowledged.length);
    this.acknowledged.push(this.acknowledged.length);
    this.#replicate();
  }

  #replicate(): void {
    if (this.old.running && this.next.running && this.next.standby) this.next.orders = [...this.old.orders];
  }

  #cutPower(): void {
    if (this.old.running) this.old.clean = false;
    this.old.running = this.old.fence === undefined;
    this.#order();
  }

  #status({ gone, running, standby, asked, fence, clean, orders }: Database): DatabaseStatus {
    if (gone) return { state: "none" };
    const about = { system: "7", timeline: 1 };
    if (fence !== undefined)
      return { state: "fenced", by: fence, clean, ended: String(orders.length), ...about };
    if (!running) return { state: "stopped", starting: false, standby, asked };
    return {
      state: standby ? "standby" : "primary",
      ...about,
      streaming: standby && this.old.running,
      asked,
      position: "0/3000000",
      lastCommit: null,
      heard: null,
      oldest: "000000010000000000000001",
    };
  }

  #step(database: Database, [name = "", first, second]: string[]): string {
    if (database.gone && name !== "forget") throw failed("there is no database");
    switch (name) {
      case "position":
        return String(database.orders.length);
      case "await":
        if (database.orders.length < Number(first)) throw failed(`has not come to ${first}`);
        return "";
      case "fence":
        if (database.fence !== undefined && database.fence !== first) throw failed("another run");
        database.fence = first!;
        if (database.running) database.clean = true;
        database.running = false;
        if (!database.clean) throw failed("not ended cleanly");
        return String(database.orders.length);
      case "adopt":
        if (database.fence !== second) throw failed("another run");
        database.fence = first!;
        return "";
      case "unfence":
        if (database.fence === undefined) return "";
        if (database.fence !== first) throw failed("another run");
        delete database.fence;
        database.running = true;
        this.#replicate();
        return "";
      case "start":
        database.running = database.fence === undefined;
        return "";
      case "promote":
        database.asked = true;
        database.standby = false;
        return "";
      case "forget":
        if (database.asked) throw failed("asked to take over");
        Object.assign(database, { gone: true, running: false, orders: [] });
        return "";
      case "drain":
        return "";
      default:
        throw new Error(`unknown step ${name}`);
    }
  }

  #pool([name, host]: string[]): string {
    if (name === "pause") this.#paused = true;
    if (name === "resume") this.#paused = false;
    if (name === "lead") {
      this.#leadsTo = host === "next" ? "next" : "old";
      this.#paused = false;
    }
    return "";
  }
}

/** What a step on a machine fails with. */
function failed(said: string): CliError {
  return new CliError(said, "");
}
