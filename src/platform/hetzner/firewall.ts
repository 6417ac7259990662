import { Firewall } from "@pulumi/hcloud/firewall.js";
import type * as pulumi from "@pulumi/pulumi";
import type { Tier } from "../../topology/addresses.js";
import { type CloudRule, cloudRules } from "../../topology/firewall.js";
import type { Region, Topology } from "../../topology/topology.js";
import type { PlatformFirewall, PlatformNetwork } from "../platform.js";
import { type HetznerContext, labels } from "./context.js";

/** Cloud firewalls: they filter public interfaces alone, and drop what no rule allows. */
export function firewalls(
  context: HetznerContext,
  { region }: PlatformNetwork,
  topology: Topology,
  options: pulumi.CustomResourceOptions,
): Map<string, PlatformFirewall> {
  return new Map(
    region.subnets.map(({ tier }) => [
      tier,
      firewall(context, region, tier, cloudRules(topology, tier), options),
    ]),
  );
}

function firewall(
  context: HetznerContext,
  region: Region,
  tier: Tier,
  rules: readonly CloudRule[],
  options: pulumi.CustomResourceOptions,
): PlatformFirewall {
  const resource = new Firewall(
    `${region.name}-${tier}`,
    {
      name: `${context.stack}-${region.name}-${tier}`,
      labels: labels(context, { region: region.name, tier }),
      rules: rules.map(({ direction, protocol, port, remotes, description }) => ({
        direction,
        protocol,
        description,
        ...(port === undefined ? {} : { port: String(port) }),
        ...(direction === "in" ? { sourceIps: [...remotes] } : { destinationIps: [...remotes] }),
      })),
    },
    options,
  );
  return { firewallId: resource.id, ready: [] };
}
