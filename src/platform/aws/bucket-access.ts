import { AccessKey } from "@pulumi/aws/iam/accessKey.js";
import { User } from "@pulumi/aws/iam/user.js";
import { UserPolicy } from "@pulumi/aws/iam/userPolicy.js";
import * as pulumi from "@pulumi/pulumi";
import type { PlannedBucket } from "../platform.js";
import { type AwsContext, tags } from "./context.js";

/** A statement of a policy of IAM, as its JSON has it. */
export interface Statement {
  Sid: string;
  Effect: "Allow" | "Deny";
  Principal?: "*";
  Action: string | readonly string[];
  Resource: pulumi.Input<string> | readonly pulumi.Input<string>[];
  Condition?: Readonly<Record<string, Readonly<Record<string, pulumi.Input<string>>>>>;
}

export interface Policy {
  Version: "2012-10-17";
  Statement: readonly Statement[];
}

export interface BucketOf {
  bucketArn: pulumi.Input<string>;
  keyArn: pulumi.Input<string>;
  /** The network from which it is reached. */
  networkId: pulumi.Input<string>;
}

/**
 * A user of IAM with a key, for one bucket: the program that has it can do what it has to, there, and from the stack's
 * network alone. Why no role of the machine: docs/decisions/0028.
 */
export function bucketKey(
  context: AwsContext,
  planned: PlannedBucket,
  location: string,
  of: BucketOf,
  options: pulumi.CustomResourceOptions,
): { accessKey: pulumi.Output<string>; secretKey: pulumi.Output<string> } {
  const { name } = planned;
  const user = new User(
    name,
    { name: `dukaan-${context.stack}-${name}`, path: "/dukaan/", tags: tags(context, name) },
    options,
  );
  const policy = new UserPolicy(
    name,
    { user: user.name, policy: pulumi.jsonStringify(permissions(planned, location, of)) },
    options,
  );
  const key = new AccessKey(name, { user: user.name }, options);
  // Not before it may do anything.
  const accessKey = pulumi.all([key.id, policy.id]).apply(([id]) => id);
  return { accessKey: pulumi.secret(accessKey), secretKey: pulumi.secret(key.secret) };
}

/** What pgBackRest and the app do: look whether the bucket is there, list it, and read, write and delete what is theirs. */
function permissions(
  { path = "" }: PlannedBucket,
  location: string,
  { bucketArn, keyArn, networkId }: BucketOf,
): Policy {
  const fromHere = { StringEquals: { "aws:SourceVpc": networkId } };
  return {
    Version: "2012-10-17",
    Statement: [
      {
        Sid: "List",
        Effect: "Allow",
        // Without it a missing object is "forbidden" and not "not found".
        Action: ["s3:ListBucket"],
        Resource: bucketArn,
        Condition: fromHere,
      },
      {
        Sid: "Objects",
        Effect: "Allow",
        // Of versions nothing: what is deleted can be had back, by somebody else.
        Action: ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
        // Every object of its own bucket, or of its folder: their names are not known before.
        Resource: pulumi.interpolate`${bucketArn}${path}/*`,
        Condition: fromHere,
      },
      {
        Sid: "Key",
        Effect: "Allow",
        Action: ["kms:Decrypt", "kms:GenerateDataKey"],
        Resource: keyArn,
        // S3 asks on its behalf: by itself it decrypts nothing.
        Condition: { StringEquals: { "kms:ViaService": `s3.${location}.amazonaws.com` } },
      },
    ],
  };
}

/** What nobody may, whoever it is: to speak with the bucket in the clear, or over a TLS older than 1.2. */
export function refusals(bucketArn: pulumi.Input<string>): Policy {
  // Refused are everybody, everything and everywhere in this bucket.
  const all = {
    Effect: "Deny" as const,
    Principal: "*" as const,
    Action: "s3:*",
    Resource: [bucketArn, pulumi.interpolate`${bucketArn}/*`],
  };
  return {
    Version: "2012-10-17",
    Statement: [
      { Sid: "InTheClear", ...all, Condition: { Bool: { "aws:SecureTransport": "false" } } },
      { Sid: "OldTls", ...all, Condition: { NumericLessThan: { "s3:TlsVersion": "1.2" } } },
    ],
  };
}
