import { Network } from "@pulumi/hcloud/network.js";
import { NetworkSubnet } from "@pulumi/hcloud/networkSubnet.js";
import { createHash } from "node:crypto";
import { SshKey } from "@pulumi/hcloud/sshKey.js";
import * as pulumi from "@pulumi/pulumi";
import type { Region } from "../../topology/topology.js";
import { type NetworkArgs, type PlatformNetwork, subnetOf } from "../platform.js";
import { type HetznerContext, labels } from "./context.js";

/** Another key has another name: the new one is there before the old one goes. */
function loginKeyName(name: string, key: pulumi.Input<string>): pulumi.Output<string> {
  return pulumi
    .output(key)
    .apply((text) => `${name}-deploy-${createHash("sha256").update(text).digest("hex").slice(0, 8)}`);
}

/** A private network with its subnets, and the login key (with one, Hetzner sets and mails no root password). */
export function network(
  context: HetznerContext,
  region: Region,
  args: NetworkArgs,
  options: pulumi.CustomResourceOptions,
): PlatformNetwork {
  const name = `${context.stack}-${region.name}`;
  const about = labels(context, { region: region.name });
  const protectedOptions = { ...options, protect: context.protect };
  const whole = new Network(
    region.name,
    { name, ipRange: region.range, labels: about, deleteProtection: context.protect },
    protectedOptions,
  );
  const networkId = whole.id.apply(Number);
  const subnets = region.subnets.map((subnet) => {
    const resource = new NetworkSubnet(
      `${region.name}-${subnet.tier}`,
      { networkId, type: "cloud", networkZone: region.zone, ipRange: subnet.range },
      protectedOptions,
    );
    return { about: subnet, resource };
  });
  const loginKey = new SshKey(
    region.name,
    { name: loginKeyName(name, args.loginKey), publicKey: args.loginKey, labels: about },
    options,
  );
  return {
    region,
    networkId: whole.id,
    subnet: (tier) => subnetOf(region, subnets, tier),
    loginKeyId: loginKey.id,
    ways: [],
    providerSubnets: [],
  };
}
