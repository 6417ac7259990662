import { FloatingIp } from "@pulumi/hcloud/floatingIp.js";
import type * as pulumi from "@pulumi/pulumi";
import type { FloatingAddress, Region } from "../../topology/topology.js";
import type { PublicAddress } from "../platform.js";
import { type HetznerContext, labels } from "./context.js";

/** A floating IP. Which server has it is not said here: the machines themselves tell Hetzner. */
export function floatingAddress(
  context: HetznerContext,
  { name }: FloatingAddress,
  region: Region,
  options: pulumi.CustomResourceOptions,
): PublicAddress {
  const resource = new FloatingIp(
    name,
    {
      name: `${context.stack}-${name}`,
      type: "ipv4",
      homeLocation: region.location,
      deleteProtection: context.protect,
      labels: labels(context, { region: region.name }),
    },
    { ...options, protect: context.protect, ignoreChanges: ["serverId"] },
  );
  return { addressId: resource.id, address: resource.ipAddress };
}
