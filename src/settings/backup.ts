import {
  type BucketSettings,
  type Field,
  type OwnBucket,
  bucketFields,
  checkFields,
  ownWord,
  parseOwn,
} from "./object-storage.js";
import type { Problem } from "./schema.js";
import { fromJson, isRecord } from "./structured.js";

/** Where backups go and how often. Absent in the settings: there are none. */
export type BackupSettings = BackupPlan & (BucketSettings | OwnBucket);

/** How often backups are made, and where in their bucket they are. */
export interface BackupPlan {
  /** Folder in the bucket, e.g. "/prod"; another one is another, empty history. */
  path: string;
  /** Encrypts the backups. Absent: the stack makes its own and keeps it in its state. */
  passphrase?: string;
  /** systemd's OnCalendar, e.g. "Sun 02:00 UTC". */
  fullSchedule: string;
  differentialSchedule: string;
  /** Full backups that are kept, each with what belongs to it. */
  keepFull: number;
}

const calendar = { allowed: /^[A-Za-z0-9*,.:/~ -]{3,80}$/, what: "a time in systemd's OnCalendar notation" };

/** Every part of `dukaan:backup`. */
const fields: Readonly<Record<keyof BackupPlan | keyof BucketSettings, Field>> = {
  ...bucketFields("dukaan:backup", "DUKAAN_BACKUP", "my-shop-backups"),
  path: {
    allowed: /^(\/[A-Za-z0-9_-]{1,60}){1,5}$/,
    what: "an absolute path of letters, digits, '-' and '_'",
    example: "/prod",
  },
  passphrase: {
    allowed: /^[\x21-\x7e]{20,256}$/,
    what: "one word of 20 to 256 characters",
    example: "",
    secret: true,
    remedy: "Remove it, and the stack makes its own; or give the one that earlier backups were made with.",
  },
  fullSchedule: { ...calendar, example: "Sun 02:00 UTC" },
  differentialSchedule: { ...calendar, example: "Mon..Sat 02:00 UTC" },
  keepFull: { allowed: /^([1-9]|[1-4]\d|5[0-2])$/, what: "a whole number from 1 to 52", example: 4 },
};

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
 * @param given an object; or text, as Pulumi hands structured settings over; or `none`; or `own`
 * @param local on the local cloud, whose storage the command line fills in, nothing needs to be said
 * @param managed the provider runs the database and makes its backups: there can be none beside them
 */
export function parseBackup(
  given: unknown,
  {
    stack,
    local,
    awsRegion,
    managed = false,
  }: { stack: string; local: boolean; awsRegion?: string | undefined; managed?: boolean },
): { backup?: BackupSettings; problems: Problem[] } {
  const path = "dukaan:backup";
  if (given === "none" || (given === undefined && (local || managed))) return { problems: [] };
  if (managed) {
    const reason = "is a bucket for backups that the stack makes, and dukaan:managed has AWS make them";
    return { problems: [{ path, reason, remedy: "Remove it. How long they are kept: dukaan:backupDays." }] };
  }
  const usual = usualPlan(stack);
  if (given === ownWord) {
    const { bucket, problems } = parseOwn(path, awsRegion);
    return { problems, ...(bucket && { backup: { ...usual, ...bucket } }) };
  }
  const value = typeof given === "string" ? fromJson(given) : given;
  if (!isRecord(value)) {
    const reason =
      given === undefined ? "is missing: the shop's data would be on one disk alone" : "is no object";
    const own = awsRegion === undefined ? "" : ` say "${ownWord}" for one that the stack makes;`;
    const remedy = `Set it to an S3 bucket, e.g. ${JSON.stringify(backupExample)};${own} or say "none" to go without backups.`;
    return { problems: [{ path, reason, remedy }] };
  }
  const problems = checkFields(path, fields, value);
  if (problems.length > 0 || !isComplete(value)) return { problems };
  return { backup: { ...usual, ...value }, problems };
}

function usualPlan(stack: string): BackupPlan {
  return {
    path: `/${stack}`,
    fullSchedule: "Sun 02:00 UTC",
    differentialSchedule: "Mon..Sat 02:00 UTC",
    keepFull: 4,
  };
}

/** The checks have passed for all of its fields. */
function isComplete(
  value: Record<string, unknown>,
): value is Record<string, unknown> & BucketSettings & Pick<BackupPlan, "passphrase"> {
  return Object.entries(fields).every(([name, { required }]) => !required || value[name] !== undefined);
}
