import {
  AutoScalingClient,
  CompleteLifecycleActionCommand,
  CreateAutoScalingGroupCommand,
  DescribeAutoScalingGroupsCommand,
  PutLifecycleHookCommand,
  UpdateAutoScalingGroupCommand,
} from "@aws-sdk/client-auto-scaling";
import {
  CreateLaunchTemplateCommand,
  CreateLaunchTemplateVersionCommand,
  CreateSubnetCommand,
  CreateVpcCommand,
  DescribeInstanceAttributeCommand,
  EC2Client,
  RunInstancesCommand,
  StartInstancesCommand,
  StopInstancesCommand,
} from "@aws-sdk/client-ec2";
import { AwsClient } from "aws4fetch";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { createInstanceRefresh } from "../../providers/dukaan/resources/instance-refresh.js";
import { groupSummary } from "../../src/cli/server-groups.js";
import { examineGroup } from "../../src/diagnose/examine-group.js";
import { judgeTargets } from "../../src/diagnose/judge-targets.js";
import { graceSeconds } from "../../src/topology/server-groups.js";
import { TestEngine } from "../unit/provider-engine.js";
import { type Emulator, startEmulator } from "./emulator.js";

// An Auto Scaling group that our own resource brings to another version, and that a diagnosis looks at, against an emulator of
// AWS: that all speak as AWS's own client does. The plugin is not needed.

const region = "us-east-1";
const token = "dukaan:index:InstanceRefresh";
const pace = { between: 0.05, atMost: 60, clear: 0.2 };
let emulator: Emulator;
let engine: TestEngine;
let ec2: EC2Client;
let scaling: AutoScalingClient;
let template: string;
/** The load balancer's targets, and one that is beside the group. */
let targets: string;
let beside: string;

beforeAll(async () => {
  emulator = await startEmulator(region);
  for (const [name, value] of Object.entries(emulator.env)) vi.stubEnv(name, value);
  const refresh = createInstanceRefresh(pace);
  engine = await TestEngine.start(() => Promise.resolve(refresh));
  [ec2, scaling] = [new EC2Client({ region }), new AutoScalingClient({ region })];
  await makeGroup();
  await askCloudWatch("PutMetricAlarm", alarm);
});
afterAll(async () => {
  for (const closing of [engine, { close: () => ec2.destroy() }, { close: () => scaling.destroy() }])
    closing.close();
  await emulator.stop();
  vi.unstubAllEnvs();
});

/** What a launch template has; its user-data is its version. */
const launches = (version: number) => ({
  ImageId: "ami-0deb1a000000012",
  InstanceType: "t3.small" as const,
  UserData: Buffer.from(`version ${version}`).toString("base64"),
});

/** As the provider makes one: without instances until its hook is there. */
async function makeGroup(): Promise<void> {
  const { Vpc } = await ec2.send(new CreateVpcCommand({ CidrBlock: "10.0.0.0/16" }));
  const subnets = ["a", "b"].map(async (zone, index) => {
    const made = await ec2.send(
      new CreateSubnetCommand({
        VpcId: Vpc?.VpcId,
        CidrBlock: `10.0.${index}.0/24`,
        AvailabilityZone: `${region}${zone}`,
      }),
    );
    return made.Subnet?.SubnetId;
  });
  const data = { LaunchTemplateName: "app", LaunchTemplateData: launches(1) };
  const { LaunchTemplate } = await ec2.send(new CreateLaunchTemplateCommand(data));
  template = LaunchTemplate?.LaunchTemplateId ?? "";
  await makeTargets(Vpc?.VpcId);
  const named = { AutoScalingGroupName: "app" };
  await scaling.send(
    new CreateAutoScalingGroupCommand({
      ...named,
      MinSize: 0,
      MaxSize: 0,
      LaunchTemplate: { LaunchTemplateId: template, Version: "1" },
      VPCZoneIdentifier: (await Promise.all(subnets)).join(","),
      TargetGroupARNs: [targets],
    }),
  );
  const transition = "autoscaling:EC2_INSTANCE_LAUNCHING";
  await scaling.send(
    new PutLifecycleHookCommand({ ...named, LifecycleHookName: "boot", LifecycleTransition: transition }),
  );
  await scaling.send(new UpdateAutoScalingGroupCommand({ ...named, MinSize: 2, MaxSize: 4 }));
}

/** A target group with one machine. */
async function makeTargets(VpcId: string | undefined): Promise<void> {
  const made = await emulator.ask<{ TargetGroups: { TargetGroupArn: string }[] }>(
    "elbv2",
    "create_target_group",
    { Name: "app", Protocol: "HTTP", Port: 8080, VpcId },
  );
  targets = made.TargetGroups[0]!.TargetGroupArn;
  const { Instances } = await ec2.send(new RunInstancesCommand({ ...launches(1), MinCount: 1, MaxCount: 1 }));
  beside = Instances![0]!.InstanceId!;
  await emulator.ask("elbv2", "register_targets", { TargetGroupArn: targets, Targets: [{ Id: beside }] });
}

const alarm = {
  AlarmName: "errors",
  ComparisonOperator: "GreaterThanThreshold",
  EvaluationPeriods: 1,
  MetricName: "HTTPCode_Target_5XX_Count",
  Namespace: "AWS/ApplicationELB",
  Period: 60,
  Statistic: "Sum",
  Threshold: 5,
};

const makeVersion = (version: number) =>
  ec2.send(
    new CreateLaunchTemplateVersionCommand({
      LaunchTemplateId: template,
      LaunchTemplateData: launches(version),
    }),
  );

const inputs = (templateVersion: number) => ({
  region,
  group: "app",
  template,
  templateVersion,
  least: 2,
  alarms: ["errors"],
  bakeSeconds: 60,
});

async function look() {
  const { AutoScalingGroups } = await scaling.send(new DescribeAutoScalingGroupsCommand({}));
  return AutoScalingGroups![0]!;
}

/** Each instance's zone, state, version, and what it starts with. */
async function instances(): Promise<string[]> {
  const { Instances = [] } = await look();
  const told = Instances.map(async (instance) => {
    const asked = { InstanceId: instance.InstanceId, Attribute: "userData" as const };
    const { UserData } = await ec2.send(new DescribeInstanceAttributeCommand(asked));
    const starts = Buffer.from(UserData?.Value ?? "", "base64").toString();
    return `${instance.AvailabilityZone} ${instance.LifecycleState} ${instance.LaunchTemplate?.Version}: ${starts}`;
  });
  return (await Promise.all(told)).toSorted();
}

const inService = (version: number) =>
  ["a", "b"].map((zone) => `${region}${zone} InService ${version}: version ${version}`);

/** How a diagnosis sums the group up, what it finds, and what it has measured. */
async function diagnosed(): Promise<string[]> {
  const examined = await examineGroup("test", "app-group", "app", region, 15);
  const findings = examined.findings.map(
    ({ severity, code, evidence }) => `${severity} ${code}: ${evidence.join("; ")}`,
  );
  return [groupSummary(examined), ...findings];
}

const givenUp = /^warning group-activity-failed: .* UTC Launching a new EC2 instance: i-\w+: .*abandoned/;

/** Asks CloudWatch, in the protocol that it had before the one of today. */
async function askCloudWatch(operation: string, parameters: object): Promise<void> {
  const keys = { accessKeyId: "testing", secretAccessKey: "testing" };
  const client = new AwsClient({ ...keys, region, service: "monitoring", retries: 0 });
  const { status } = await client.fetch(emulator.endpoint, {
    body: JSON.stringify(parameters),
    headers: {
      "content-type": "application/x-amz-json-1.0",
      "x-amz-target": `GraniteServiceVersion20100801.${operation}`,
    },
  });
  expect(status).toBe(200);
}

test("a group's first instances come into service when they have started", async () => {
  // One of them does not, and another one takes its place.
  const { Instances: [first] = [] } = await look();
  expect(first?.LifecycleState).toBe("Pending:Wait");
  await scaling.send(
    new CompleteLifecycleActionCommand({
      AutoScalingGroupName: "app",
      LifecycleHookName: "boot",
      InstanceId: first?.InstanceId,
      LifecycleActionResult: "ABANDON",
    }),
  );
  // Less than two serve, and not for long.
  expect(await diagnosed()).toEqual([
    "app-group  1 of 2 in service  least 2  most 4",
    expect.stringMatching(givenUp),
  ]);
  await engine.up(token, "app", inputs(1));
  expect(await instances()).toEqual(inService(1));
  expect((await look()).Instances?.map(({ InstanceId }) => InstanceId)).not.toContain(first?.InstanceId);
});

test("they are replaced one after the other, and the group has the version then", async () => {
  await makeVersion(2);
  await engine.up(token, "app", inputs(2));
  expect(await instances()).toEqual(inService(2));
  expect((await look()).LaunchTemplate?.Version).toBe("2");
  const counts = engine.messages.map((message) => /^\d of 2 serve .*; refresh \w+/.exec(message)?.[0]);
  expect(counts).toContainEqual(expect.stringMatching(/^1 of 2 serve with version 2.*; refresh InProgress$/));
  expect(counts).toContain("2 of 2 serve with version 2; refresh Baking");
});

test("when an alarm goes off, AWS goes back to the version before, and so says the error", async () => {
  await makeVersion(3);
  // Each look is a step: none until the alarm has gone off, on a busy computer too.
  pace.between = 1.5;
  const updating = engine.up(token, "app", inputs(3)).catch((error: Error) => error.message);
  await expect
    .poll(() => engine.messages.some((told) => told.startsWith("1 of 2 serve with version 3")))
    .toBe(true);
  await askCloudWatch("SetAlarmState", { AlarmName: "errors", StateValue: "ALARM", StateReason: "a test" });
  expect(await updating).toMatch(/version 3 .* has ended as RollbackSuccessful: .*alarm.*: errors\n/);
  expect(await instances()).toEqual(inService(2));
  expect((await look()).LaunchTemplate?.Version).toBe("2");
  expect(await diagnosed()).toEqual([
    expect.stringMatching(/^app-group {2}2 of 2 in service .* latest refresh RollbackSuccessful/),
    expect.stringMatching(givenUp),
    expect.stringMatching(/^warning group-refresh-failed: .*: RollbackSuccessful, .*alarm.*: errors/),
  ]);
  // The next update tries it again when the alarm is over, and not before.
  pace.between = 0.05;
  await expect(engine.up(token, "app", inputs(3))).rejects.toThrow(/stay as they are, .*errors is raised/);
  expect((await look()).LaunchTemplate?.Version).toBe("2");
  await askCloudWatch("SetAlarmState", { AlarmName: "errors", StateValue: "OK", StateReason: "a test" });
  await engine.up(token, "app", inputs(3));
  expect(await instances()).toEqual(inService(3));
  // What failed at the beginning is less than an hour ago.
  expect(await diagnosed()).toEqual([
    "app-group  2 of 2 in service  least 2  most 4  latest refresh Successful (100 %)",
    expect.stringMatching(givenUp),
  ]);
});

/** What is found of the load balancer's targets, when machines have been in service for long enough. */
async function foundOfTargets(): Promise<string[]> {
  const examined = await examineGroup("test", "app-group", "app", region, 15);
  if (examined.state !== "asked") throw new Error(JSON.stringify(examined.findings));
  return judgeTargets(examined.report, Date.now() / 1000 + 2 * graceSeconds).map(
    ({ severity, code, evidence }) => `${severity} ${code}: ${evidence.join("; ")}`,
  );
}

test("a diagnosis tells of machines to which the load balancer sends nothing, in AWS's words", async () => {
  expect(await foundOfTargets()).toEqual([]);
  const [first = "", second = ""] = (await look()).Instances!.map(({ InstanceId }) => InstanceId!);
  const off = "is unused, Target.InvalidState: Target is in the stopped state";
  const stop = (...InstanceIds: string[]) => ec2.send(new StopInstancesCommand({ InstanceIds }));

  await stop(beside);
  expect(await foundOfTargets()).toEqual([
    expect.stringContaining(`warning group-unhealthy: ${beside} (beside the group) ${off};`),
  ]);
  await stop(first, second);
  expect(await foundOfTargets()).toEqual([
    expect.stringMatching(
      new RegExp(`^critical group-all-unhealthy: .*${first} .*${off}; ${second} .*${off}; ${beside} `),
    ),
  ]);
  await ec2.send(new StartInstancesCommand({ InstanceIds: [beside, first, second] }));
  expect(await foundOfTargets()).toEqual([]);

  await emulator.ask("elbv2", "deregister_targets", { TargetGroupArn: targets, Targets: [{ Id: first }] });
  expect(await foundOfTargets()).toEqual([
    expect.stringMatching(new RegExp(`^warning group-unhealthy: ${first} .* unused, Target.NotRegistered: `)),
  ]);
  await emulator.ask("elbv2", "delete_target_group", { TargetGroupArn: targets });
  expect(await foundOfTargets()).toEqual([
    expect.stringMatching(/^warning group-not-reached: the targets of app, /),
  ]);
});
