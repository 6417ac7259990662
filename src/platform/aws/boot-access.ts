import { InstanceProfile } from "@pulumi/aws/iam/instanceProfile.js";
import { Role } from "@pulumi/aws/iam/role.js";
import { RolePolicy } from "@pulumi/aws/iam/rolePolicy.js";
import * as pulumi from "@pulumi/pulumi";
import type { PlatformNetwork, ReleaseBucket } from "../platform.js";
import type { Policy } from "./bucket-access.js";
import { type AwsContext, tags } from "./context.js";

export interface BootRoleArgs {
  /** Name of the Auto Scaling group. */
  group: string;
  network: PlatformNetwork;
  bucket: ReleaseBucket;
}

/**
 * What the machines of a group may do, once each, as root: read what they boot from, and say that they have. Role `base`
 * lets nobody else on a machine ask for the role's credentials.
 * @returns ARN of the instance profile
 */
export function bootRole(
  context: Pick<AwsContext, "stack">,
  name: string,
  args: BootRoleArgs,
  options: pulumi.CustomResourceOptions,
): pulumi.Output<string> {
  const about = { name: args.group, path: "/dukaan/", tags: tags(context, name) };
  const role = new Role(name, { ...about, assumeRolePolicy: JSON.stringify(takenByInstances) }, options);
  const policy = new RolePolicy(
    name,
    { role: role.name, policy: pulumi.jsonStringify(permissions(role.arn, args)) },
    options,
  );
  const profile = new InstanceProfile(name, { ...about, role: role.name }, options);
  // Not before it may do anything.
  return pulumi.all([profile.arn, policy.id]).apply(([arn]) => arn);
}

const takenByInstances = {
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Principal: { Service: "ec2.amazonaws.com" }, Action: "sts:AssumeRole" }],
};

function permissions(roleArn: pulumi.Output<string>, { group, network, bucket }: BootRoleArgs): Policy {
  const { location } = network.region;
  const account = roleArn.apply((arn) => arn.split(":")[4] ?? "");
  const { bucketArn, keyArn } = bucket;
  return {
    Version: "2012-10-17",
    Statement: [
      {
        Sid: "Packages",
        Effect: "Allow",
        Action: ["s3:GetObject"],
        // They are named by their digests, which are not known before.
        Resource: [pulumi.interpolate`${bucketArn}/boot/*`, pulumi.interpolate`${bucketArn}/objects/*`],
        Condition: { StringEquals: { "aws:SourceVpc": network.networkId } },
      },
      {
        Sid: "Key",
        Effect: "Allow",
        Action: ["kms:Decrypt"],
        Resource: keyArn,
        // S3 asks on its behalf: by itself it decrypts nothing.
        Condition: { StringEquals: { "kms:ViaService": `s3.${location}.amazonaws.com` } },
      },
      {
        Sid: "Configured",
        Effect: "Allow",
        Action: ["autoscaling:CompleteLifecycleAction"],
        // AWS puts a number of its own into the middle.
        Resource: pulumi.interpolate`arn:aws:autoscaling:${location}:${account}:autoScalingGroup:*:autoScalingGroupName/${group}`,
      },
    ],
  };
}
