import { AutoScalingClient } from "@aws-sdk/client-auto-scaling";
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
  DescribeSnapshotsCommand,
  DescribeSubnetsCommand,
  DescribeVolumesCommand,
  DescribeVpcEndpointsCommand,
  DescribeVpcsCommand,
  EC2Client,
  type SecurityGroupRule,
  type Tag,
} from "@aws-sdk/client-ec2";
import { ElasticLoadBalancingV2Client } from "@aws-sdk/client-elastic-load-balancing-v2";
import type { Emulator } from "./emulator.js";

// What there is at AWS, asked with AWS's own clients: neither the provider nor Pulumi's state has a say in it.

/** Every kind of thing that goes with its stack, by id. What has ended and is only remembered is left out. */
export type Inventory = Readonly<Record<string, readonly string[]>>;

/** The same beside what EC2's own client is asked for: who is asked, what, where the answer has them, and what they are called there. */
const elsewhere: Readonly<Record<string, readonly [string, string, string, string]>> = {
  databases: ["rds", "describe_db_instances", "DBInstances", "DBInstanceIdentifier"],
  databaseSubnets: ["rds", "describe_db_subnet_groups", "DBSubnetGroups", "DBSubnetGroupName"],
  parameters: ["rds", "describe_db_parameter_groups", "DBParameterGroups", "DBParameterGroupName"],
  logs: ["logs", "describe_log_groups", "logGroups", "logGroupName"],
  balancers: ["elbv2", "describe_load_balancers", "LoadBalancers", "LoadBalancerArn"],
  pools: ["elbv2", "describe_target_groups", "TargetGroups", "TargetGroupArn"],
  serverGroups: ["autoscaling", "describe_auto_scaling_groups", "AutoScalingGroups", "AutoScalingGroupName"],
  templates: ["ec2", "describe_launch_templates", "LaunchTemplates", "LaunchTemplateId"],
  certificates: ["acm", "list_certificates", "CertificateSummaryList", "CertificateArn"],
  users: ["iam", "list_users", "Users", "UserName"],
  roles: ["iam", "list_roles", "Roles", "RoleName"],
  profiles: ["iam", "list_instance_profiles", "InstanceProfiles", "InstanceProfileName"],
  keyNames: ["kms", "list_aliases", "Aliases", "AliasName"],
};

interface DatabaseSnapshot {
  DBSnapshotIdentifier: string;
  DBInstanceIdentifier: string;
  SnapshotType: string;
  Encrypted: boolean;
}

/** Of Route 53. */
export interface NameRecord {
  Type: string;
  /** With a dot at its end. */
  Name: string;
  ResourceRecords?: { Value: string }[];
  AliasTarget?: { DNSName: string };
}

/** Of KMS. */
export interface Key {
  Enabled: boolean;
  /** Whether AWS renews it every year. */
  KeyRotationEnabled: boolean;
  tags: Readonly<Record<string, string>>;
}

export class Account {
  readonly ec2: EC2Client;
  readonly scaling: AutoScalingClient;
  readonly balancing: ElasticLoadBalancingV2Client;
  /** Asks other services. */
  readonly ask: Emulator["ask"];

  constructor({ endpoint, env, ask }: Emulator) {
    this.ask = ask;
    const access = {
      endpoint,
      region: env["AWS_REGION"]!,
      credentials: {
        accessKeyId: env["AWS_ACCESS_KEY_ID"]!,
        secretAccessKey: env["AWS_SECRET_ACCESS_KEY"]!,
      },
    };
    this.ec2 = new EC2Client(access);
    this.scaling = new AutoScalingClient(access);
    this.balancing = new ElasticLoadBalancingV2Client(access);
  }

  /** By kind. Two of them are equal when nothing was added and nothing taken away. */
  async inventory(): Promise<Inventory> {
    const { ec2 } = this;
    const [
      vpcs,
      subnets,
      groups,
      gateways,
      onlyOut,
      nats,
      tables,
      interfaces,
      addresses,
      volumes,
      doors,
      ways,
    ] = await Promise.all([
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
      this.ways(),
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
      ways: ids(ways, ({ VpcEndpointId }) => VpcEndpointId),
      instances: ids(await this.instances(), ({ InstanceId }) => InstanceId),
      ...(await this.elsewhere()),
    };
  }

  private async elsewhere(): Promise<Inventory> {
    const found: Record<string, string[]> = {};
    for (const [kind, [service, operation, list, id]] of Object.entries(elsewhere)) {
      const answer = await this.ask<Record<string, Record<string, string>[]>>(service, operation);
      // AWS makes keys of its own when they are first needed.
      found[kind] = ids(answer[list], (thing) => thing[id]).filter((name) => !name.startsWith("alias/aws/"));
    }
    return found;
  }

  /** What outlives a stack on purpose, where data is real: what data is in, and what opens it. */
  async kept(stack: string): Promise<string[]> {
    const mine = { Filters: [{ Name: "tag:dukaan-stack", Values: [stack] }] };
    const { Snapshots = [] } = await this.ec2.send(new DescribeSnapshotsCommand(mine));
    const { DBSnapshots } = await this.ask<{ DBSnapshots: DatabaseSnapshot[] }>(
      "rds",
      "describe_db_snapshots",
    );
    const { Keys } = await this.ask<{ Keys: { KeyId: string }[] }>("kms", "list_keys");
    const keys = await Promise.all(Keys.map(({ KeyId }) => this.key(KeyId)));
    const buckets = await this.buckets();
    const records = await this.records();
    return [
      ...Snapshots.map(({ Tags, Encrypted }) => `snapshot of ${nameIn(Tags)}, ${lock(Encrypted)}`),
      ...DBSnapshots.map(({ SnapshotType, DBSnapshotIdentifier, DBInstanceIdentifier, Encrypted }) =>
        SnapshotType === "automated"
          ? `backup of ${DBInstanceIdentifier}, ${lock(Encrypted)}`
          : `snapshot ${DBSnapshotIdentifier}, ${lock(Encrypted)}`,
      ),
      ...keys
        .filter(({ tags }) => tags["dukaan-stack"] === stack)
        .map(({ tags, Enabled }) => `key ${tags["Name"]}${Enabled ? "" : ", disabled"}`),
      // Without the letters that Pulumi has added.
      ...buckets.map((name) => `bucket ${name.replace(/-[0-9a-f]{7}$/, "")}`),
      // Without what proves a name to AWS.
      ...records.map(({ Type, Name }) => `record ${Type} ${Name.replace(/^_[^.]+/, "_")}`),
    ].toSorted();
  }

  /** @param id of KMS, or its ARN */
  async key(id: string): Promise<Key> {
    const about = { KeyId: id };
    const { KeyMetadata } = await this.ask<{ KeyMetadata: Pick<Key, "Enabled"> }>(
      "kms",
      "describe_key",
      about,
    );
    const { KeyRotationEnabled } = await this.ask<Key>("kms", "get_key_rotation_status", about);
    const { Tags } = await this.ask<{ Tags: { TagKey: string; TagValue: string }[] }>(
      "kms",
      "list_resource_tags",
      about,
    );
    const tags = Object.fromEntries(Tags.map(({ TagKey, TagValue }) => [TagKey, TagValue]));
    return { Enabled: KeyMetadata.Enabled, KeyRotationEnabled, tags };
  }

  /** Records of all zones but those that a zone has by itself. */
  async records(): Promise<NameRecord[]> {
    const { HostedZones } = await this.ask<{ HostedZones: { Id: string }[] }>("route53", "list_hosted_zones");
    const found = await Promise.all(
      HostedZones.map(({ Id }) =>
        this.ask<{ ResourceRecordSets: NameRecord[] }>("route53", "list_resource_record_sets", {
          HostedZoneId: Id,
        }),
      ),
    );
    return found
      .flatMap(({ ResourceRecordSets }) => ResourceRecordSets)
      .filter(({ Type }) => Type !== "NS" && Type !== "SOA");
  }

  /** Names. */
  async buckets(): Promise<string[]> {
    const { Buckets } = await this.ask<{ Buckets: { Name: string }[] }>("s3", "list_buckets");
    return Buckets.map(({ Name }) => Name);
  }

  /** Those that have not ended. */
  async instances() {
    const { Reservations = [] } = await this.ec2.send(new DescribeInstancesCommand({}));
    return Reservations.flatMap(({ Instances = [] }) => Instances).filter(
      ({ State }) => State?.Name !== "terminated",
    );
  }

  /** To services of AWS, from inside a network; those that have not ended. */
  async ways() {
    const { VpcEndpoints = [] } = await this.ec2.send(new DescribeVpcEndpointsCommand({}));
    // The SDK's type says "Deleted", AWS "deleted".
    return VpcEndpoints.filter(({ State }) => State?.toLowerCase() !== "deleted");
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

  /** What a stack calls its security groups and subnets (the tag `Name`), by id. */
  async names(stack: string): Promise<Map<string, string>> {
    const mine = { Filters: [{ Name: "tag:dukaan-stack", Values: [stack] }] };
    const { SecurityGroups = [] } = await this.ec2.send(new DescribeSecurityGroupsCommand(mine));
    const { Subnets = [] } = await this.ec2.send(new DescribeSubnetsCommand(mine));
    return new Map([
      ...SecurityGroups.map(({ GroupId = "", Tags }) => [GroupId, nameIn(Tags)] as const),
      ...Subnets.map(({ SubnetId = "", Tags }) => [SubnetId, nameIn(Tags)] as const),
    ]);
  }

  /** The security groups of a stack by the tag `Name`, with their rules as text, see {@link describeRule}. */
  async groups(stack: string): Promise<Record<string, string[]>> {
    const names = await this.names(stack);
    const { SecurityGroupRules = [] } = await this.ec2.send(new DescribeSecurityGroupRulesCommand({}));
    const groups = [...names].filter(([id]) => id.startsWith("sg-"));
    return Object.fromEntries(
      groups.map(([id, name]) => [
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

/** The tag `Name`. */
export function nameIn(tags: readonly Tag[] = []): string {
  return tags.find(({ Key }) => Key === "Name")?.Value ?? "";
}

function lock(encrypted: boolean | undefined): string {
  return encrypted ? "encrypted" : "in the clear";
}

function ids<Thing>(things: Thing[] | undefined, idOf: (thing: Thing) => string | undefined): string[] {
  return (things ?? []).map((thing) => idOf(thing) ?? "?").toSorted();
}
