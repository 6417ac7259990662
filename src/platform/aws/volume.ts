import { Volume } from "@pulumi/aws/ebs/volume.js";
import { VolumeAttachment } from "@pulumi/aws/ec2/volumeAttachment.js";
import * as pulumi from "@pulumi/pulumi";
import type { Machine, Volume as AboutVolume } from "../../topology/topology.js";
import type { PlatformVolume, VolumeArgs } from "../platform.js";
import { type AwsContext, tags } from "./context.js";

/** An encrypted volume, attached to an instance of its zone; blank when it is new. */
export function volume(
  context: AwsContext,
  about: AboutVolume,
  machine: Machine,
  { server }: VolumeArgs,
  options: pulumi.CustomResourceOptions,
): PlatformVolume {
  if (machine.zone === undefined) throw new Error(`${machine.name} is in no availability zone`);
  const resource = new Volume(
    about.name,
    {
      availabilityZone: machine.zone,
      size: about.sizeGB,
      type: "gp3",
      encrypted: true,
      // Whoever deletes it on purpose has a copy.
      finalSnapshot: context.protect,
      tags: tags(context, about.name, { region: machine.region, machine: machine.name }),
    },
    { ...options, protect: context.protect },
  );
  const attachment = new VolumeAttachment(
    about.name,
    {
      volumeId: resource.id,
      instanceId: server.serverId,
      // AWS wants a name; instances of today show the volume under another, see below.
      deviceName: "/dev/sdf",
      stopInstanceBeforeDetaching: true,
    },
    // A volume is at one instance at a time.
    { ...options, deletedWith: server.resource, deleteBeforeReplace: true },
  );
  return {
    // Not before it is attached.
    device: pulumi.all([resource.id, attachment.id]).apply(([id]) => deviceOf(id)),
    sizeGB: resource.size,
    blank: true,
  };
}

/**
 * Where udev shows a volume on an instance with NVMe; its serial number is the volume's name without the hyphen.
 * https://docs.aws.amazon.com/ebs/latest/userguide/identify-nvme-ebs-device.html
 */
function deviceOf(id: string): string {
  return `/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_${id.replace("-", "")}`;
}
