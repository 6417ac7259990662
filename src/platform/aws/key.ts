import { Key } from "@pulumi/aws/kms/key.js";
import type * as pulumi from "@pulumi/pulumi";
import { type AwsContext, tags } from "./context.js";

/**
 * A key of the stack's own for what AWS encrypts, anew every year; $1 a month. What it has encrypted is lost with it, last
 * snapshots and backups among that: where data is real it stays when the stack goes, for whoever wants to have them back.
 * Its account decides who may use it (IAM), as with AWS's default policy.
 */
export function encryptionKey(
  context: Pick<AwsContext, "stack" | "protect">,
  name: string,
  description: string,
  options: pulumi.CustomResourceOptions,
  about: Readonly<Record<string, string>> = {},
): Key {
  return new Key(
    name,
    { description, enableKeyRotation: true, deletionWindowInDays: 30, tags: tags(context, name, about) },
    { ...options, protect: context.protect, retainOnDelete: context.protect },
  );
}
