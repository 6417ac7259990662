import { blocks, fields, texts } from "../read.js";
import { partsOf, type Rule, type Subject } from "../rule.js";

/** What costs money, holds data or grants access, of what a stack may have. */
const tagged = [
  "aws:acm/certificate:Certificate",
  "aws:autoscaling/group:Group",
  "aws:ebs/volume:Volume",
  "aws:ec2/eip:Eip",
  "aws:ec2/instance:Instance",
  "aws:ec2/launchTemplate:LaunchTemplate",
  "aws:ec2/natGateway:NatGateway",
  "aws:ec2/securityGroup:SecurityGroup",
  "aws:ec2/subnet:Subnet",
  "aws:ec2/vpc:Vpc",
  "aws:ec2/vpcEndpoint:VpcEndpoint",
  "aws:iam/policy:Policy",
  "aws:iam/role:Role",
  "aws:kms/key:Key",
  "aws:lb/loadBalancer:LoadBalancer",
  "aws:lb/targetGroup:TargetGroup",
  "aws:rds/cluster:Cluster",
  "aws:rds/instance:Instance",
  "aws:s3/bucket:Bucket",
  "aws:s3/bucketV2:BucketV2",
];

const key = "dukaan-stack";

const bearsItsStack: Rule = {
  name: "aws-tags",
  description: "Every resource is tagged with its stack.",
  remedy: `Set tags.${key}, or defaultTags of the provider: bills and what an interrupted run has left are sorted by it.`,
  types: tagged,
  check: (subject) => {
    const { stack } = partsOf(subject.urn);
    const [tag] = texts(tagOf(subject));
    if (tag === stack) return [];
    return [`its tag ${key} is ${tag === undefined ? "missing" : `"${tag}"`}, not "${stack}"`];
  },
};

/** Its own, or the provider's for all. An Auto Scaling group has a list of them, and none of the provider's. */
function tagOf({ type, props, provider }: Subject): unknown {
  if (type === "aws:autoscaling/group:Group") {
    return blocks(props["tags"]).find((tag) => tag["key"] === key)?.["value"];
  }
  const shared = provider?.defaultTags;
  // Nested settings of a provider travel as JSON.
  const defaults = fields(typeof shared === "string" ? JSON.parse(shared) : shared);
  return fields(props["tags"])[key] ?? fields(defaults["tags"])[key];
}

export const tags: readonly Rule[] = [bearsItsStack];
