import { fields } from "../read.js";
import type { Rule } from "../rule.js";

/** Fewer would not cover a week's holiday. */
const leastDaysOfBackups = 7;

const instance = "aws:ec2/instance:Instance";
const loadBalancer = "aws:lb/loadBalancer:LoadBalancer";

/** Stateful where they belong to a machine of the stack; those of NAT come and go. */
const ofMachines = [instance, "aws:ec2/eip:Eip"];

/** What data or an address is lost with. */
const databases = ["aws:rds/cluster:Cluster", "aws:rds/instance:Instance"];
const stateful = [
  "aws:ebs/volume:Volume",
  ...ofMachines,
  "aws:ec2/vpc:Vpc",
  "aws:kms/key:Key",
  // Its name is AWS's, and another one has another.
  loadBalancer,
  "aws:s3/bucket:Bucket",
  "aws:s3/bucketV2:BucketV2",
  ...databases,
];

const isProtected: Rule = {
  name: "aws-protected",
  description: "What data or an address would be lost with is protected from deletion.",
  remedy:
    "Set Pulumi's option protect; disableApiTermination: true on machines; enableDeletionProtection: true on load balancers; deletionProtection: true, and leave out skipFinalSnapshot, on databases; leave out forceDestroy on buckets.",
  types: stateful,
  check: ({ type, props, protect }) => {
    if (ofMachines.includes(type) && fields(props["tags"])["dukaan-machine"] === undefined) return [];
    // Its content is elsewhere too: src/platform/aws/context.ts.
    if (fields(props["tags"])["dukaan-holds"] === "copies" && !databases.includes(type)) return [];
    const isDatabase = databases.includes(type);
    const isCopy = props["replicateSourceDb"] !== undefined;
    return [
      ...(protect ? [] : ["it lacks protect"]),
      ...(type === instance && props["disableApiTermination"] !== true
        ? ["it lacks disableApiTermination"]
        : []),
      ...(type === loadBalancer && props["enableDeletionProtection"] !== true
        ? ["it lacks enableDeletionProtection"]
        : []),
      ...(isDatabase && props["deletionProtection"] !== true ? ["it lacks deletionProtection"] : []),
      ...(isDatabase && !isCopy && props["skipFinalSnapshot"] === true
        ? ["it leaves no last snapshot (skipFinalSnapshot)"]
        : []),
      // Of an instance it says that who deletes it by Pulumi, past protect, need not lift EC2's protection by hand.
      ...(type !== instance && props["forceDestroy"] === true
        ? ["it goes with all that is in it (forceDestroy)"]
        : []),
    ];
  },
};

const databasesHaveBackups: Rule = {
  name: "aws-database-backups",
  description: `A database keeps backups for at least ${leastDaysOfBackups} days.`,
  remedy: `Set backupRetentionPeriod: ${leastDaysOfBackups} or more.`,
  types: databases,
  check: ({ props }) => {
    if (props["replicateSourceDb"] !== undefined) return [];
    const days = Number(props["backupRetentionPeriod"] ?? 0);
    return days >= leastDaysOfBackups ? [] : [`it keeps them for ${days} days`];
  },
};

export const protection: readonly Rule[] = [isProtected, databasesHaveBackups];
