/** Runs tasks one after the other for each key, and tasks of different keys at the same time. */
export class KeyedQueue {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Runs `task` after every earlier task of the same key; resolves or rejects as the task does. */
  async run<T>(key: string, task: () => Promise<T>): Promise<T> {
    const result = this.#after(this.#last.get(key), task);
    this.#last.set(key, result);
    try {
      return await result;
    } finally {
      if (this.#last.get(key) === result) this.#last.delete(key);
    }
  }

  async #after<T>(previous: Promise<unknown> | undefined, task: () => Promise<T>): Promise<T> {
    await Promise.allSettled([previous]);
    return task();
  }
}
