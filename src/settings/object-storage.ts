import type { Problem } from "./schema.js";
import { isEncrypted } from "./structured.js";

/** A bucket of an object storage with the S3 API. */
export interface BucketSettings {
  /** Origin of the S3 API, e.g. "https://fsn1.your-objectstorage.com". */
  endpoint: string;
  region: string;
  bucket: string;
  accessKey: string;
  secretKey: string;
  /** PEM of the endpoint's authority, where it is none that servers know. */
  caCertificate?: string;
}

/** A bucket that the stack makes at the cloud that it is on, with its name and its keys. */
export interface OwnBucket {
  own: true;
  /** As in {@link BucketSettings}. */
  endpoint: string;
  region: string;
}

/** What says so in place of a bucket. */
export const ownWord = "own";

/**
 * Checks a setting that is {@link ownWord}.
 * @param path e.g. "dukaan:backup"
 * @param awsRegion the region of AWS that the stack is in; undefined: it is on another cloud
 */
export function parseOwn(
  path: string,
  awsRegion: string | undefined,
): { bucket?: OwnBucket; problems: Problem[] } {
  if (awsRegion !== undefined) {
    const endpoint = `https://s3.${awsRegion}.amazonaws.com`;
    return { bucket: { own: true, endpoint, region: awsRegion }, problems: [] };
  }
  const reason = `is ${ownWord}, and only on AWS a stack makes buckets of its own`;
  const remedy = "Set it to an S3 bucket with its keys, or to none.";
  return { problems: [{ path, reason, remedy }] };
}

/** One part of a setting that has parts. */
export interface Field {
  allowed: RegExp;
  /** In words. */
  what: string;
  example: string | number;
  required?: true;
  /** Never shown. */
  secret?: true;
  remedy?: string;
}

/**
 * The parts of a setting that names a bucket.
 * @param path e.g. "dukaan:backup"
 * @param variables what the names of the variables for its keys begin with, e.g. "DUKAAN_BACKUP"
 * @param bucket an example
 */
export function bucketFields(
  path: string,
  variables: string,
  bucket: string,
): Readonly<Record<keyof BucketSettings, Field>> {
  const keyRemedy = (name: string, variable: string): string =>
    `Set ${variables}_${variable}, or run \`pulumi config set --secret --path '${path}.${name}'\`.`;
  return {
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
      example: bucket,
      required: true,
    },
    accessKey: {
      allowed: /^[\x21-\x7e]{3,256}$/,
      what: "one word of 3 to 256 characters",
      example: "",
      required: true,
      secret: true,
      remedy: keyRemedy("accessKey", "ACCESS_KEY"),
    },
    secretKey: {
      allowed: /^[\x21-\x7e]{8,256}$/,
      what: "one word of 8 to 256 characters",
      example: "",
      required: true,
      secret: true,
      remedy: keyRemedy("secretKey", "SECRET_KEY"),
    },
    caCertificate: {
      allowed: /^-----BEGIN CERTIFICATE-----\n[\s\S]+\n-----END CERTIFICATE-----\n?$/,
      what: "a certificate in PEM",
      example: "-----BEGIN CERTIFICATE-----…",
    },
  };
}

/** Checks every part, and that there are no others. Values are never repeated where they could be secret. */
export function checkFields(
  path: string,
  fields: Readonly<Record<string, Field>>,
  value: Readonly<Record<string, unknown>>,
): Problem[] {
  const names = Object.keys(fields);
  const problems = Object.keys(value)
    .filter((name) => !names.includes(name))
    .map((name) => ({
      path: `${path}.${name}`,
      reason: `is not a setting; there are ${names.join(", ")}`,
      remedy: "Remove it.",
    }));
  for (const [name, field] of Object.entries(fields)) {
    const problem = checkField(field, value[name]);
    if (problem) problems.push({ path: `${path}.${name}`, ...problem });
  }
  return problems;
}

function checkField(field: Field, value: unknown): Omit<Problem, "path"> | undefined {
  const remedy = field.remedy ?? `Use e.g. ${JSON.stringify(field.example)}.`;
  if (value === undefined) return field.required ? { reason: "is missing", remedy } : undefined;
  if (field.secret && isEncrypted(value)) return undefined;
  const text = typeof value === "string" ? value : JSON.stringify(value);
  if (typeof value === typeof field.example && field.allowed.test(text)) return undefined;
  const shown = field.secret ? "" : ` ${JSON.stringify(value).slice(0, 80)}`;
  return { reason: `is${shown}, not ${field.what}`, remedy };
}
