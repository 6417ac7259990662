import { once } from "node:events";
import {
  type Activity,
  type AutoScalingClient,
  type AutoScalingGroup,
  DescribeAutoScalingGroupsCommand,
  DescribeInstanceRefreshesCommand,
  DescribeScalingActivitiesCommand,
  type InstanceRefresh,
} from "@aws-sdk/client-auto-scaling";
import {
  DescribeTargetHealthCommand,
  type ElasticLoadBalancingV2Client,
  type TargetHealthDescription,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { balancingClient } from "../aws/balancing-client.js";
import { scalingClient } from "../aws/scaling-client.js";
import type { Finding } from "./finding.js";
import type { GroupActivity, GroupRefresh, GroupReport, GroupTarget } from "./group-report.js";
import { groupGone, groupNotReached, judgeGroup } from "./judge-group.js";

/** What is known of a group after a look at it. */
export type ExaminedGroup = {
  /** As the stack calls it. */
  group: string;
  findings: Finding[];
} & ({ state: "asked"; report: GroupReport } | { state: "gone" | "not reached"; report?: never });

/** How often each question is sent that gets no answer. */
const attempts = 3;

/** Of the time that there is, so much is for the load balancer: what the group says is not lost with a silence of that one. */
const balancersShare = 2 / 3;

/** Who is asked. */
export interface GroupClients {
  scaling: AutoScalingClient;
  balancing: ElasticLoadBalancingV2Client;
}

/**
 * Asks Auto Scaling how a group is, and its load balancer about the machines. It only reads, and it never throws: a region
 * that does not answer, or refuses, is a finding.
 * @param group as the stack calls it
 * @param name at AWS
 * @param seconds how long it may take, with the look for credentials
 */
export async function examineGroup(
  stack: string,
  group: string,
  name: string,
  region: string,
  seconds: number,
): Promise<ExaminedGroup> {
  const deadline = AbortSignal.timeout(seconds * 1000);
  try {
    const balancers = AbortSignal.timeout(seconds * 1000 * balancersShare);
    const report = await Promise.race([ask(name, region, deadline, balancers), end(deadline)]);
    if (!report) return { group, state: "gone", findings: [groupGone(stack, group, name, region)] };
    return { group, state: "asked", report, findings: judgeGroup(report, group, Date.now() / 1000) };
  } catch (error) {
    const why = deadline.aborted ? `no answer within ${seconds} s` : wordsOf(error);
    const asked = `${name}, asked of Auto Scaling in ${region}`;
    return { group, state: "not reached", findings: [groupNotReached(group, asked, why)] };
  }
}

async function ask(
  name: string,
  region: string,
  deadline: AbortSignal,
  balancers: AbortSignal,
): Promise<GroupReport | undefined> {
  const [scaling, balancing] = await Promise.all([
    scalingClient(region, attempts),
    balancingClient(region, attempts),
  ]);
  return askGroup({ scaling, balancing }, name, region, deadline, balancers).finally(() => {
    scaling.destroy();
    balancing.destroy();
  });
}

/** Requests end with their signal; a program that is to give credentials knows of none. */
async function end(deadline: AbortSignal): Promise<never> {
  if (!deadline.aborted) await once(deadline, "abort");
  throw deadline.reason;
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

/**
 * @param balancers when the load balancer is not waited for any more
 * @returns undefined when there is no such group
 * @throws Error when Auto Scaling does not say
 */
export async function askGroup(
  { scaling: client, balancing }: GroupClients,
  name: string,
  region: string,
  abortSignal: AbortSignal,
  balancers = abortSignal,
): Promise<GroupReport | undefined> {
  const options = { abortSignal };
  const { AutoScalingGroups: [found] = [] } = await client.send(
    new DescribeAutoScalingGroupsCommand({ AutoScalingGroupNames: [name] }),
    options,
  );
  // What follows is refused for a group that is not there.
  if (!found) return undefined;
  const named = { AutoScalingGroupName: name };
  const [{ Activities = [] }, { InstanceRefreshes: [latest] = [] }, balancer] = await Promise.all([
    // As many as one answer has at most.
    client.send(new DescribeScalingActivitiesCommand({ ...named, MaxRecords: 100 }), options),
    client.send(new DescribeInstanceRefreshesCommand(named), options),
    askBalancer(balancing, found.TargetGroupARNs ?? [], balancers),
  ]);
  return {
    name,
    region,
    ...stateOf(found),
    // AWS has those that go on before all others.
    activities: Activities.map(activityOf).toSorted((a, b) => b.began - a.began),
    ...(latest && { refresh: refreshOf(latest) }),
    balancer,
  };
}

/** It may refuse, or be silent: that is all that is not known then. */
async function askBalancer(
  client: ElasticLoadBalancingV2Client,
  targetGroups: string[],
  abortSignal: AbortSignal,
): Promise<GroupReport["balancer"]> {
  if (targetGroups.length === 0) return { notReached: "Auto Scaling has no target group for them" };
  const asked = targetGroups.map((TargetGroupArn) =>
    client.send(new DescribeTargetHealthCommand({ TargetGroupArn }), { abortSignal }),
  );
  try {
    const answers = await Promise.race([Promise.all(asked), end(abortSignal)]);
    return {
      targets: answers.flatMap(({ TargetHealthDescriptions = [] }) => TargetHealthDescriptions.map(targetOf)),
    };
  } catch (error) {
    return { notReached: abortSignal.aborted ? "no answer in time" : wordsOf(error) };
  }
}

function targetOf({ Target, TargetHealth = {} }: TargetHealthDescription): GroupTarget {
  const { State = "", Reason = "", Description = "" } = TargetHealth;
  return { id: Target?.Id ?? "", state: State, reason: Reason, description: Description };
}

function stateOf(
  group: AutoScalingGroup,
): Omit<GroupReport, "name" | "region" | "activities" | "refresh" | "balancer"> {
  const { MinSize = 0, MaxSize = 0, DesiredCapacity = 0, Instances = [], SuspendedProcesses = [] } = group;
  return {
    least: MinSize,
    most: MaxSize,
    desired: DesiredCapacity,
    version: group.LaunchTemplate?.Version ?? "",
    instances: Instances.map(({ InstanceId = "", LifecycleState = "", HealthStatus, LaunchTemplate }) => ({
      id: InstanceId,
      state: LifecycleState,
      healthy: HealthStatus === "Healthy",
      version: LaunchTemplate?.Version ?? "",
    })),
    suspended: SuspendedProcesses.map(({ ProcessName = "", SuspensionReason = "" }) => ({
      process: ProcessName,
      reason: SuspensionReason,
    })),
  };
}

function activityOf(activity: Activity): GroupActivity {
  const { Description = "", Cause = "", StatusCode = "", StatusMessage = "", StartTime, EndTime } = activity;
  return {
    // What follows is the status message.
    what: Description.split(/\.?\s+Status Reason:/)[0]!,
    cause: Cause,
    status: StatusCode,
    reason: StatusMessage,
    began: secondsOf(StartTime) ?? 0,
    ...(EndTime && { ended: secondsOf(EndTime)! }),
  };
}

function refreshOf(refresh: InstanceRefresh): GroupRefresh {
  const { InstanceRefreshId = "", Status = "", PercentageComplete = 0, StatusReason } = refresh;
  const reasons = [refresh.RollbackDetails?.RollbackReason, StatusReason].filter(Boolean);
  return {
    id: InstanceRefreshId,
    status: Status,
    percent: PercentageComplete,
    reason: [...new Set(reasons)].join("; "),
  };
}

function secondsOf(time: Date | undefined): number | undefined {
  return time && time.getTime() / 1000;
}
