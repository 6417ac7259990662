import { Volume } from "@pulumi/hcloud/volume.js";
import { VolumeAttachment } from "@pulumi/hcloud/volumeAttachment.js";
import * as pulumi from "@pulumi/pulumi";
import type { Machine, Volume as AboutVolume } from "../../topology/topology.js";
import type { PlatformVolume, VolumeArgs } from "../platform.js";
import { type HetznerContext, labels } from "./context.js";

/** A volume with an ext4 file system, which Hetzner makes together with it and never again, attached to a server. */
export function volume(
  context: HetznerContext,
  about: AboutVolume,
  machine: Machine,
  { server, region }: VolumeArgs,
  options: pulumi.CustomResourceOptions,
): PlatformVolume {
  const resource = new Volume(
    about.name,
    {
      name: `${context.stack}-${about.name}`,
      size: about.sizeGB,
      location: region.location,
      format: "ext4",
      deleteProtection: context.protect,
      labels: labels(context, { region: region.name, machine: machine.name }),
    },
    { ...options, protect: context.protect },
  );
  const attachment = new VolumeAttachment(
    about.name,
    { volumeId: resource.id.apply(Number), serverId: server.serverId.apply(Number), automount: false },
    // A volume is at one server at a time.
    { ...options, deletedWith: server.resource, deleteBeforeReplace: true },
  );
  return {
    // Not before it is attached.
    device: pulumi.all([resource.id, attachment.id]).apply(([id]) => `/dev/disk/by-id/scsi-0HC_Volume_${id}`),
    sizeGB: resource.size,
  };
}
