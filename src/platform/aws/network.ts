import { DefaultSecurityGroup } from "@pulumi/aws/ec2/defaultSecurityGroup.js";
import { InternetGateway } from "@pulumi/aws/ec2/internetGateway.js";
import { Subnet } from "@pulumi/aws/ec2/subnet.js";
import { Vpc } from "@pulumi/aws/ec2/vpc.js";
import type * as pulumi from "@pulumi/pulumi";
import { ipv6Subnet, providerRange } from "../../topology/addresses.js";
import { subnetKinds } from "../../topology/aws-catalog.js";
import { location } from "../../topology/catalog.js";
import type { Region } from "../../topology/topology.js";
import { type PlatformNetwork, subnetOf } from "../platform.js";
import { type AwsContext, tags } from "./context.js";
import { type RoutedSubnet, routes } from "./routes.js";

/**
 * A VPC over two availability zones. In each: a subnet a tier, and a public one for what AWS itself runs there, which takes
 * any free address and would else take a machine's. What a tier's subnets are for is in src/topology/aws-catalog.ts.
 */
export function network(
  context: AwsContext,
  region: Region,
  options: pulumi.CustomResourceOptions,
): PlatformNetwork {
  const protectedOptions = { ...options, protect: context.protect };
  const about = { region: region.name };
  const vpc = new Vpc(
    region.name,
    {
      cidrBlock: region.range,
      assignGeneratedIpv6CidrBlock: true,
      enableDnsSupport: true,
      enableDnsHostnames: true,
      tags: tags(context, region.name, about),
    },
    protectedOptions,
  );
  const closed = closeDefaultGroup(context, region, vpc, options);
  const gateway = new InternetGateway(
    region.name,
    { vpcId: vpc.id, tags: tags(context, region.name, about) },
    options,
  );
  const makeSubnet = (name: string, range: string, zone: string, more: Record<string, string>): Subnet =>
    new Subnet(
      name,
      {
        vpcId: vpc.id,
        availabilityZone: zone,
        cidrBlock: range,
        ipv6CidrBlock: vpc.ipv6CidrBlock.apply((block) => ipv6Subnet(block, range)),
        // Addresses are a machine's own resources.
        mapPublicIpOnLaunch: false,
        assignIpv6AddressOnCreation: false,
        tags: tags(context, name, { ...about, ...more }),
      },
      protectedOptions,
    );
  const zones = zonesOf(region);
  const providerSubnets = zones.map((zone, at): RoutedSubnet => {
    const name = `${region.name}-public-${zone.at(-1)}`;
    const range = providerRange(region.range, at === 0 ? 0 : 1);
    return { name, zone, kind: "public", resource: makeSubnet(name, range, zone, {}) };
  });
  const tierSubnets = region.subnets.map((subnet) => {
    const { tier, range, zone = zones[0] } = subnet;
    const name = `${region.name}-${tier}-${zone.at(-1)}`;
    return {
      about: subnet,
      name,
      zone,
      kind: subnetKinds[tier],
      resource: makeSubnet(name, range, zone, { tier }),
    };
  });
  const ways = routes(context, { region, vpc, gateway, providerSubnets, tierSubnets }, options);
  return {
    region,
    networkId: vpc.id,
    subnet: (tier, zone) => subnetOf(region, tierSubnets, tier, zone),
    ways: [closed, gateway, ...ways.ready],
    routeTableIds: ways.tableIds,
    providerSubnets: providerSubnets.map(({ resource }) => resource),
  };
}

/** AWS gives this group to whatever names none. Without rules nothing comes of forgetting to name one. */
function closeDefaultGroup(
  context: AwsContext,
  { name }: Region,
  vpc: Vpc,
  options: pulumi.CustomResourceOptions,
): pulumi.Resource {
  const about = tags(context, `${name}-default`, { region: name });
  return new DefaultSecurityGroup(name, { vpcId: vpc.id, ingress: [], egress: [], tags: about }, options);
}

function zonesOf(region: Region): readonly [string, string] {
  const { availabilityZones } = location(region.location);
  if (!availabilityZones) throw new Error(`${region.location} is not a region of AWS`);
  return availabilityZones;
}
