import { VpcEndpoint } from "@pulumi/aws/ec2/vpcEndpoint.js";
import { Alias } from "@pulumi/aws/kms/alias.js";
import type { Key } from "@pulumi/aws/kms/key.js";
import { Bucket } from "@pulumi/aws/s3/bucket.js";
import { BucketLifecycleConfiguration } from "@pulumi/aws/s3/bucketLifecycleConfiguration.js";
import { BucketPolicy } from "@pulumi/aws/s3/bucketPolicy.js";
import { BucketPublicAccessBlock } from "@pulumi/aws/s3/bucketPublicAccessBlock.js";
import { BucketServerSideEncryptionConfiguration } from "@pulumi/aws/s3/bucketServerSideEncryptionConfiguration.js";
import { BucketVersioning } from "@pulumi/aws/s3/bucketVersioning.js";
import * as pulumi from "@pulumi/pulumi";
import type { BucketAccess, PlannedBucket, PlatformNetwork } from "../platform.js";
import { bucketKey, refusals } from "./bucket-access.js";
import { type AwsContext, tags } from "./context.js";
import { encryptionKey } from "./key.js";

/** How long what was deleted or overwritten in a bucket of backups can be had back. */
const keptDays = 30;

/**
 * Buckets of S3, encrypted with one key of the stack in KMS, which AWS renews every year; and a way to S3 inside the
 * network: it is free of charge, saves what NAT would cost, and lets a bucket's access be good from here alone.
 */
export function objectStorage(
  context: AwsContext,
  buckets: readonly PlannedBucket[],
  network: PlatformNetwork,
  options: pulumi.CustomResourceOptions,
): Map<string, BucketAccess> {
  const { region, networkId, routeTableIds = [] } = network;
  // A bucket with something in it cannot be deleted; nor is it to lie open when the stack is gone.
  const staying = { ...options, retainOnDelete: context.protect };
  const way = new VpcEndpoint(
    `${region.name}-s3`,
    {
      vpcId: networkId,
      vpcEndpointType: "Gateway",
      serviceName: `com.amazonaws.${region.location}.s3`,
      routeTableIds: [...routeTableIds],
      tags: tags(context, `${region.name}-s3`, { region: region.name }),
    },
    options,
  );
  const key = encryptionKey(context, "storage", `Buckets of Dukaan's stack ${context.stack}`, options);
  void new Alias("storage", { name: `alias/dukaan-${context.stack}`, targetKeyId: key.id }, options);
  return new Map(
    buckets.map((planned) => {
      const { bucket, ready } = makeBucket(context, planned, key, staying);
      const given = { bucketArn: bucket.arn, keyArn: key.arn, networkId };
      const access = bucketKey(context, planned, region.location, given, options);
      // Neither before it is private and encrypted, nor before there is a way.
      const name = pulumi
        .all([bucket.bucket, way.id, ...ready.map(({ id }) => id)])
        .apply(([first]) => first!);
      const endpoint = `https://s3.${region.location}.amazonaws.com`;
      return [planned.name, { endpoint, region: region.location, bucket: name, ...access }];
    }),
  );
}

function makeBucket(
  context: AwsContext,
  { name }: PlannedBucket,
  key: Key,
  options: pulumi.CustomResourceOptions,
): { bucket: Bucket; ready: readonly pulumi.CustomResource[] } {
  // Names of buckets are one space for all of the world: Pulumi adds some letters to this one.
  const resource = new Bucket(
    `dukaan-${context.stack}-${name}`,
    { tags: tags(context, name) },
    { ...options, protect: context.protect },
  );
  const { bucket } = resource;
  const closed = new BucketPublicAccessBlock(
    name,
    {
      bucket,
      blockPublicAcls: true,
      blockPublicPolicy: true,
      ignorePublicAcls: true,
      restrictPublicBuckets: true,
    },
    options,
  );
  const encryption = new BucketServerSideEncryptionConfiguration(
    name,
    {
      bucket,
      rules: [
        {
          applyServerSideEncryptionByDefault: { sseAlgorithm: "aws:kms", kmsMasterKeyId: key.arn },
          // One question to KMS for many objects.
          bucketKeyEnabled: true,
        },
      ],
    },
    options,
  );
  const policy = new BucketPolicy(
    name,
    { bucket, policy: pulumi.jsonStringify(refusals(resource.arn)) },
    // S3 changes one of them at a time.
    { ...options, dependsOn: closed },
  );
  const kept = name === "backups" ? keepDeleted(name, bucket, options) : [];
  void new BucketLifecycleConfiguration(
    name,
    {
      bucket,
      rules: [
        {
          id: "leftovers",
          status: "Enabled",
          filter: {},
          abortIncompleteMultipartUpload: { daysAfterInitiation: 7 },
          ...(kept.length > 0 && {
            noncurrentVersionExpiration: { noncurrentDays: keptDays },
            expiration: { expiredObjectDeleteMarker: true },
          }),
        },
      ],
    },
    { ...options, dependsOn: [...kept] },
  );
  return { bucket: resource, ready: [closed, encryption, policy, ...kept] };
}

/** Names of pictures are made from what is in them, and the shop deletes them for good: their bucket keeps nothing. */
function keepDeleted(
  name: string,
  bucket: pulumi.Output<string>,
  options: pulumi.CustomResourceOptions,
): pulumi.CustomResource[] {
  return [new BucketVersioning(name, { bucket, versioningConfiguration: { status: "Enabled" } }, options)];
}
