import { type FSWatcher, watch } from "node:fs";
import { type Instance } from "./instance.js";
import { exitsFolder, isRunning } from "./nspawn.js";

/** How often a machine is looked at whose supervisor was killed and could not report its end. */
const LOOK_MS = 2000;

/** Notices that machines end: at once through the file that their supervisor leaves, else by looking now and then. */
export class ExitWatch {
  readonly #instance: Instance;
  readonly #ended: (id: string) => Promise<void>;
  readonly #running = new Set<string>();
  #watcher: FSWatcher | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** @param ended called with the id of a machine that ended or may have ended */
  constructor(instance: Instance, ended: (id: string) => Promise<void>) {
    this.#instance = instance;
    this.#ended = ended;
  }

  async start(): Promise<void> {
    this.stop();
    this.#watcher = watch(exitsFolder(this.#instance), { persistent: false }, (_, name) => {
      if (name !== null && /^[0-9]+$/.test(name)) void this.#ended(name);
    });
    this.#timer = setInterval(() => void this.#look(), LOOK_MS);
    this.#timer.unref();
  }

  stop(): void {
    this.#watcher?.close();
    clearInterval(this.#timer);
    this.#running.clear();
  }

  add(id: string): void {
    this.#running.add(id);
  }

  forget(id: string): void {
    this.#running.delete(id);
  }

  async #look(): Promise<void> {
    for (const id of this.#running) {
      if (!(await isRunning(this.#instance, id))) await this.#ended(id);
    }
  }
}
