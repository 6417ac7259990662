import type { Bucket } from "./images/image-store.js";
import { parse as parseConnectionString } from "pg-connection-string";
import type { SmsSettings } from "./sms/gateway.js";

const LOG_LEVELS = ["fatal", "error", "warn", "info", "debug", "trace", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Where the server accepts connections: behind nginx on a Unix socket, or on TCP for development. */
export type Listen = { socket: string } | { host: string; port: number };

/** The server's settings, read from its environment once at start. */
export interface ServerEnvironment {
  /** PostgreSQL through PgBouncer in transaction pooling. */
  databaseUrl: string;
  /** Connections that this process may hold at once. */
  databasePoolMax: number;
  /** Origin under which buyers reach the platform, without a trailing slash. */
  publicUrl: string;
  /** Key under which session tokens are hashed; changing it signs everybody out. */
  sessionSecret: string;
  /** How sign-in codes reach merchants. */
  sms: SmsSettings;
  listen: Listen;
  logLevel: LogLevel;
  /** Where pictures are kept; absent: there are none. */
  images?: Bucket;
  /** Names the release in every line of the log. */
  releaseId?: string;
}

/** Every problem of an environment at once; a line of `problems` names the variable and what is allowed. */
export class EnvironmentError extends Error {
  override name = "EnvironmentError";
  constructor(readonly problems: readonly string[]) {
    super(`The environment is not valid:\n${problems.map((problem) => `  - ${problem}`).join("\n")}`);
  }
}

type Variables = Readonly<Record<string, string | undefined>>;

/** Reads and checks what the server needs. Throws {@link EnvironmentError} with every problem. */
export function readServerEnvironment(variables: Variables): ServerEnvironment {
  return collectProblems((problem) => ({
    databaseUrl: databaseUrl("DATABASE_URL", variables, problem),
    databasePoolMax: integer("DATABASE_POOL_MAX", variables, { min: 1, max: 50, fallback: 8 }, problem),
    publicUrl: publicUrl(variables, problem),
    sessionSecret: sessionSecret(variables, problem),
    sms: smsSettings(variables, problem),
    listen: listen(variables, problem),
    logLevel: logLevel(variables, problem),
    ...images(variables, problem),
    ...(variables["RELEASE_ID"] && { releaseId: variables["RELEASE_ID"] }),
  }));
}

/** Reads the connection that migrations use: straight to PostgreSQL, because PgBouncer has no session locks. */
export function readMigrationEnvironment(variables: Variables): { databaseUrl: string } {
  return collectProblems((problem) => ({
    databaseUrl: databaseUrl("MIGRATION_DATABASE_URL", variables, problem),
  }));
}

/** Reads the connection that seeding uses: the server's own. */
export function readSeedEnvironment(variables: Variables): { databaseUrl: string } {
  return collectProblems((problem) => ({ databaseUrl: databaseUrl("DATABASE_URL", variables, problem) }));
}

type Report = (problem: string) => void;

function collectProblems<T>(read: (problem: Report) => T): T {
  const problems: string[] = [];
  const value = read((problem) => problems.push(problem));
  if (problems.length > 0) throw new EnvironmentError(problems);
  return value;
}

// Messages never repeat the value: it may hold a password.
function databaseUrl(name: string, variables: Variables, problem: Report): string {
  const value = variables[name];
  const form = `${name} must be a PostgreSQL address such as postgresql://user:password@/dukaan?host=/run/pgbouncer&port=6432`;
  if (!value) {
    problem(`${form}; it is not set`);
    return "";
  }
  if (!/^(postgres|postgresql|socket):/.test(value)) {
    problem(`${form}; it starts with another scheme`);
    return value;
  }
  try {
    const { database, user } = parseConnectionString(value);
    if (!database) problem(`${form}; it names no database`);
    if (!user) problem(`${form}; it names no user`);
  } catch {
    problem(`${form}; it cannot be parsed`);
  }
  return value;
}

function publicUrl(variables: Variables, problem: Report): string {
  const value = variables["PUBLIC_URL"];
  const url = value && URL.canParse(value) ? new URL(value) : undefined;
  if (
    !url ||
    !/^https?:$/.test(url.protocol) ||
    url.pathname !== "/" ||
    url.search !== "" ||
    url.hash !== "" ||
    url.username !== ""
  ) {
    problem("PUBLIC_URL must be an origin such as https://shop.example, without a path");
    return "";
  }
  return url.origin;
}

function sessionSecret(variables: Variables, problem: Report): string {
  const value = variables["SESSION_SECRET"] ?? "";
  if (value.length < 32) problem("SESSION_SECRET must have 32 characters or more, chosen at random");
  return value;
}

function smsSettings(variables: Variables, problem: Report): SmsSettings {
  const gateway = variables["SMS_GATEWAY"];
  const secret = variables["SMS_WEBHOOK_SECRET"] ?? "";
  if (gateway === "log") {
    if (secret !== "") problem("SMS_WEBHOOK_SECRET must not be set when SMS_GATEWAY is log");
    if (["fatal", "error", "warn", "silent"].includes(variables["LOG_LEVEL"] ?? ""))
      problem("LOG_LEVEL must be info or lower when SMS_GATEWAY is log: codes are told at info");
    return gateway;
  }
  if (!gateway || !isGatewayUrl(gateway))
    problem(
      "SMS_GATEWAY must be the https address of an SMS provider's webhook, or log to write sign-in codes to the log",
    );
  // Standard Webhooks: 24 to 64 bytes in base64.
  const bytes = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(secret)?.[1];
  const length = bytes === undefined ? 0 : Buffer.from(bytes, "base64").length;
  if (length < 24 || length > 64)
    problem("SMS_WEBHOOK_SECRET must be whsec_ and 24 to 64 random bytes in base64");
  return { url: gateway ?? "", secret };
}

/** Codes leave the machine encrypted only; an adapter on the machine itself may speak plain HTTP. */
function isGatewayUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, username, password } = new URL(text);
  if (username !== "" || password !== "") return false;
  return (
    protocol === "https:" || (protocol === "http:" && ["127.0.0.1", "[::1]", "localhost"].includes(hostname))
  );
}

function listen(variables: Variables, problem: Report): Listen {
  const socket = variables["LISTEN_SOCKET"];
  const port = variables["PORT"];
  if (socket && port) problem("LISTEN_SOCKET and PORT exclude each other; set one of them");
  if (socket) {
    // sockaddr_un holds 108 bytes including the final NUL (unix(7)).
    if (!socket.startsWith("/") || Buffer.byteLength(socket) > 107)
      problem("LISTEN_SOCKET must be an absolute path of at most 107 bytes");
    return { socket };
  }
  if (!port) {
    problem("LISTEN_SOCKET must be the path of a Unix socket (or PORT a TCP port, for development)");
    return { host: "", port: 0 };
  }
  return {
    host: variables["HOST"] || "127.0.0.1",
    port: integer("PORT", variables, { min: 1, max: 65535, fallback: 0 }, problem),
  };
}

const IMAGE_VARIABLES = {
  endpoint: "IMAGES_ENDPOINT",
  region: "IMAGES_REGION",
  bucket: "IMAGES_BUCKET",
  accessKey: "IMAGES_ACCESS_KEY",
  secretKey: "IMAGES_SECRET_KEY",
} as const;

/** The bucket for pictures: all of its variables, or none of them. */
function images(variables: Variables, problem: Report): { images?: Bucket } {
  const read = (name: keyof typeof IMAGE_VARIABLES): string => variables[IMAGE_VARIABLES[name]] ?? "";
  const names = Object.values(IMAGE_VARIABLES);
  const missing = names.filter((name) => !variables[name]);
  if (missing.length === names.length) return {};
  for (const name of missing) problem(`${name} must be set: of ${names.join(", ")} all are there, or none`);
  const endpoint = read("endpoint");
  // Keys and pictures in clear only on this computer, for development.
  const allowed = /^(https:\/\/[a-z0-9.-]+(:\d{1,5})?|http:\/\/(127\.0\.0\.1|localhost)(:\d{1,5})?)$/;
  if (endpoint !== "" && !allowed.test(endpoint))
    problem(
      "IMAGES_ENDPOINT must be an HTTPS address without a path, such as https://fsn1.your-objectstorage.com",
    );
  if (read("bucket") !== "" && !/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(read("bucket")))
    problem("IMAGES_BUCKET must be the name of a bucket: 3 to 63 of a-z, 0-9, '.' and '-'");
  const caCertificate = variables["IMAGES_CA_CERTIFICATE"];
  if (
    caCertificate &&
    !Buffer.from(caCertificate, "base64").toString().startsWith("-----BEGIN CERTIFICATE-----")
  )
    problem("IMAGES_CA_CERTIFICATE must be a certificate: its PEM, in base64");
  return {
    images: {
      endpoint,
      region: read("region"),
      bucket: read("bucket"),
      accessKey: read("accessKey"),
      secretKey: read("secretKey"),
      ...(caCertificate && { caCertificate: Buffer.from(caCertificate, "base64").toString() }),
    },
  };
}

function logLevel(variables: Variables, problem: Report): LogLevel {
  const value = variables["LOG_LEVEL"] || "info";
  const level = LOG_LEVELS.find((candidate) => candidate === value);
  if (!level) problem(`LOG_LEVEL must be one of ${LOG_LEVELS.join(", ")}`);
  return level ?? "info";
}

function integer(
  name: string,
  variables: Variables,
  range: { min: number; max: number; fallback: number },
  problem: Report,
): number {
  const value = variables[name];
  if (value === undefined || value === "") return range.fallback;
  const number = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN;
  if (!(number >= range.min && number <= range.max))
    problem(`${name} must be a whole number from ${range.min} to ${range.max}`);
  return number;
}
