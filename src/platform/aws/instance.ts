import { getAmiOutput } from "@pulumi/aws/ec2/getAmi.js";
import type { InstanceArgs } from "@pulumi/aws/ec2/instance.js";
import type * as pulumi from "@pulumi/pulumi";
import { type Image, serverType } from "../../topology/catalog.js";

/** Debian's account at AWS; https://wiki.debian.org/Cloud/AmazonEC2Image/Bookworm. */
const debian = "136693071363";

/**
 * The newest image of an operating system for a size of instance. It counts for new instances alone: whoever makes one
 * ignores changes of its image.
 */
export function debianImage(
  image: Image,
  instanceType: string,
  { parent }: pulumi.CustomResourceOptions,
): { id: pulumi.Output<string>; rootDeviceName: pulumi.Output<string> } {
  const architecture = serverType(instanceType).architecture === "arm" ? "arm64" : "amd64";
  const { id, rootDeviceName } = getAmiOutput(
    {
      owners: [debian],
      mostRecent: true,
      filters: [
        { name: "name", values: [`${image}-${architecture}-*`] },
        { name: "virtualization-type", values: ["hvm"] },
      ],
    },
    parent ? { parent } : {},
  );
  return { id, rootDeviceName };
}

/** Only a session of an instance's own host can ask for its metadata (IMDSv2). */
export const metadataOptions = {
  httpEndpoint: "enabled",
  httpTokens: "required",
  httpPutResponseHopLimit: 1,
};

/** What every instance has: an encrypted disk, and {@link metadataOptions}. */
export function hardened(
  tags: Record<string, string>,
  diskGB: number,
): Pick<InstanceArgs, "metadataOptions" | "rootBlockDevice" | "tags"> {
  return {
    metadataOptions,
    rootBlockDevice: {
      encrypted: true,
      volumeType: "gp3",
      volumeSize: diskGB,
      deleteOnTermination: true,
      tags,
    },
    tags,
  };
}
