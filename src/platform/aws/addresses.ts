import { Eip } from "@pulumi/aws/ec2/eip.js";
import { EipAssociation } from "@pulumi/aws/ec2/eipAssociation.js";
import { NetworkInterface } from "@pulumi/aws/ec2/networkInterface.js";
import * as pulumi from "@pulumi/pulumi";
import type { Machine } from "../../topology/topology.js";
import type { PlatformAddresses, PlatformFirewall, PlatformNetwork, PublicAddress } from "../platform.js";
import { type AwsContext, tags } from "./context.js";

/**
 * A network interface with the machine's private address and, from its subnet's range, its IPv6 address; and an Elastic IP
 * that leads to it. On AWS an IPv6 address goes with its interface: so that is a resource of its own, which outlives the
 * instance.
 */
export function addresses(
  context: AwsContext,
  machine: Machine,
  { network, firewall }: { network: PlatformNetwork; firewall: PlatformFirewall },
  options: pulumi.CustomResourceOptions,
): PlatformAddresses {
  const networkInterface = new NetworkInterface(
    machine.name,
    {
      subnetId: network.subnet(machine.tier, machine.zone).id,
      privateIps: [machine.privateAddress],
      securityGroups: [firewall.firewallId],
      ...(machine.publicIpv6 && { ipv6AddressCount: 1 }),
      description: machine.hostname,
      tags: tags(context, machine.name, { region: machine.region, machine: machine.name }),
    },
    { ...options, protect: context.protect },
  );
  const ipv6 = networkInterface.ipv6Addresses.apply(([first]) => first ?? "");
  return {
    networkInterface,
    ...(machine.publicIpv4 && { ipv4: elasticIp(context, machine, network, networkInterface, options) }),
    ...(machine.publicIpv6 && { ipv6: { addressId: networkInterface.id, address: ipv6 } }),
  };
}

function elasticIp(
  context: AwsContext,
  machine: Machine,
  network: PlatformNetwork,
  networkInterface: NetworkInterface,
  options: pulumi.CustomResourceOptions,
): PublicAddress {
  const name = `${machine.name}-ipv4`;
  const address = new Eip(
    name,
    { domain: "vpc", tags: tags(context, name, { region: machine.region, machine: machine.name }) },
    { ...options, protect: context.protect },
  );
  const association = new EipAssociation(
    name,
    { allocationId: address.id, networkInterfaceId: networkInterface.id },
    // AWS refuses it while the network has no way to the internet.
    { ...options, dependsOn: [...network.ways] },
  );
  // Not before it leads to the machine.
  return {
    addressId: address.id,
    address: pulumi.all([address.publicIp, association.id]).apply(([ip]) => ip),
  };
}
