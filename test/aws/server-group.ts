import { expect } from "vitest";
import { askGroup } from "../../src/diagnose/examine-group.js";
import { judgeGroup } from "../../src/diagnose/judge-group.js";
import { graceSeconds, groupName } from "../../src/topology/server-groups.js";
import { type MachineGroup, type Topology, memberOf } from "../../src/topology/topology.js";
import { managedPort } from "../../stacks/fleet.js";
import type { Account } from "./inventory.js";
import { arnOf, bucketFor, keyOf } from "./storage.js";

/** Holds the Auto Scaling groups that there are, or that there are none, against what a stack declares. */
export async function expectServerGroups(account: Account, topology: Topology): Promise<void> {
  const { groups = [] } = topology;
  const { AutoScalingGroups } = await account.ask<{ AutoScalingGroups: ServerGroup[] }>(
    "autoscaling",
    "describe_auto_scaling_groups",
  );
  expect(AutoScalingGroups.map(({ AutoScalingGroupName: name }) => name)).toEqual(groups.map(nameAtAws));
  const { Roles } = await account.ask<{ Roles: { RoleName: string }[] }>("iam", "list_roles");
  // Those of AWS itself aside.
  const ours = Roles.map(({ RoleName }) => RoleName).filter((name) => name.startsWith("dukaan-"));
  expect(ours).toEqual(groups.map(nameAtAws));
  for (const [index, group] of groups.entries()) {
    const found = AutoScalingGroups[index]!;
    await expectGroup(account, topology, group, found);
    await expectDiagnosis(account, group, found);
    await expectTemplate(account, topology, group, found.LaunchTemplate);
    await expectRole(account, topology, group);
  }
}

/** Ids of the instances that are in a group, and no machine of a stack. */
export async function idsInGroups(account: Account): Promise<Set<string>> {
  const { AutoScalingInstances } = await account.ask<{ AutoScalingInstances: { InstanceId: string }[] }>(
    "autoscaling",
    "describe_auto_scaling_instances",
  );
  return new Set(AutoScalingInstances.map(({ InstanceId }) => InstanceId));
}

function nameAtAws({ name }: MachineGroup): string {
  return `dukaan-test-${name}`;
}

/** As many as AWS wants, in both zones, behind the load balancer, all of one version, and in service. */
async function expectGroup(
  account: Account,
  topology: Topology,
  about: MachineGroup,
  group: ServerGroup,
): Promise<void> {
  expect(group).toMatchObject({
    MinSize: about.least,
    MaxSize: about.most,
    HealthCheckType: "ELB",
    HealthCheckGracePeriod: 60,
  });
  const names = await account.names("test");
  const member = memberOf(topology, about);
  expect(
    group.VPCZoneIdentifier.split(",")
      .map((id) => names.get(id)!)
      .toSorted(),
  ).toEqual(["a", "b"].map((zone) => `test-${member.region}-${member.tier}-${zone}`));
  const serving = group.Instances.map(({ LifecycleState, LaunchTemplate }) => [
    LifecycleState,
    LaunchTemplate.Version,
  ]);
  expect(serving).toEqual(
    Array.from({ length: group.DesiredCapacity }, () => ["InService", group.LaunchTemplate.Version]),
  );
  expect(group.DesiredCapacity).toBeGreaterThanOrEqual(about.least);

  const { TargetGroups } = await account.ask<{ TargetGroups: { TargetGroupArn: string }[] }>(
    "elbv2",
    "describe_target_groups",
  );
  expect(group.TargetGroupARNs).toEqual(TargetGroups.map(({ TargetGroupArn }) => TargetGroupArn));
  const { TargetHealthDescriptions } = await account.ask<{
    TargetHealthDescriptions: { Target: { Id: string; Port: number } }[];
  }>("elbv2", "describe_target_health", { TargetGroupArn: group.TargetGroupARNs[0] });
  const targets = TargetHealthDescriptions.map(({ Target: { Id, Port } }) => `${Id} ${Port}`);
  expect(targets).toEqual(
    expect.arrayContaining(group.Instances.map(({ InstanceId }) => `${InstanceId} ${managedPort}`)),
  );

  const { LifecycleHooks } = await account.ask<{ LifecycleHooks: unknown[] }>(
    "autoscaling",
    "describe_lifecycle_hooks",
    { AutoScalingGroupName: group.AutoScalingGroupName },
  );
  expect(LifecycleHooks).toEqual([
    expect.objectContaining({
      LifecycleTransition: "autoscaling:EC2_INSTANCE_LAUNCHING",
      DefaultResult: "ABANDON",
      HeartbeatTimeout: 900,
    }),
  ]);
  const { ScalingPolicies } = await account.ask<{ ScalingPolicies: unknown[] }>(
    "autoscaling",
    "describe_policies",
    { AutoScalingGroupName: group.AutoScalingGroupName },
  );
  expect(ScalingPolicies).toEqual([
    expect.objectContaining({
      PolicyType: "TargetTrackingScaling",
      TargetTrackingConfiguration: expect.objectContaining({ TargetValue: 50 }),
    }),
  ]);
}

/** A diagnosis learns all that, and has nothing against it. */
async function expectDiagnosis(account: Account, about: MachineGroup, group: ServerGroup): Promise<void> {
  const signal = AbortSignal.timeout(60_000);
  const report = await askGroup(account, groupName("test", about), "us-east-1", signal);
  expect(report).toMatchObject({
    least: about.least,
    most: about.most,
    desired: group.DesiredCapacity,
    version: group.LaunchTemplate.Version,
    suspended: [],
  });
  const ids = report!.instances.map(({ id }) => id);
  expect(ids).toEqual(group.Instances.map(({ InstanceId }) => InstanceId));
  const launched = report!.activities.map(({ what, status }) => `${what}: ${status}`);
  expect(launched).toEqual(
    expect.arrayContaining(ids.map((id) => `Launching a new EC2 instance: ${id}: Successful`)),
  );
  const { balancer } = report!;
  if ("notReached" in balancer) throw new Error(balancer.notReached);
  // And one app server beside the group.
  expect(balancer.targets.length).toBe(ids.length + 1);
  expect(new Set(balancer.targets.map(({ state }) => state))).toEqual(new Set(["healthy"]));
  expect(balancer.targets.map(({ id }) => id)).toEqual(expect.arrayContaining(ids));
  // When its machines have had the time to be looked at.
  expect(judgeGroup(report!, about.name, Date.now() / 1000 + 2 * graceSeconds)).toEqual([]);
}

/** Sessions for metadata, an encrypted disk, one security group, no login key; and a package that is there. */
async function expectTemplate(
  account: Account,
  topology: Topology,
  about: MachineGroup,
  { LaunchTemplateId, Version }: TemplateVersion,
): Promise<void> {
  const { LaunchTemplateVersions } = await account.ask<{
    LaunchTemplateVersions: { LaunchTemplateData: TemplateData }[];
  }>("ec2", "describe_launch_template_versions", { LaunchTemplateId, Versions: [Version] });
  const { LaunchTemplateData: data } = LaunchTemplateVersions[0]!;
  const member = memberOf(topology, about);
  expect(data).toMatchObject({
    InstanceType: member.serverType,
    MetadataOptions: { HttpTokens: "required", HttpPutResponseHopLimit: 1 },
    Monitoring: { Enabled: true },
    BlockDeviceMappings: [{ Ebs: { Encrypted: true, VolumeSize: member.diskGB, VolumeType: "gp3" } }],
  });
  expect(data).not.toHaveProperty("KeyName");
  const [nic, ...others] = data.NetworkInterfaces;
  expect(others).toEqual([]);
  const names = await account.names("test");
  expect(nic?.Groups.map((id) => names.get(id))).toEqual([`test-${member.region}-${member.tier}`]);
  expect(nic?.AssociatePublicIpAddress).toBe(member.publicIpv4);

  const script = Buffer.from(data.UserData, "base64").toString();
  const valueOf = (name: string) => new RegExp(`^${name}='([^']*)'`, "m").exec(script)?.[1] ?? "";
  const [bucket, key] = [valueOf("bucket"), valueOf("package")];
  expect(bucket).toBe(await bucketFor(account, "releases"));
  expect(key).toBe(`boot/${valueOf("digest")}.tar.gz`);
  const { Contents } = await account.ask<{ Contents: { Key: string }[] }>("s3", "list_objects_v2", {
    Bucket: bucket,
  });
  const keys = Contents.map(({ Key }) => Key);
  expect(keys).toContain(key);
  // Node.js and the app's modules.
  expect(keys.filter((name) => name.startsWith("objects/")).length).toBe(2);
}

/** It may be taken by instances alone, and opens the bucket from the stack's network, and the group's own hook. */
async function expectRole(account: Account, topology: Topology, about: MachineGroup): Promise<void> {
  const of = <Answer>(operation: string, more = {}) =>
    account.ask<Answer>("iam", operation, { RoleName: nameAtAws(about), ...more });
  expect(await of("list_attached_role_policies")).toMatchObject({ AttachedPolicies: [] });
  const { PolicyNames } = await of<{ PolicyNames: string[] }>("list_role_policies");
  expect(PolicyNames.length).toBe(1);
  const { PolicyDocument } = await of<{ PolicyDocument: { Statement: unknown } }>("get_role_policy", {
    PolicyName: PolicyNames[0],
  });
  const [way] = await account.ways();
  const bucket = await bucketFor(account, "releases");
  const [home] = topology.regions;
  expect(PolicyDocument.Statement).toEqual([
    {
      Sid: "Packages",
      Effect: "Allow",
      Action: ["s3:GetObject"],
      Resource: [`${arnOf(bucket)}/boot/*`, `${arnOf(bucket)}/objects/*`],
      Condition: { StringEquals: { "aws:SourceVpc": way?.VpcId } },
    },
    {
      Sid: "Key",
      Effect: "Allow",
      Action: ["kms:Decrypt"],
      Resource: await keyOf(account, bucket),
      Condition: { StringEquals: { "kms:ViaService": `s3.${home?.location}.amazonaws.com` } },
    },
    {
      Sid: "Configured",
      Effect: "Allow",
      Action: ["autoscaling:CompleteLifecycleAction"],
      Resource: `arn:aws:autoscaling:${home?.location}:123456789012:autoScalingGroup:*:autoScalingGroupName/${nameAtAws(about)}`,
    },
  ]);
}

interface TemplateVersion {
  LaunchTemplateId: string;
  Version: string;
}

interface ServerGroup {
  AutoScalingGroupName: string;
  MinSize: number;
  MaxSize: number;
  DesiredCapacity: number;
  VPCZoneIdentifier: string;
  LaunchTemplate: TemplateVersion;
  TargetGroupARNs: string[];
  Instances: { InstanceId: string; LifecycleState: string; LaunchTemplate: TemplateVersion }[];
}

interface TemplateData {
  UserData: string;
  NetworkInterfaces: { Groups: string[]; AssociatePublicIpAddress: boolean }[];
}
