import type { Item } from "../item.js";
import { skuOfServer } from "../targets/hetzner.js";
import { inRegion } from "../targets/scenario.js";
import { type Place, numberOf, textOf } from "./resource.js";

/** What Hetzner charges nothing for. */
const free = new Set([
  "network:Network",
  "networkSubnet:NetworkSubnet",
  "networkRoute:NetworkRoute",
  "serverNetwork:ServerNetwork",
  "loadBalancerNetwork:LoadBalancerNetwork",
  "loadBalancerService:LoadBalancerService",
  "loadBalancerTarget:LoadBalancerTarget",
  "firewall:Firewall",
  "firewallAttachment:FirewallAttachment",
  "sshKey:SshKey",
  "placementGroup:PlacementGroup",
  "rdns:Rdns",
  "volumeAttachment:VolumeAttachment",
  "primaryIpAssignment:PrimaryIpAssignment",
  "certificate:Certificate",
  "managedCertificate:ManagedCertificate",
  "uploadedCertificate:UploadedCertificate",
]);

/** @returns undefined when no price is known, e.g. of a snapshot, whose size nobody knows before it is made */
export function hetznerResource(
  kind: string,
  inputs: Record<string, unknown>,
  place: Place,
): Item[] | undefined {
  if (free.has(kind)) return [];
  const item = inRegion("hetzner", textOf(inputs, "location") ?? place.hetzner);
  switch (kind) {
    case "server:Server": {
      // Its backups are a share of its price, which is no line of its own here.
      if (inputs["backups"] === true) return undefined;
      const sku = skuOfServer(textOf(inputs, "serverType") ?? "unknown");
      return [item("compute", "cloud", sku, 1, "month-cap", "servers")];
    }
    case "primaryIp:PrimaryIp": {
      const sku = textOf(inputs, "type") === "ipv6" ? "primary-ipv6" : "primary-ipv4";
      return [item("network", "network", sku, 1, "month", "public addresses")];
    }
    case "floatingIp:FloatingIp": {
      const sku = textOf(inputs, "type") === "ipv6" ? "floating-ipv6" : "floating-ipv4";
      return [item("network", "network", sku, 1, "month", "floating addresses")];
    }
    case "volume:Volume":
      return [item("storage", "storage", "volume", numberOf(inputs, "size", 10), "GB-month", "volumes")];
    case "loadBalancer:LoadBalancer": {
      const sku = (textOf(inputs, "loadBalancerType") ?? "unknown").toUpperCase();
      return [item("network", "loadbalancer", sku, 1, "month", "load balancers")];
    }
    default:
      return undefined;
  }
}
