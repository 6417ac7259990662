import { ProviderError, type Context } from "../resource.js";

const keptLines = 40;

/** Follows a script's output: its steps become progress messages, its last words the error. */
export class Transcript {
  #step = "start";
  #failedStep: string | undefined;
  #lines: string[] = [];

  constructor(
    private readonly what: string,
    private readonly context: Context,
  ) {}

  readonly add = (line: string): void => {
    const [marker, step] = line.split(/ (.*)/s);
    if (marker !== "@step") {
      this.#lines.push(line);
      return;
    }
    // What the way back prints comes after the program's own message and must not hide it.
    if (step === "rollback") this.#failedStep = this.#step;
    else this.#lines = [];
    this.#step = step ?? "";
    this.context.progress(`${this.what}: ${this.#step}`);
  };

  /** The error for a script that ended badly. The caller masks secrets. */
  failure(host: string): ProviderError {
    const step = this.#failedStep ?? this.#step;
    const back = this.#failedStep === undefined ? "nothing was switched" : "what was there before is back";
    return new ProviderError(
      [`${this.what} on ${host} failed at step "${step}"; ${back}.`, ...this.#lines.slice(-keptLines)].join(
        "\n  ",
      ),
    );
  }
}
