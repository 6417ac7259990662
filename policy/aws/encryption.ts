import { blocks, fields } from "../read.js";
import type { Rule, Subject } from "../rule.js";

type Block = Readonly<Record<string, unknown>>;

const volume = "aws:ebs/volume:Volume";
const template = "aws:ec2/launchTemplate:LaunchTemplate";

/** Disks as a resource describes them, each with the property that says so. What is not described is left to the image. */
function disks({ type, props }: Subject): [where: string, disk: Block][] {
  if (type === volume) return [["it", props]];
  const listed = (key: string, found: Block[]) => found.map((disk): [string, Block] => [key, disk]);
  if (type !== template) {
    return [
      ["rootBlockDevice", fields(props["rootBlockDevice"])],
      ...listed("ebsBlockDevices", blocks(props["ebsBlockDevices"])),
    ];
  }
  const mapped = blocks(props["blockDeviceMappings"]).flatMap(({ ebs }) => blocks(ebs));
  return listed("blockDeviceMappings", mapped.length === 0 ? [{}] : mapped);
}

const disksAreEncrypted: Rule = {
  name: "aws-encrypted-disks",
  description: "Every disk is encrypted.",
  remedy: "Set encrypted: true on it (EBS volumes, rootBlockDevice, ebsBlockDevices, blockDeviceMappings).",
  types: [volume, template, "aws:ec2/instance:Instance", "aws:ec2/launchConfiguration:LaunchConfiguration"],
  check: (subject) =>
    disks(subject)
      // A launch template takes texts.
      .filter(([, { encrypted }]) => encrypted !== true && encrypted !== "true")
      .map(([where]) => (where === "it" ? "it is not encrypted" : `a disk of ${where} is not encrypted`)),
};

const databasesAreEncrypted: Rule = {
  name: "aws-encrypted-databases",
  description: "The storage of every database is encrypted.",
  remedy: "Set storageEncrypted: true; it cannot be changed later.",
  types: ["aws:rds/instance:Instance", "aws:rds/cluster:Cluster"],
  check: ({ props }) => {
    // One of the same region is as its source is.
    const isReplica = props["replicateSourceDb"] !== undefined;
    return isReplica || props["storageEncrypted"] === true ? [] : ["it is not encrypted"];
  },
};

export const encryption: readonly Rule[] = [disksAreEncrypted, databasesAreEncrypted];
