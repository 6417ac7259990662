import { createHash, createHmac, pbkdf2Sync } from "node:crypto";

const iterations = 4096;

/**
 * What a server keeps to verify a SCRAM-SHA-256 login; the password cannot be read from it. PostgreSQL and PgBouncer
 * must be given the same one: then PgBouncer can log in to PostgreSQL on behalf of a client without the password.
 * Source: RFC 5802 §3 and RFC 7677; the format is that of PostgreSQL's `pg_authid.rolpassword`.
 * @param password printable ASCII, so that SASLprep changes nothing
 * @param salt base64, 16 bytes
 */
export function scramVerifier(password: string, salt: string): string {
  const salted = pbkdf2Sync(password, Buffer.from(salt, "base64"), iterations, 32, "sha256");
  const hmac = (message: string) => createHmac("sha256", salted).update(message).digest();
  const storedKey = createHash("sha256").update(hmac("Client Key")).digest("base64");
  const serverKey = hmac("Server Key").toString("base64");
  return `SCRAM-SHA-256$${iterations}:${salt}$${storedKey}:${serverKey}`;
}
