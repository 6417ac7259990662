import { expect } from "vitest";
import { rdsParameters } from "../../src/roles/managed-database/parameters.js";
import { databaseSizing } from "../../src/roles/postgresql/sizing.js";
import type { Settings } from "../../src/settings/schema.js";
import { type LoadBalancer, type Topology, machinesOf } from "../../src/topology/topology.js";
import { managedPort } from "../../stacks/fleet.js";
import { type Account, nameIn } from "./inventory.js";
import { idsInGroups } from "./server-group.js";
import { expectOwnKey } from "./storage.js";

type Answer = Record<string, unknown>;

/** Holds the database and the load balancer that AWS runs, or that there are none, against what a stack declares. */
export async function expectManaged(account: Account, topology: Topology): Promise<void> {
  await expectDatabase(account, topology);
  await expectBalancer(account, topology);
}

/** The shop's name leads to the public's way in, be it a machine or the load balancer, and nothing else has a name. */
export async function expectNames(
  account: Account,
  topology: Topology,
  { domain, hostedZone }: Settings,
): Promise<void> {
  const records = await account.records();
  const leading = records.filter(({ Type }) => Type !== "CNAME");
  if (domain === undefined || hostedZone === undefined) return expect(records).toEqual([]);
  expect(leading.map(({ Type, Name }) => `${Type} ${Name}`).toSorted()).toEqual([
    `A ${domain}.`,
    `AAAA ${domain}.`,
  ]);
  const told = leading.flatMap(({ ResourceRecords = [], AliasTarget }) => [
    ...ResourceRecords.map(({ Value }) => Value),
    ...(AliasTarget ? [AliasTarget.DNSName.replace(/\.$/, "")] : []),
  ]);
  const { LoadBalancers } = await account.ask<{ LoadBalancers: Balancer[] }>(
    "elbv2",
    "describe_load_balancers",
  );
  const [balancer] = LoadBalancers;
  const [entry] = topology.entries;
  const [way] = balancer || !entry ? [] : machinesOf(topology, entry.service);
  const instance = (await account.instances()).find(({ Tags }) => nameIn(Tags) === `test-${way?.name}`);
  const ipv6 = instance?.NetworkInterfaces?.[0]?.Ipv6Addresses?.[0]?.Ipv6Address;
  const there = balancer ? [balancer.DNSName, balancer.DNSName] : [instance?.PublicIpAddress, ipv6];
  expect(told.toSorted()).toEqual(there.map(String).toSorted());
  // By it the certificate is proven, again and again.
  expect(records.length - leading.length).toBe(balancer ? 1 : 0);
}

async function expectDatabase(account: Account, topology: Topology): Promise<void> {
  const { managedDatabase: about } = topology;
  const { DBInstances } = await account.ask<{ DBInstances: Database[] }>("rds", "describe_db_instances");
  expect(DBInstances.length).toBe(about ? 1 : 0);
  const [database] = DBInstances;
  if (!about || !database) return;
  expect(database).toMatchObject({
    DBInstanceIdentifier: "dukaan-test-database",
    DBInstanceClass: about.instanceClass,
    AllocatedStorage: about.storageGB,
    MultiAZ: about.multiAz,
    StorageEncrypted: true,
    BackupRetentionPeriod: about.backupDays,
    CopyTagsToSnapshot: true,
    DeletionProtection: true,
    PubliclyAccessible: false,
    IAMDatabaseAuthenticationEnabled: false,
  });
  await expectOwnKey(account, database.KmsKeyId);

  const names = await account.names("test");
  const groups = database.VpcSecurityGroups.map(({ VpcSecurityGroupId }) => names.get(VpcSecurityGroupId));
  expect(groups).toEqual([`test-${about.region}-${about.tier}`]);
  const subnets = database.DBSubnetGroup.Subnets.map(({ SubnetIdentifier }) => names.get(SubnetIdentifier)!);
  expect(subnets.toSorted()).toEqual(["a", "b"].map((zone) => `test-${about.region}-${about.tier}-${zone}`));

  expect(database.DBParameterGroups.map(({ DBParameterGroupName }) => DBParameterGroupName)).toEqual([
    "dukaan-test-database-15",
  ]);
  const { Parameters } = await account.ask<{ Parameters: Answer[] }>("rds", "describe_db_parameters", {
    DBParameterGroupName: "dukaan-test-database-15",
  });
  const { storageGB: diskGB, ...machine } = about;
  const declared = rdsParameters(databaseSizing({ ...machine, diskGB }, true));
  expect(Object.fromEntries(Parameters.map((one) => [one["ParameterName"], one["ParameterValue"]]))).toEqual(
    Object.fromEntries(declared.map(({ name, value }) => [name, value])),
  );
}

interface Database {
  KmsKeyId: string;
  VpcSecurityGroups: { VpcSecurityGroupId: string }[];
  DBSubnetGroup: { Subnets: { SubnetIdentifier: string }[] };
  DBParameterGroups: { DBParameterGroupName: string }[];
}

/** The public reaches it at ports 80 and 443 and nowhere else, and it hands requests to the app servers. */
async function expectBalancer(account: Account, topology: Topology): Promise<void> {
  const { loadBalancers = [] } = topology;
  const { LoadBalancers } = await account.ask<{ LoadBalancers: Balancer[] }>(
    "elbv2",
    "describe_load_balancers",
  );
  expect(LoadBalancers.length).toBe(loadBalancers.length);
  const [balancer] = LoadBalancers;
  const [about] = loadBalancers;
  if (!balancer || !about) return;
  expect(balancer).toMatchObject({ Type: "application", IpAddressType: "dualstack" });
  // moto does not say "internet-facing", which AWS makes of nothing.
  expect(balancer.Scheme).not.toBe("internal");
  const names = await account.names("test");
  expect(balancer.SecurityGroups.map((id) => names.get(id))).toEqual([`test-${about.region}-${about.name}`]);
  expect(balancer.AvailabilityZones.map(({ SubnetId }) => names.get(SubnetId)!).toSorted()).toEqual(
    ["a", "b"].map((zone) => `test-${about.region}-public-${zone}`),
  );
  const arn = { LoadBalancerArn: balancer.LoadBalancerArn };
  const { Attributes } = await account.ask<{ Attributes: { Key: string; Value: string }[] }>(
    "elbv2",
    "describe_load_balancer_attributes",
    arn,
  );
  expect(Object.fromEntries(Attributes.map(({ Key, Value }) => [Key, Value]))).toMatchObject({
    "deletion_protection.enabled": "true",
    "routing.http.drop_invalid_header_fields.enabled": "true",
    "routing.http.preserve_host_header.enabled": "true",
  });
  await expectListeners(account, arn);
  await expectTargets(account, topology, about);
}

interface Balancer {
  DNSName: string;
  Scheme?: string;
  LoadBalancerArn: string;
  SecurityGroups: string[];
  AvailabilityZones: { SubnetId: string }[];
}

async function expectListeners(account: Account, arn: { LoadBalancerArn: string }): Promise<void> {
  const { Listeners } = await account.ask<{ Listeners: Answer[] }>("elbv2", "describe_listeners", arn);
  const { TargetGroups } = await account.ask<{ TargetGroups: Answer[] }>(
    "elbv2",
    "describe_target_groups",
    arn,
  );
  const { CertificateSummaryList } = await account.ask<{ CertificateSummaryList: Answer[] }>(
    "acm",
    "list_certificates",
  );
  const pools = TargetGroups.map((one) => one["TargetGroupArn"]);
  const certificates = CertificateSummaryList.map((one) => one["CertificateArn"]);
  expect([pools.length, certificates.length]).toEqual([1, 1]);
  expect(Listeners.toSorted((one, other) => Number(one["Port"]) - Number(other["Port"]))).toMatchObject([
    {
      Port: 80,
      Protocol: "HTTP",
      DefaultActions: [
        { Type: "redirect", RedirectConfig: { Protocol: "HTTPS", Port: "443", StatusCode: "HTTP_301" } },
      ],
    },
    {
      Port: 443,
      Protocol: "HTTPS",
      // TLS 1.2 with forward secrecy and authenticated ciphers, and TLS 1.3.
      SslPolicy: "ELBSecurityPolicy-TLS13-1-2-Res-2021-06",
      Certificates: [{ CertificateArn: certificates[0] }],
      DefaultActions: [{ Type: "forward", TargetGroupArn: pools[0] }],
    },
  ]);
}

/** All app servers, and nobody else. */
async function expectTargets(account: Account, topology: Topology, { service }: LoadBalancer): Promise<void> {
  const { TargetGroups } = await account.ask<{ TargetGroups: Answer[] }>("elbv2", "describe_target_groups");
  const [pool] = TargetGroups;
  expect(pool).toMatchObject({ Protocol: "HTTP", HealthCheckPath: "/rotation" });
  const { TargetHealthDescriptions } = await account.ask<{
    TargetHealthDescriptions: { Target: { Id: string; Port: number } }[];
  }>("elbv2", "describe_target_health", { TargetGroupArn: pool?.["TargetGroupArn"] });
  const names = new Map(
    (await account.instances()).map(({ InstanceId = "", Tags }) => [InstanceId, nameIn(Tags)]),
  );
  const inGroups = await idsInGroups(account);
  const targets = TargetHealthDescriptions.filter(({ Target: { Id } }) => !inGroups.has(Id)).map(
    ({ Target: { Id, Port } }) => `${names.get(Id)} ${Port}`,
  );
  const servers = machinesOf(topology, service).map(({ name }) => `test-${name} ${managedPort}`);
  expect(targets.toSorted()).toEqual(servers.toSorted());
}
