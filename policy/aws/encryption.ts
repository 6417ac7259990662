import { blocks, fields } from "../read.js";
import type { Rule, Subject } from "../rule.js";

type Block = Readonly<Record<string, unknown>>;

/** Disks as a resource describes them, each with the property that says so; those of an image may be left to it. */
function disks({ type, props }: Subject): [where: string, disk: Block][] {
  switch (type) {
    case "aws:ebs/volume:Volume":
      return [["it", props]];
    case "aws:ec2/instance:Instance":
    case "aws:ec2/launchConfiguration:LaunchConfiguration":
      return [
        // Without the block the image decides, which is seldom encrypted.
        ["rootBlockDevice", fields(props["rootBlockDevice"])],
        ...blocks(props["ebsBlockDevices"]).map((disk): [string, Block] => ["ebsBlockDevices", disk]),
      ];
    case "aws:ec2/launchTemplate:LaunchTemplate": {
      const mapped = blocks(props["blockDeviceMappings"]).filter(({ ebs }) => ebs !== undefined);
      // None at all: the image decides.
      if (mapped.length === 0) return [["blockDeviceMappings", {}]];
      return mapped.map(({ ebs }): [string, Block] => ["blockDeviceMappings", fields(ebs)]);
    }
    default:
      return [];
  }
}

const disksAreEncrypted: Rule = {
  name: "aws-encrypted-disks",
  description: "Every disk is encrypted.",
  remedy: "Set encrypted: true on it (EBS volumes, rootBlockDevice, ebsBlockDevices, blockDeviceMappings).",
  check: (subject) =>
    disks(subject)
      // A launch template takes texts.
      .filter(([, { encrypted }]) => String(encrypted) !== "true")
      .map(([where]) => (where === "it" ? "it is not encrypted" : `a disk of ${where} is not encrypted`)),
};

const databasesAreEncrypted: Rule = {
  name: "aws-encrypted-databases",
  description: "The storage of every database is encrypted.",
  remedy: "Set storageEncrypted: true; it cannot be changed later.",
  check: ({ type, props }) => {
    const isDatabase = type === "aws:rds/instance:Instance" || type === "aws:rds/cluster:Cluster";
    // A replica of the same region is as its source is.
    const isReplica = props["replicateSourceDb"] !== undefined;
    return isDatabase && !isReplica && props["storageEncrypted"] !== true ? ["it is not encrypted"] : [];
  },
};

export const encryption: readonly Rule[] = [disksAreEncrypted, databasesAreEncrypted];
