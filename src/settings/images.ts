import {
  type BucketSettings,
  type OwnBucket,
  bucketFields,
  checkFields,
  ownWord,
  parseOwn,
} from "./object-storage.js";
import type { Problem } from "./schema.js";
import { fromJson, isRecord } from "./structured.js";

const path = "dukaan:images";

/** Every part of `dukaan:images`. */
const fields = bucketFields(path, "DUKAAN_IMAGES", "my-shop-images");

const example = { endpoint: fields.endpoint.example, region: "fsn1", bucket: fields.bucket.example };

/**
 * Checks `dukaan:images`, the bucket of the shops' pictures. Its keys are never repeated.
 * @param given an object; or text, as Pulumi hands structured settings over; or `none`; or `own`
 * @param local on the local cloud, whose storage the command line fills in, nothing needs to be said
 * @param backup what is given as `dukaan:backup`, right or wrong: all that is wrong is told at once
 */
export function parseImages(
  given: unknown,
  { local, backup, awsRegion }: { local: boolean; backup: unknown; awsRegion?: string | undefined },
): { images?: BucketSettings | OwnBucket; problems: Problem[] } {
  if (given === "none" || (given === undefined && local)) return { problems: [] };
  if (given === ownWord) {
    const { bucket, problems } = parseOwn(path, awsRegion);
    return { problems, ...(bucket && { images: bucket }) };
  }
  const value = typeof given === "string" ? fromJson(given) : given;
  if (!isRecord(value)) {
    const reason =
      given === undefined
        ? "is missing: merchants could not show pictures of what they sell"
        : "is no object";
    const own = awsRegion === undefined ? "" : ` say "${ownWord}" for one that the stack makes;`;
    const remedy = `Set it to an S3 bucket of its own, e.g. ${JSON.stringify(example)};${own} or say "none" to go without pictures.`;
    return { problems: [{ path, reason, remedy }] };
  }
  const problems = checkFields(path, fields, value);
  const other = typeof backup === "string" ? fromJson(backup) : backup;
  if (
    isRecord(other) &&
    value["bucket"] !== undefined &&
    value["endpoint"] === other["endpoint"] &&
    value["bucket"] === other["bucket"]
  )
    problems.push({
      path: `${path}.bucket`,
      reason: "is the bucket of the backups, which the app must not reach",
      remedy: `Use another one, e.g. ${JSON.stringify(example.bucket)}, with keys that cannot read the backups.`,
    });
  return problems.length > 0 || !isComplete(value) ? { problems } : { images: value, problems };
}

/** The checks have passed for all of its fields. */
function isComplete(value: Record<string, unknown>): value is Record<string, unknown> & BucketSettings {
  return Object.entries(fields).every(([name, { required }]) => !required || value[name] !== undefined);
}
