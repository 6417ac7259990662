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
import type {
  BucketAccess,
  PlannedBucket,
  PlatformNetwork,
  PlatformStorage,
  ReleaseBucket,
} from "../platform.js";
import { bucketKey, refusals } from "./bucket-access.js";
import type { Region } from "../../topology/topology.js";
import { type AwsContext, onlyCopies, tags } from "./context.js";
import { encryptionKey } from "./key.js";

/** How long what was deleted or overwritten in a bucket of backups can be had back. */
const keptDays = 30;

/**
 * Buckets of S3, encrypted with a key of the stack in KMS, which AWS renews every year; and a way to S3 inside the
 * network: it is free of charge, saves what NAT would cost, and lets a bucket's access be good from here alone. What is in
 * a bucket of releases can be made anew, and holds credentials: it goes with the stack, and so does its key.
 */
export function objectStorage(
  context: AwsContext,
  buckets: readonly PlannedBucket[],
  network: PlatformNetwork,
  options: pulumi.CustomResourceOptions,
): PlatformStorage {
  const { region, networkId, routeTableIds = [] } = network;
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
  const endpoint = `https://s3.${region.location}.amazonaws.com`;
  const make = (planned: PlannedBucket, key: Key) => {
    const { bucket, ready } = makeBucket(context, planned, key, options);
    // Neither before it is private and encrypted, nor before there is a way.
    const name = pulumi.all([bucket.bucket, way.id, ...ready.map(({ id }) => id)]).apply(([first]) => first!);
    return { endpoint, bucket: name, bucketArn: bucket.arn, keyArn: key.arn };
  };
  const lasting = buckets.filter(({ name }) => name !== "releases");
  const releases = buckets.find(({ name }) => name === "releases");
  return {
    access: lasting.length > 0 ? makeLasting(context, lasting, region, networkId, make, options) : new Map(),
    ...(releases && { releases: make(releases, releasesKey(context, options)) }),
  };
}

/** Buckets whose content is nowhere else, each with a key for the program that uses it. */
function makeLasting(
  context: AwsContext,
  buckets: readonly PlannedBucket[],
  { location }: Region,
  networkId: pulumi.Output<string>,
  make: (planned: PlannedBucket, key: Key) => ReleaseBucket,
  options: pulumi.CustomResourceOptions,
): Map<string, BucketAccess> {
  const key = encryptionKey(context, "storage", `Buckets of Dukaan's stack ${context.stack}`, options);
  void new Alias("storage", { name: `alias/dukaan-${context.stack}`, targetKeyId: key.id }, options);
  return new Map(
    buckets.map((planned) => {
      const { endpoint, bucket, bucketArn, keyArn } = make(planned, key);
      const access = bucketKey(context, planned, location, { bucketArn, keyArn, networkId }, options);
      return [planned.name, { endpoint, region: location, bucket, ...access }];
    }),
  );
}

function releasesKey({ stack }: AwsContext, options: pulumi.CustomResourceOptions): Key {
  return encryptionKey(
    { stack, protect: false },
    "releases",
    `Releases of Dukaan's stack ${stack}`,
    options,
    onlyCopies,
  );
}

function makeBucket(
  context: AwsContext,
  { name }: PlannedBucket,
  key: Key,
  options: pulumi.CustomResourceOptions,
): { bucket: Bucket; ready: readonly pulumi.CustomResource[] } {
  const lasts = name !== "releases";
  // With something in it S3 does not delete it; nor is it to lie open when the stack is gone.
  const staying = { ...options, retainOnDelete: lasts && context.protect };
  // Names of buckets are one space for all of the world: Pulumi adds some letters to this one.
  const resource = new Bucket(
    `dukaan-${context.stack}-${name}`,
    lasts ? { tags: tags(context, name) } : { tags: tags(context, name, onlyCopies), forceDestroy: true },
    { ...staying, protect: lasts && context.protect },
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
    staying,
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
    staying,
  );
  const policy = new BucketPolicy(
    name,
    { bucket, policy: pulumi.jsonStringify(refusals(resource.arn)) },
    // S3 changes one of them at a time.
    { ...staying, dependsOn: closed },
  );
  const kept = name === "backups" ? keepDeleted(name, bucket, staying) : [];
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
    { ...staying, dependsOn: [...kept] },
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
