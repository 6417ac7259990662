import { PrimaryIp } from "@pulumi/hcloud/primaryIp.js";
import type * as pulumi from "@pulumi/pulumi";
import type { Machine, Region } from "../../topology/topology.js";
import type { PlatformAddresses, PlatformNetwork, PublicAddress } from "../platform.js";
import { type HetznerContext, labels } from "./context.js";

/** Primary IPs. They are kept when their server is replaced, so names and certificates stay true. */
export function addresses(
  context: HetznerContext,
  machine: Machine,
  { network: { region } }: { network: PlatformNetwork },
  options: pulumi.CustomResourceOptions,
): PlatformAddresses {
  return {
    ...(machine.publicIpv4 && { ipv4: primaryIp(context, machine, "ipv4", region, options) }),
    ...(machine.publicIpv6 && { ipv6: primaryIp(context, machine, "ipv6", region, options) }),
  };
}

function primaryIp(
  context: HetznerContext,
  machine: Machine,
  family: "ipv4" | "ipv6",
  region: Region,
  options: pulumi.CustomResourceOptions,
): PublicAddress {
  const resource = new PrimaryIp(
    `${machine.name}-${family}`,
    {
      name: `${machine.hostname}-${family}`,
      type: family,
      location: region.location,
      autoDelete: false,
      deleteProtection: context.protect,
      labels: labels(context, { region: region.name, machine: machine.name }),
    },
    { ...options, protect: context.protect },
  );
  return {
    addressId: resource.id,
    // An IPv6 primary IP is a /64, given as its first address; servers take ::1 of it.
    address: family === "ipv4" ? resource.ipAddress : resource.ipAddress.apply(firstOfNetwork),
  };
}

/** "2001:db8::" or "2001:db8::/64" → "2001:db8::1" */
function firstOfNetwork(network: string): string {
  return `${network.replace(/(\/\d+)?$/, "")}1`;
}
