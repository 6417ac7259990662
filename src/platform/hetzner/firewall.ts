import { Firewall } from "@pulumi/hcloud/firewall.js";
import type * as pulumi from "@pulumi/pulumi";
import type { Tier } from "../../topology/addresses.js";
import type { CloudRule } from "../../topology/firewall.js";
import type { Region } from "../../topology/topology.js";
import type { PlatformFirewall } from "../platform.js";
import { type HetznerContext, labels } from "./context.js";

/** A cloud firewall: it filters public interfaces alone, and drops what no rule allows. */
export function firewall(
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
  return { firewallId: resource.id };
}
