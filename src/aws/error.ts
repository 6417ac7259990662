/** AWS, or what leads to it, says no. The message says what and where, the remedy what to do about it. */
export class AwsError extends Error {
  constructor(
    message: string,
    readonly remedy: string,
    /** Trying again changes nothing: somebody has to do something first. */
    readonly final: boolean,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = "AwsError";
  }
}
