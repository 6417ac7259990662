import {
  DescribeAddressesCommand,
  DescribeEgressOnlyInternetGatewaysCommand,
  DescribeInstanceAttributeCommand,
  DescribeInstanceConnectEndpointsCommand,
  DescribeInstancesCommand,
  DescribeInternetGatewaysCommand,
  DescribeNatGatewaysCommand,
  DescribeNetworkInterfacesCommand,
  DescribeRouteTablesCommand,
  DescribeSecurityGroupRulesCommand,
  DescribeSecurityGroupsCommand,
  DescribeSubnetsCommand,
  DescribeVolumesCommand,
  DescribeVpcsCommand,
  EC2Client,
  type SecurityGroupRule,
} from "@aws-sdk/client-ec2";
import type { Emulator } from "./emulator.js";

// What there is at AWS, asked with AWS's own client: neither the provider nor Pulumi's state has a say in it.

/** Every kind of thing that stacks make on EC2, by id. What has ended and is only remembered is left out. */
export type Inventory = Readonly<Record<string, readonly string[]>>;

export class Account {
  readonly ec2: EC2Client;

  constructor({ endpoint, env }: Emulator) {
    this.ec2 = new EC2Client({
      endpoint,
      region: env["AWS_REGION"]!,
      credentials: {
        accessKeyId: env["AWS_ACCESS_KEY_ID"]!,
        secretAccessKey: env["AWS_SECRET_ACCESS_KEY"]!,
      },
    });
  }

  /** By kind. Two of them are equal when nothing was added and nothing taken away. */
  async inventory(): Promise<Inventory> {
    const { ec2 } = this;
    const [vpcs, subnets, groups, gateways, onlyOut, nats, tables, interfaces, addresses, volumes, doors] =
      await Promise.all([
        ec2.send(new DescribeVpcsCommand({})),
        ec2.send(new DescribeSubnetsCommand({})),
        ec2.send(new DescribeSecurityGroupsCommand({})),
        ec2.send(new DescribeInternetGatewaysCommand({})),
        ec2.send(new DescribeEgressOnlyInternetGatewaysCommand({})),
        ec2.send(new DescribeNatGatewaysCommand({})),
        ec2.send(new DescribeRouteTablesCommand({})),
        ec2.send(new DescribeNetworkInterfacesCommand({})),
        ec2.send(new DescribeAddressesCommand({})),
        ec2.send(new DescribeVolumesCommand({})),
        ec2.send(new DescribeInstanceConnectEndpointsCommand({})),
      ]);
    return {
      vpcs: ids(vpcs.Vpcs, ({ VpcId }) => VpcId),
      subnets: ids(subnets.Subnets, ({ SubnetId }) => SubnetId),
      groups: ids(groups.SecurityGroups, ({ GroupId }) => GroupId),
      gateways: ids(gateways.InternetGateways, ({ InternetGatewayId }) => InternetGatewayId),
      onlyOut: ids(onlyOut.EgressOnlyInternetGateways, (one) => one.EgressOnlyInternetGatewayId),
      nats: ids(
        nats.NatGateways?.filter(({ State }) => State !== "deleted"),
        ({ NatGatewayId }) => NatGatewayId,
      ),
      tables: ids(tables.RouteTables, ({ RouteTableId }) => RouteTableId),
      interfaces: ids(interfaces.NetworkInterfaces, ({ NetworkInterfaceId }) => NetworkInterfaceId),
      addresses: ids(addresses.Addresses, ({ AllocationId }) => AllocationId),
      volumes: ids(volumes.Volumes, ({ VolumeId }) => VolumeId),
      doors: ids(doors.InstanceConnectEndpoints, (one) => one.InstanceConnectEndpointId),
      instances: ids(await this.instances(), ({ InstanceId }) => InstanceId),
    };
  }

  /** Those that have not ended. */
  async instances() {
    const { Reservations = [] } = await this.ec2.send(new DescribeInstancesCommand({}));
    return Reservations.flatMap(({ Instances = [] }) => Instances).filter(
      ({ State }) => State?.Name !== "terminated",
    );
  }

  async volumes() {
    return (await this.ec2.send(new DescribeVolumesCommand({}))).Volumes ?? [];
  }

  async isProtected(instance: string): Promise<boolean> {
    const { DisableApiTermination } = await this.ec2.send(
      new DescribeInstanceAttributeCommand({ InstanceId: instance, Attribute: "disableApiTermination" }),
    );
    return DisableApiTermination?.Value ?? false;
  }

  /** The security groups of a stack by the tag `Name`, with their rules as text, see {@link describeRule}. */
  async groups(stack: string): Promise<Record<string, string[]>> {
    const mine = { Filters: [{ Name: "tag:dukaan-stack", Values: [stack] }] };
    const { SecurityGroups = [] } = await this.ec2.send(new DescribeSecurityGroupsCommand(mine));
    const names = new Map(
      SecurityGroups.map(({ GroupId = "", Tags = [] }) => [
        GroupId,
        Tags.find(({ Key }) => Key === "Name")?.Value ?? GroupId,
      ]),
    );
    const { SecurityGroupRules = [] } = await this.ec2.send(new DescribeSecurityGroupRulesCommand({}));
    return Object.fromEntries(
      [...names].map(([id, name]) => [
        name,
        SecurityGroupRules.filter(({ GroupId }) => GroupId === id)
          .map((rule) => describeRule(rule, names))
          .toSorted(),
      ]),
    );
  }
}

/** E.g. `in tcp 443 0.0.0.0/0`. */
function describeRule(rule: SecurityGroupRule, names: ReadonlyMap<string, string>): string {
  const { IsEgress, IpProtocol, FromPort, ToPort, CidrIpv4, CidrIpv6, ReferencedGroupInfo } = rule;
  const group = ReferencedGroupInfo?.GroupId;
  const remote = CidrIpv4 ?? CidrIpv6 ?? (group === undefined ? "?" : (names.get(group) ?? group));
  const ports = FromPort === ToPort ? FromPort : `${FromPort}-${ToPort}`;
  return [IsEgress ? "out" : "in", IpProtocol, ports, remote].filter((part) => part !== undefined).join(" ");
}

function ids<Thing>(things: Thing[] | undefined, idOf: (thing: Thing) => string | undefined): string[] {
  return (things ?? []).map((thing) => idOf(thing) ?? "?").toSorted();
}
