import { EgressOnlyInternetGateway } from "@pulumi/aws/ec2/egressOnlyInternetGateway.js";
import type { InternetGateway } from "@pulumi/aws/ec2/internetGateway.js";
import { Route, type RouteArgs } from "@pulumi/aws/ec2/route.js";
import { RouteTable } from "@pulumi/aws/ec2/routeTable.js";
import { RouteTableAssociation } from "@pulumi/aws/ec2/routeTableAssociation.js";
import type { Subnet } from "@pulumi/aws/ec2/subnet.js";
import type { Vpc } from "@pulumi/aws/ec2/vpc.js";
import type * as pulumi from "@pulumi/pulumi";
import type { SubnetKind } from "../../topology/aws-catalog.js";
import type { Region } from "../../topology/topology.js";
import { type AwsContext, tags } from "./context.js";
import { nat } from "./nat.js";

export interface RoutedSubnet {
  name: string;
  zone: string;
  kind: SubnetKind;
  resource: Subnet;
}

export interface RoutesArgs {
  region: Region;
  vpc: Vpc;
  gateway: InternetGateway;
  providerSubnets: readonly RoutedSubnet[];
  tierSubnets: readonly RoutedSubnet[];
}

/** Where a route leads; one of these. */
type Way = Pick<RouteArgs, "gatewayId" | "natGatewayId" | "networkInterfaceId" | "egressOnlyGatewayId">;

/**
 * A table of routes for each kind of subnet in each zone. Public subnets lead to the internet gateway. So do the others,
 * unless the region has NAT: then IPv4 leaves by it, and IPv6 by a gateway that lets nothing in.
 */
export function routes(
  context: AwsContext,
  { region, vpc, gateway, providerSubnets, tierSubnets }: RoutesArgs,
  options: pulumi.CustomResourceOptions,
): Routes {
  const open: Way = { gatewayId: gateway.id };
  const subnets = [...providerSubnets, ...tierSubnets];
  const inside = subnets.filter(({ kind }) => kind !== "public");
  const outside = subnets.filter(({ kind }) => kind === "public");
  const make = (some: readonly RoutedSubnet[], ways: (zone: string) => Ways) =>
    tables(some).map((table) => makeTable(context, region, vpc, table, ways(table.zone), options));

  const toInternet = make(outside, () => ({ ipv4: open, ipv6: open }));
  const after = toInternet.flatMap(({ ready }) => ready);
  const outward = nat(context, region, vpc, providerSubnets, { ...options, dependsOn: after });
  if (!outward) return together([...toInternet, ...make(inside, () => ({ ipv4: open, ipv6: open }))]);
  const outwardIpv6 = onlyOutward(context, region, vpc, options);
  const byNat = make(inside, (zone) => ({ ipv4: outward.from(zone), ipv6: outwardIpv6 }));
  const { ready, tableIds } = together([...toInternet, ...byNat]);
  return { ready: [...ready, ...outward.ready], tableIds };
}

export interface Routes {
  ready: readonly pulumi.Resource[];
  tableIds: readonly pulumi.Output<string>[];
}

interface MadeTable {
  id: pulumi.Output<string>;
  ready: readonly pulumi.Resource[];
}

function together(made: readonly MadeTable[]): Routes {
  return { ready: made.flatMap(({ ready }) => ready), tableIds: made.map(({ id }) => id) };
}

interface Ways {
  ipv4: Way;
  ipv6: Way;
}

interface Table {
  kind: SubnetKind;
  zone: string;
  subnets: readonly RoutedSubnet[];
}

function tables(subnets: readonly RoutedSubnet[]): Table[] {
  const grouped = Map.groupBy(subnets, ({ kind, zone }) => `${kind} ${zone}`);
  return [...grouped.values()].map((own) => ({ kind: own[0]!.kind, zone: own[0]!.zone, subnets: own }));
}

function makeTable(
  context: AwsContext,
  region: Region,
  vpc: Vpc,
  { kind, zone, subnets }: Table,
  { ipv4, ipv6 }: Ways,
  options: pulumi.CustomResourceOptions,
): MadeTable {
  const name = `${region.name}-${kind}-${zone.at(-1)}`;
  const about = tags(context, name, { region: region.name });
  const routeTableId = new RouteTable(name, { vpcId: vpc.id, tags: about }, options).id;
  const toIpv4 = { routeTableId, destinationCidrBlock: "0.0.0.0/0", ...ipv4 };
  const toIpv6 = { routeTableId, destinationIpv6CidrBlock: "::/0", ...ipv6 };
  const ready = [
    new Route(`${name}-ipv4`, toIpv4, options),
    new Route(`${name}-ipv6`, toIpv6, options),
    ...subnets.map((subnet) => {
      const args = { routeTableId, subnetId: subnet.resource.id };
      return new RouteTableAssociation(subnet.name, args, options);
    }),
  ];
  return { id: routeTableId, ready };
}

function onlyOutward(
  context: AwsContext,
  { name }: Region,
  vpc: Vpc,
  options: pulumi.CustomResourceOptions,
): Way {
  const resource = new EgressOnlyInternetGateway(
    name,
    { vpcId: vpc.id, tags: tags(context, name, { region: name }) },
    options,
  );
  return { egressOnlyGatewayId: resource.id };
}
