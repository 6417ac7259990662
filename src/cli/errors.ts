/** Exit codes of `./dukaan`, listed in docs/cli.md. */
export const ExitCode = {
  ok: 0,
  /** Something that was tried did not work. */
  failed: 1,
  /** The command line or a setting is wrong; nothing was changed. */
  usage: 2,
  /** The machine lacks something (root, a tool, a port); nothing was changed. */
  precondition: 3,
  /** Refused to protect data or money; nothing was changed. */
  refused: 4,
  /** Ctrl-C. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** An error that a person reads: what went wrong and what to do about it. Printed without a stack trace. */
export class CliError extends Error {
  constructor(
    message: string,
    readonly remedy: string,
    readonly exitCode: ExitCode = ExitCode.failed,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = "CliError";
  }
}
