import { Eip } from "@pulumi/aws/ec2/eip.js";
import { EipAssociation } from "@pulumi/aws/ec2/eipAssociation.js";
import { Instance } from "@pulumi/aws/ec2/instance.js";
import { NatGateway } from "@pulumi/aws/ec2/natGateway.js";
import { NetworkInterface } from "@pulumi/aws/ec2/networkInterface.js";
import type { RouteArgs } from "@pulumi/aws/ec2/route.js";
import { SecurityGroup } from "@pulumi/aws/ec2/securityGroup.js";
import type { Vpc } from "@pulumi/aws/ec2/vpc.js";
import * as pulumi from "@pulumi/pulumi";
import { renderTemplate } from "../../template.js";
import { natInstance } from "../../topology/aws-catalog.js";
import type { Region } from "../../topology/topology.js";
import { type AwsContext, tags } from "./context.js";
import { debianImage, hardened } from "./instance.js";
import type { RoutedSubnet } from "./routes.js";

export interface Nat {
  /** Where packets leave that come from a zone. */
  from(zone: string): Pick<RouteArgs, "natGatewayId" | "networkInterfaceId">;
  /** What must be there before a machine can use it. */
  ready: readonly pulumi.Resource[];
}

/**
 * How machines without a public IPv4 address reach the internet. By the catalogue of src/cost, in us-east-1:
 * none, an address a machine: $3.65 a month each. An instance: $8.09 with its disk and address, one for all zones; while it
 * is away they are cut off. A gateway in each of two zones: $73.00 with their addresses, and $0.045 a GB.
 */
export function nat(
  context: AwsContext,
  region: Region,
  vpc: Vpc,
  subnets: readonly RoutedSubnet[],
  options: pulumi.CustomResourceOptions,
): Nat | undefined {
  if (region.nat === undefined) return undefined;
  return region.nat === "gateway"
    ? natGateways(context, region, subnets, options)
    : makeNatInstance(context, region, vpc, subnets[0]!, options);
}

function natAddress(
  context: AwsContext,
  name: string,
  region: Region,
  options: pulumi.CustomResourceOptions,
): Eip {
  return new Eip(name, { domain: "vpc", tags: tags(context, name, { region: region.name }) }, options);
}

function natGateways(
  context: AwsContext,
  region: Region,
  subnets: readonly RoutedSubnet[],
  options: pulumi.CustomResourceOptions,
): Nat {
  const gateways = new Map(
    subnets.map(({ zone, resource }) => {
      const name = `${region.name}-nat-${zone.at(-1)}`;
      const args = {
        allocationId: natAddress(context, name, region, options).id,
        subnetId: resource.id,
        tags: tags(context, name, { region: region.name }),
      };
      return [zone, new NatGateway(name, args, options)];
    }),
  );
  return { from: (zone) => ({ natGatewayId: gateways.get(zone)!.id }), ready: [...gateways.values()] };
}

function makeNatInstance(
  context: AwsContext,
  region: Region,
  vpc: Vpc,
  subnet: RoutedSubnet,
  options: pulumi.CustomResourceOptions,
): Nat {
  const name = `${region.name}-nat`;
  const about = tags(context, name, { region: region.name });
  // What a machine may send is its own group's business; here only whose it is.
  const group = new SecurityGroup(
    name,
    {
      vpcId: vpc.id,
      description: "NAT for machines without a public address",
      ingress: [{ protocol: "-1", fromPort: 0, toPort: 0, cidrBlocks: [region.range] }],
      egress: [{ protocol: "-1", fromPort: 0, toPort: 0, cidrBlocks: ["0.0.0.0/0"] }],
      tags: about,
    },
    options,
  );
  // Routes lead to it, whichever instance has it.
  const networkInterface = new NetworkInterface(
    name,
    { subnetId: subnet.resource.id, securityGroups: [group.id], sourceDestCheck: false, tags: about },
    options,
  );
  const address = natAddress(context, name, region, options);
  const association = new EipAssociation(
    name,
    { allocationId: address.id, networkInterfaceId: networkInterface.id },
    options,
  );
  const instance = new Instance(
    name,
    {
      ...hardened(about, natInstance.diskGB),
      ami: debianImage("debian-12", natInstance.type, options).id,
      instanceType: natInstance.type,
      primaryNetworkInterface: { networkInterfaceId: networkInterface.id },
      userData: renderTemplate("src/platform/aws/nat.yaml", {}),
    },
    // It fetches a package when it boots.
    {
      ...pulumi.mergeOptions(options, { dependsOn: association }),
      ignoreChanges: ["ami", "userData"],
      deleteBeforeReplace: true,
    },
  );
  return { from: () => ({ networkInterfaceId: networkInterface.id }), ready: [instance] };
}
