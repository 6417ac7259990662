import { DatabaseError } from "pg";

// SQLSTATE classes and codes: PostgreSQL 15, appendix A. PgBouncer reports its own troubles as 08P01.
const UNAVAILABLE = /^(08|53|57P0|55P03)/;
const STATEMENT_TIMEOUT = "57014";
const READ_ONLY_TRANSACTION = "25006";
const SOCKET_CODES = new Set(["ECONNREFUSED", "ECONNRESET", "ENOENT", "EPIPE", "ETIMEDOUT", "EHOSTUNREACH"]);
// node-postgres gives these failures a message only.
const CLIENT_MESSAGES =
  /^(timeout exceeded when trying to connect|Connection terminated|Client has encountered a connection error)/;

/** The database did not answer a statement in time; it may still run it. */
export class StatementTimeout extends Error {
  override name = "StatementTimeout";
  constructor(milliseconds: number) {
    super(`the database did not answer a statement within ${milliseconds} ms`);
  }
}

/** The database cannot serve right now: the same request may succeed later. */
export function isUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof StatementTimeout) return true;
  if (error instanceof DatabaseError) {
    const code = error.code ?? "";
    return UNAVAILABLE.test(code) || code === STATEMENT_TIMEOUT || code === READ_ONLY_TRANSACTION;
  }
  if ("code" in error && typeof error.code === "string" && SOCKET_CODES.has(error.code)) return true;
  return CLIENT_MESSAGES.test(error.message);
}

/** A row with the same value exists, and this constraint forbids it. */
export function violatesUnique(error: unknown, constraint: string): boolean {
  return error instanceof DatabaseError && error.code === "23505" && error.constraint === constraint;
}

/** The transaction lost against a concurrent one and may be run again as a whole. */
export function isRetryable(error: unknown): boolean {
  return error instanceof DatabaseError && (error.code === "40001" || error.code === "40P01");
}

/** A row refers to one that is not there, or is referred to and was to be deleted; this constraint forbids it. */
export function violatesForeignKey(error: unknown, constraint: string): boolean {
  return error instanceof DatabaseError && error.code === "23503" && error.constraint === constraint;
}
