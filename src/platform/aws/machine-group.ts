import { Group } from "@pulumi/aws/autoscaling/group.js";
import { Policy } from "@pulumi/aws/autoscaling/policy.js";
import { MetricAlarm } from "@pulumi/aws/cloudwatch/metricAlarm.js";
import { LaunchTemplate } from "@pulumi/aws/ec2/launchTemplate.js";
import * as pulumi from "@pulumi/pulumi";
import { percentWhileReplaced } from "../../topology/connections.js";
import { bootSeconds, graceSeconds, groupName } from "../../topology/server-groups.js";
import type { Machine, MachineGroup } from "../../topology/topology.js";
import type { PlatformFirewall, PlatformNetwork, PlatformPool, ReleaseBucket } from "../platform.js";
import { bootRole } from "./boot-access.js";
import { bootScript } from "./boot-script.js";
import { type AwsContext, tags } from "./context.js";
import { debianImage, metadataOptions } from "./instance.js";
import { groupOf } from "./load-balancer.js";

export interface MachineGroupArgs {
  /** What its machines have in common. */
  member: Machine;
  network: PlatformNetwork;
  firewall: PlatformFirewall;
  /** The load balancer's servers, among which its machines are; and what it takes requests by. */
  pool: PlatformPool;
  service: pulumi.Resource;
  /** What a machine boots from, and where it is. */
  bootPackage: BootPackage;
}

export interface BootPackage {
  bucket: ReleaseBucket;
  /** Of the archive in the bucket. */
  key: pulumi.Input<string>;
  /** SHA-256 of the archive. */
  digest: pulumi.Input<string>;
}

export interface PlatformMachineGroup {
  /** Its name at AWS. */
  group: pulumi.Output<string>;
  /** Of the launch template that its machines are to be made by. */
  template: pulumi.Output<string>;
  templateVersion: pulumi.Output<number>;
  /** Names of alarms that go off while its machines serve badly. */
  alarms: pulumi.Output<string>[];
}

type Stack = Pick<AwsContext, "stack">;

/** What a machine has to say before it is one of the group. */
const hook = "configured";
/** Percent of its processors that the group is to use: AWS adds machines above, and takes some away well below. */
const busy = 50;
/** Percent of a minute's answers that are failures, above which a release is taken back; so few of them say nothing. */
const failing = { percent: 5, least: 5 };

/**
 * An Auto Scaling group over both zones, in a load balancer's target group. Its machines configure themselves from a package
 * in S3: another package, or another line of the script that takes it, is another version of the launch template. The group
 * stays at the version that it was made with; another one comes with an instance refresh, whose affair that is from then on.
 * How many machines there are between the least and the most is AWS's affair.
 */
export function machineGroup(
  context: Stack,
  about: MachineGroup,
  args: MachineGroupArgs,
  options: pulumi.CustomResourceOptions,
): PlatformMachineGroup {
  const { network, firewall, pool, service, member } = args;
  const name = groupName(context.stack, about);
  const template = makeTemplate(context, about, args, options);
  const alarm = makeAlarm(context, about, pool, options);
  const group = new Group(
    about.name,
    {
      name,
      minSize: about.least,
      maxSize: about.most,
      vpcZoneIdentifiers: zonesOf(network).map((zone) => network.subnet(member.tier, zone).id),
      launchTemplate: { id: template.id, version: template.latestVersion.apply(String) },
      targetGroupArns: [groupOf(pool)],
      // One that runs and does not serve is replaced too.
      healthCheckType: "ELB",
      healthCheckGracePeriod: graceSeconds,
      defaultInstanceWarmup: graceSeconds,
      initialLifecycleHooks: [
        {
          name: hook,
          lifecycleTransition: "autoscaling:EC2_INSTANCE_LAUNCHING",
          heartbeatTimeout: bootSeconds,
          defaultResult: "ABANDON",
        },
      ],
      // New ones serve before unhealthy ones go: what all of them fail at, such as a database that is away, ends none.
      instanceMaintenancePolicy: { minHealthyPercentage: 100, maxHealthyPercentage: percentWhileReplaced },
      // An instance refresh waits, and knows what for; the provider would want the count of a moment that is over.
      waitForCapacityTimeout: "0",
      tags: Object.entries(tags(context, about.name, { region: member.region, tier: member.tier })).map(
        ([key, value]) => ({ key, value, propagateAtLaunch: true }),
      ),
    },
    {
      ...options,
      // Nothing is reached, nor reaches it, before; and what boots here would not be asked for anything.
      dependsOn: [...network.ways, ...firewall.ready, service],
      ignoreChanges: ["launchTemplate"],
      // A machine that boots may hold it up for as long as its hook.
      customTimeouts: { delete: "30m" },
    },
  );
  void new Policy(
    about.name,
    {
      autoscalingGroupName: group.name,
      policyType: "TargetTrackingScaling",
      targetTrackingConfiguration: {
        predefinedMetricSpecification: { predefinedMetricType: "ASGAverageCPUUtilization" },
        targetValue: busy,
      },
    },
    options,
  );
  return {
    group: group.name,
    template: template.id,
    templateVersion: template.latestVersion,
    alarms: [alarm.name],
  };
}

function makeTemplate(
  context: Stack,
  about: MachineGroup,
  { member, network, firewall, bootPackage }: MachineGroupArgs,
  options: pulumi.CustomResourceOptions,
): LaunchTemplate {
  const own = tags(context, about.name, { region: member.region, tier: member.tier });
  const image = debianImage(member.image, member.serverType, options);
  const profile = bootRole(
    context,
    about.name,
    { group: groupName(context.stack, about), network, bucket: bootPackage.bucket },
    options,
  );
  return new LaunchTemplate(
    about.name,
    {
      imageId: image.id,
      instanceType: member.serverType,
      iamInstanceProfile: { arn: profile },
      metadataOptions,
      // By the minute: the group is to see its load before it is over.
      monitoring: { enabled: true },
      blockDeviceMappings: [
        {
          deviceName: image.rootDeviceName,
          ebs: {
            encrypted: "true",
            volumeType: "gp3",
            volumeSize: member.diskGB,
            deleteOnTermination: "true",
          },
        },
      ],
      networkInterfaces: [
        {
          securityGroups: [firewall.firewallId],
          associatePublicIpAddress: String(member.publicIpv4),
          ipv6AddressCount: member.publicIpv6 ? 1 : 0,
          deleteOnTermination: "true",
        },
      ],
      userData: userData(about, network, bootPackage, context),
      // Instances get the group's.
      tagSpecifications: ["volume", "network-interface"].map((resourceType) => ({ resourceType, tags: own })),
      tags: own,
    },
    // As of other machines: the newest image on the day that it was made.
    { ...options, ignoreChanges: ["imageId"] },
  );
}

/** No secret is in it: whatever runs on a machine may read it. */
function userData(
  about: MachineGroup,
  { region: { location } }: PlatformNetwork,
  { bucket, key, digest }: BootPackage,
  context: Stack,
): pulumi.Output<string> {
  const group = groupName(context.stack, about);
  return pulumi.all([bucket.bucket, key, digest]).apply(([name, archive, sum]) => {
    const script = bootScript({
      region: location,
      storage: bucket.endpoint,
      scaling: `https://autoscaling.${location}.amazonaws.com`,
      bucket: name,
      key: archive,
      digest: sum,
      group,
      hook,
    });
    return Buffer.from(script).toString("base64");
  });
}

/** A release that is on its way is taken back when it is raised. */
function makeAlarm(
  context: Stack,
  { name }: MachineGroup,
  pool: PlatformPool,
  options: pulumi.CustomResourceOptions,
): MetricAlarm {
  // The last parts of their ARNs: "app/NAME/ID" and "targetgroup/NAME/ID".
  const dimensions = {
    LoadBalancer: pool.balancer.balancerId.apply((arn) => arn.replace(/^.*:loadbalancer\//, "")),
    TargetGroup: groupOf(pool).apply((arn) => arn.replace(/^.*:/, "")),
  };
  const sumOf = (metricName: string) => ({
    namespace: "AWS/ApplicationELB",
    metricName,
    dimensions,
    stat: "Sum",
    period: 60,
  });
  return new MetricAlarm(
    name,
    {
      name: `dukaan-${context.stack}-${name}-failures`,
      alarmDescription: "App servers answer with failures: a release that is on its way is taken back",
      metricQueries: [
        {
          id: "percent",
          // Where none has failed there is no figure.
          expression: `IF(FILL(failures, 0) >= ${failing.least}, 100 * FILL(failures, 0) / answers, 0)`,
          label: "failures, percent",
          returnData: true,
        },
        { id: "failures", metric: sumOf("HTTPCode_Target_5XX_Count") },
        { id: "answers", metric: sumOf("RequestCount") },
      ],
      evaluationPeriods: 1,
      threshold: failing.percent,
      comparisonOperator: "GreaterThanThreshold",
      treatMissingData: "notBreaching",
      tags: tags(context, name),
    },
    options,
  );
}

function zonesOf({ region: { subnets } }: PlatformNetwork): (string | undefined)[] {
  return [...new Set(subnets.map(({ zone }) => zone))];
}
