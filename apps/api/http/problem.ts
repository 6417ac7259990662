/**
 * A request that cannot be served, told in words for its sender. It becomes a page, or JSON under /api/.
 */
export class Problem extends Error {
  override name = "Problem";
  /** Machine-readable name of the problem; kebab-case, stable. */
  readonly code: string;
  readonly statusCode: number;
  /** After how many seconds the same request may succeed. */
  readonly retryAfter: number | undefined;
  /** Which inputs are wrong, each with what is allowed. */
  readonly details: readonly FieldProblem[];

  constructor(
    statusCode: number,
    code: string,
    message: string,
    options: { retryAfter?: number; details?: readonly FieldProblem[] } = {},
  ) {
    super(message);
    this.statusCode = statusCode;
    this.code = code;
    this.retryAfter = options.retryAfter;
    this.details = options.details ?? [];
  }
}

export interface FieldProblem {
  path: string;
  reason: string;
}

/** The address leads to nothing that exists, or to nothing that the sender may see. */
export function notFound(what: string): Problem {
  return new Problem(404, "not-found", what);
}
