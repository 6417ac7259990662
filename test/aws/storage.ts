import { expect } from "vitest";
import { isOwn } from "../../components/object-storage.js";
import type { Settings } from "../../src/settings/schema.js";
import type { Account } from "./inventory.js";

/** What the buckets are for that a stack of these settings makes, each with a user and a key. */
export function ownBuckets({ backup, images }: Settings): string[] {
  return [...(isOwn(backup) ? ["backups"] : []), ...(isOwn(images) ? ["images"] : [])];
}

/** Name of the bucket for something. */
export async function bucketFor(account: Account, purpose: string): Promise<string> {
  return (await account.buckets()).find((name) => purposeOf(name) === purpose) ?? "none";
}

/** ARN of the key that encrypts a bucket. */
export async function keyOf(account: Account, bucket: string): Promise<string | undefined> {
  const { ServerSideEncryptionConfiguration: encryption } = await account.ask<{
    ServerSideEncryptionConfiguration: { Rules: { ApplyServerSideEncryptionByDefault: Encryption }[] };
  }>("s3", "get_bucket_encryption", { Bucket: bucket });
  return encryption.Rules[0]?.ApplyServerSideEncryptionByDefault.KMSMasterKeyID;
}

/** Nothing of them is public, everything in them is encrypted, and what is deleted from backups can be had back. */
export async function expectBuckets(account: Account, purposes: readonly string[]): Promise<void> {
  const buckets = await account.buckets();
  expect(buckets.map(purposeOf).toSorted()).toEqual([...purposes].toSorted());
  for (const Bucket of buckets) {
    const of = <Answer>(operation: string) => account.ask<Answer>("s3", operation, { Bucket });
    expect(await of("get_public_access_block")).toMatchObject({
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: true,
        IgnorePublicAcls: true,
        BlockPublicPolicy: true,
        RestrictPublicBuckets: true,
      },
    });
    const { ServerSideEncryptionConfiguration } = await of<{
      ServerSideEncryptionConfiguration: { Rules: { ApplyServerSideEncryptionByDefault: Encryption }[] };
    }>("get_bucket_encryption");
    const [rule, ...others] = ServerSideEncryptionConfiguration.Rules;
    expect(others).toEqual([]);
    expect(rule?.ApplyServerSideEncryptionByDefault.SSEAlgorithm).toBe("aws:kms");
    await expectOwnKey(account, rule?.ApplyServerSideEncryptionByDefault.KMSMasterKeyID ?? "");
    await expectWhatIsKept(account, Bucket);

    const { Policy } = await of<{ Policy: string }>("get_bucket_policy");
    const all = {
      Effect: "Deny",
      Principal: "*",
      Action: "s3:*",
      Resource: [arnOf(Bucket), `${arnOf(Bucket)}/*`],
    };
    expect(JSON.parse(Policy).Statement).toEqual([
      { Sid: "InTheClear", ...all, Condition: { Bool: { "aws:SecureTransport": "false" } } },
      { Sid: "OldTls", ...all, Condition: { NumericLessThan: { "s3:TlsVersion": "1.2" } } },
    ]);
  }
}

interface Encryption {
  SSEAlgorithm: string;
  KMSMasterKeyID: string;
}

/** Of backups, whatever was deleted in the last month; of pictures, nothing. */
async function expectWhatIsKept(account: Account, Bucket: string): Promise<void> {
  const backups = purposeOf(Bucket) === "backups";
  const { Status } = await account.ask<{ Status?: string }>("s3", "get_bucket_versioning", { Bucket });
  expect(Status).toBe(backups ? "Enabled" : undefined);
  const { Rules } = await account.ask<{ Rules: Record<string, unknown>[] }>(
    "s3",
    "get_bucket_lifecycle_configuration",
    { Bucket },
  );
  expect(Rules).toEqual([
    {
      ID: "leftovers",
      Status: "Enabled",
      Filter: expect.anything(),
      AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 },
      ...(backups && {
        NoncurrentVersionExpiration: { NoncurrentDays: 30 },
        Expiration: { ExpiredObjectDeleteMarker: true },
      }),
    },
  ]);
}

/**
 * A user for each bucket, who may use that one, from the stack's network, with one key; and a way from there to S3.
 * @param isReached whether anything from there asks S3
 */
export async function expectBucketKeys(
  account: Account,
  purposes: readonly string[],
  isReached = purposes.length > 0,
): Promise<void> {
  const { Users } = await account.ask<{ Users: { UserName: string; Path: string }[] }>("iam", "list_users");
  expect(Users.map(({ UserName, Path }) => `${Path}${UserName}`).toSorted()).toEqual(
    purposes.map((purpose) => `/dukaan/dukaan-test-${purpose}`).toSorted(),
  );
  const ways = await account.ways();
  expect(ways.length).toBe(isReached ? 1 : 0);
  const [way] = ways;
  for (const { UserName } of Users) {
    const of = <Answer>(operation: string, more = {}) =>
      account.ask<Answer>("iam", operation, { UserName, ...more });
    expect(await of("list_access_keys")).toMatchObject({ AccessKeyMetadata: [{ Status: "Active" }] });
    expect(await of("list_attached_user_policies")).toMatchObject({ AttachedPolicies: [] });
    expect(await of("list_groups_for_user")).toMatchObject({ Groups: [] });
    const { PolicyNames } = await of<{ PolicyNames: string[] }>("list_user_policies");
    expect(PolicyNames.length).toBe(1);
    const { PolicyDocument } = await of<{ PolicyDocument: { Statement: unknown } }>("get_user_policy", {
      PolicyName: PolicyNames[0],
    });
    const bucket = (await account.buckets()).find((name) => UserName.endsWith(purposeOf(name)))!;
    const key = await keyOf(account, bucket);
    expect(PolicyDocument.Statement).toEqual(allowed(bucket, key, way?.VpcId));
  }
}

function allowed(bucket: string, key: string | undefined, network: string | undefined): unknown[] {
  const fromHere = { StringEquals: { "aws:SourceVpc": network } };
  // Backups of other stacks can be in the same bucket, when somebody has named one.
  const folder = purposeOf(bucket) === "backups" ? "/test/*" : "/*";
  return [
    { Sid: "List", Effect: "Allow", Action: ["s3:ListBucket"], Resource: arnOf(bucket), Condition: fromHere },
    {
      Sid: "Objects",
      Effect: "Allow",
      Action: ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
      Resource: `${arnOf(bucket)}${folder}`,
      Condition: fromHere,
    },
    {
      Sid: "Key",
      Effect: "Allow",
      Action: ["kms:Decrypt", "kms:GenerateDataKey"],
      Resource: key,
      Condition: { StringEquals: { "kms:ViaService": "s3.us-east-1.amazonaws.com" } },
    },
  ];
}

/** A key that the stack has made, which AWS renews, and not one that AWS has for everybody. */
export async function expectOwnKey(account: Account, id: string): Promise<void> {
  const { tags, ...key } = await account.key(id);
  expect(tags["dukaan-stack"]).toBe("test");
  expect(key).toEqual({ Enabled: true, KeyRotationEnabled: true });
}

/** E.g. "backups", of "dukaan-test-backups-1a2b3c4". */
function purposeOf(bucket: string): string {
  return bucket.split("-")[2] ?? bucket;
}

export function arnOf(bucket: string): string {
  return `arn:aws:s3:::${bucket}`;
}
