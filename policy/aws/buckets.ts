import type { StackRule, StackSubject } from "../rule.js";

const isBucket = ({ type }: StackSubject): boolean =>
  type === "aws:s3/bucket:Bucket" || type === "aws:s3/bucketV2:BucketV2";

/** Buckets without a companion of certain types that is about them. */
function without(
  subjects: readonly StackSubject[],
  types: readonly string[],
  found: string,
  serves: (companion: StackSubject) => boolean = () => true,
) {
  const companions = subjects.filter((one) => types.includes(one.type) && serves(one));
  const isAbout = (companion: StackSubject, bucket: StackSubject): boolean =>
    // Before the bucket is there its name may not be known, but where it comes from is.
    (companion.origins["bucket"] ?? []).includes(bucket.urn) ||
    (bucket.props["bucket"] !== undefined && companion.props["bucket"] === bucket.props["bucket"]);
  return subjects
    .filter((one) => isBucket(one) && !companions.some((companion) => isAbout(companion, one)))
    .map(({ urn }) => ({ urn, found }));
}

const bucketsArePrivate: StackRule = {
  name: "aws-buckets-are-private",
  description: "Public access to every bucket is blocked, in all four ways.",
  remedy:
    "Add a BucketPublicAccessBlock for it with blockPublicAcls, blockPublicPolicy, ignorePublicAcls and restrictPublicBuckets: true.",
  check: (subjects) =>
    without(
      subjects,
      ["aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"],
      "public access to it is not blocked",
      ({ props }) =>
        ["blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"].every(
          (way) => props[way] === true,
        ),
    ),
};

const bucketsAreEncrypted: StackRule = {
  name: "aws-encrypted-buckets",
  description: "How every bucket is encrypted is said, not left to the account.",
  remedy: "Add a BucketServerSideEncryptionConfiguration for it (sseAlgorithm AES256 or aws:kms).",
  check: (subjects) =>
    without(
      subjects,
      [
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        "aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2",
      ],
      "nothing says how it is encrypted",
    ),
};

export const buckets: readonly StackRule[] = [bucketsArePrivate, bucketsAreEncrypted];
