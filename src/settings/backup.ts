import type { Problem } from "./schema.js";
import { fromJson, isEncrypted, isRecord } from "./structured.js";

/** Where backups go and how often. Absent in the settings: there are none. */
export interface BackupSettings {
  /** Origin of the S3 API, e.g. "https://fsn1.your-objectstorage.com". */
  endpoint: string;
  region: string;
  bucket: string;
  /** Folder in the bucket, e.g. "/prod"; another one is another, empty history. */
  path: string;
  accessKey: string;
  secretKey: string;
  /** Encrypts the backups. Absent: the stack makes its own and keeps it in its state. */
  passphrase?: string;
  /** PEM of the endpoint's authority, where it is none that servers know. */
  caCertificate?: string;
  /** systemd's OnCalendar, e.g. "Sun 02:00 UTC". */
  fullSchedule: string;
  differentialSchedule: string;
  /** Full backups that are kept, each with what belongs to it. */
  keepFull: number;
}

interface Field {
  allowed: RegExp;
  /** In words. */
  what: string;
  example: string | number;
  required?: true;
  /** Never shown. */
  secret?: true;
  remedy?: string;
}

const keyRemedy = (name: string, variable: string): string =>
  `Set ${variable}, or run \`pulumi config set --secret --path 'dukaan:backup.${name}'\`.`;

const calendar = { allowed: /^[A-Za-z0-9*,.:/~ -]{3,80}$/, what: "a time in systemd's OnCalendar notation" };

/** Every part of `dukaan:backup`. */
const fields: Readonly<Record<keyof BackupSettings, Field>> = {
  endpoint: {
    allowed: /^https:\/\/[a-z0-9.-]+(:\d{1,5})?$/,
    what: "an HTTPS address without a path",
    example: "https://fsn1.your-objectstorage.com",
    required: true,
  },
  region: {
    allowed: /^[a-z0-9-]{1,40}$/,
    what: "the name of a region",
    example: "fsn1",
    required: true,
  },
  bucket: {
    allowed: /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/,
    what: "a bucket's name (3 to 63 of a-z, 0-9, '.' and '-')",
    example: "my-shop-backups",
    required: true,
  },
  path: {
    allowed: /^(\/[A-Za-z0-9_-]{1,60}){1,5}$/,
    what: "an absolute path of letters, digits, '-' and '_'",
    example: "/prod",
  },
  accessKey: {
    allowed: /^[\x21-\x7e]{3,256}$/,
    what: "one word of 3 to 256 characters",
    example: "",
    required: true,
    secret: true,
    remedy: keyRemedy("accessKey", "DUKAAN_BACKUP_ACCESS_KEY"),
  },
  secretKey: {
    allowed: /^[\x21-\x7e]{8,256}$/,
    what: "one word of 8 to 256 characters",
    example: "",
    required: true,
    secret: true,
    remedy: keyRemedy("secretKey", "DUKAAN_BACKUP_SECRET_KEY"),
  },
  passphrase: {
    allowed: /^[\x21-\x7e]{20,256}$/,
    what: "one word of 20 to 256 characters",
    example: "",
    secret: true,
    remedy: "Remove it, and the stack makes its own; or give the one that earlier backups were made with.",
  },
  caCertificate: {
    allowed: /^-----BEGIN CERTIFICATE-----\n[\s\S]+\n-----END CERTIFICATE-----\n?$/,
    what: "a certificate in PEM",
    example: "-----BEGIN CERTIFICATE-----…",
  },
  fullSchedule: { ...calendar, example: "Sun 02:00 UTC" },
  differentialSchedule: { ...calendar, example: "Mon..Sat 02:00 UTC" },
  keepFull: { allowed: /^([1-9]|[1-4]\d|5[0-2])$/, what: "a whole number from 1 to 52", example: 4 },
};

const names = Object.keys(fields);

export const backupExample = {
  endpoint: fields.endpoint.example,
  region: "fsn1",
  bucket: fields.bucket.example,
};

/** Its parts that are never shown. */
export const secretBackupSettings = Object.entries(fields).flatMap(([name, { secret }]) =>
  secret ? [name] : [],
);

/**
 * Checks `dukaan:backup`. Its values are never repeated where they could be secret.
 * @param given an object; or text, as Pulumi hands structured settings over; or `none`
 * @param local on the local cloud, whose storage the command line fills in, nothing needs to be said
 */
export function parseBackup(
  given: unknown,
  { stack, local }: { stack: string; local: boolean },
): { backup?: BackupSettings; problems: Problem[] } {
  const path = "dukaan:backup";
  if (given === "none" || (given === undefined && local)) return { problems: [] };
  const value = typeof given === "string" ? fromJson(given) : given;
  if (!isRecord(value)) {
    const reason =
      given === undefined ? "is missing: the shop's data would be on one disk alone" : "is no object";
    const remedy = `Set it to an S3 bucket, e.g. ${JSON.stringify(backupExample)}; or say "none" to go without backups.`;
    return { problems: [{ path, reason, remedy }] };
  }
  const problems = Object.keys(value)
    .filter((name) => !names.includes(name))
    .map((name) => ({
      path: `${path}.${name}`,
      reason: `is not a setting; there are ${names.join(", ")}`,
      remedy: "Remove it.",
    }));
  for (const [name, field] of Object.entries(fields)) {
    const problem = checkField(name, field, value[name]);
    if (problem) problems.push({ path: `${path}.${name}`, ...problem });
  }
  if (problems.length > 0 || !isComplete(value)) return { problems };
  return {
    backup: {
      path: `/${stack}`,
      fullSchedule: "Sun 02:00 UTC",
      differentialSchedule: "Mon..Sat 02:00 UTC",
      keepFull: 4,
      ...value,
    },
    problems,
  };
}

function checkField(name: string, field: Field, value: unknown): Omit<Problem, "path"> | undefined {
  const remedy = field.remedy ?? `Use e.g. ${JSON.stringify(field.example)}.`;
  if (value === undefined) return field.required ? { reason: "is missing", remedy } : undefined;
  if (field.secret && isEncrypted(value)) return undefined;
  const type = name === "keepFull" ? "number" : "string";
  const text = typeof value === "string" ? value : JSON.stringify(value);
  if (typeof value === type && field.allowed.test(text)) return undefined;
  const shown = field.secret ? "" : ` ${JSON.stringify(value).slice(0, 80)}`;
  return { reason: `is${shown}, not ${field.what}`, remedy };
}

/** The checks have passed for all of its fields. */
function isComplete(
  value: Record<string, unknown>,
): value is Record<string, unknown> &
  Omit<BackupSettings, "path" | "fullSchedule" | "differentialSchedule" | "keepFull"> {
  return Object.entries(fields).every(([name, { required }]) => !required || value[name] !== undefined);
}
