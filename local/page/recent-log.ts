/** The last lines of the cloud's log, as pino writes them; a stream that it can write to. */
export class RecentLog {
  readonly #lines: string[] = [];

  constructor(private readonly kept = 200) {}

  write(line: string): void {
    this.#lines.push(line);
    if (this.#lines.length > this.kept) this.#lines.shift();
  }

  /** Oldest first: when (milliseconds since 1970), how bad (10 to 60) and what. */
  entries(): { time: number; level: number; message: string }[] {
    return this.#lines.map((line) => {
      const entry = JSON.parse(line) as {
        time: number;
        level: number;
        msg?: string;
        err?: { message: string };
      };
      const { time, level, msg = "", err } = entry;
      return { time, level, message: err ? `${msg}: ${err.message}` : msg };
    });
  }
}
