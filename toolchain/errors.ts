/** A tool could not be had. The message says what went wrong and where, `remedy` what to do about it. */
export class ToolchainError extends Error {
  constructor(
    message: string,
    readonly remedy: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = "ToolchainError";
  }
}
