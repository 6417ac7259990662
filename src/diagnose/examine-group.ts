import {
  type Activity,
  type AutoScalingClient,
  type AutoScalingGroup,
  DescribeAutoScalingGroupsCommand,
  DescribeInstanceRefreshesCommand,
  DescribeScalingActivitiesCommand,
  type InstanceRefresh,
} from "@aws-sdk/client-auto-scaling";
import { scalingClient } from "../aws/scaling-client.js";
import type { Finding } from "./finding.js";
import type { GroupActivity, GroupRefresh, GroupReport } from "./group-report.js";
import { groupGone, groupNotReached, judgeGroup } from "./judge-group.js";

/** What is known of a group after a look at it. */
export interface ExaminedGroup {
  /** As the stack calls it. */
  group: string;
  /** Whether AWS has answered. */
  reached: boolean;
  /** Absent when it was not reached, or AWS has none of that name. */
  report?: GroupReport;
  findings: Finding[];
}

/** How often each question is sent that gets no answer. */
const attempts = 3;

/**
 * Asks Auto Scaling how a group is. It only reads, and it never throws: a region that does not answer, or refuses, is a
 * finding.
 * @param group as the stack calls it
 * @param name at AWS
 * @param seconds how long AWS may take to answer
 */
export async function examineGroup(
  group: string,
  name: string,
  region: string,
  seconds: number,
): Promise<ExaminedGroup> {
  try {
    const client = await scalingClient(region, attempts);
    const signal = AbortSignal.timeout(seconds * 1000);
    const report = await askGroup(client, name, region, signal).finally(() => client.destroy());
    if (!report) return { group, reached: true, findings: [groupGone(group, name, region)] };
    return { group, reached: true, report, findings: judgeGroup(report, group, Date.now() / 1000) };
  } catch (error) {
    const why = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    return { group, reached: false, findings: [groupNotReached(group, name, region, why)] };
  }
}

/** @returns undefined when there is no such group @throws Error when AWS does not say */
export async function askGroup(
  client: AutoScalingClient,
  name: string,
  region: string,
  abortSignal: AbortSignal,
): Promise<GroupReport | undefined> {
  const options = { abortSignal };
  const { AutoScalingGroups: [found] = [] } = await client.send(
    new DescribeAutoScalingGroupsCommand({ AutoScalingGroupNames: [name] }),
    options,
  );
  // What follows is refused for a group that is not there.
  if (!found) return undefined;
  const named = { AutoScalingGroupName: name };
  const [{ Activities = [] }, { InstanceRefreshes: [latest] = [] }] = await Promise.all([
    // As many as one answer has at most.
    client.send(new DescribeScalingActivitiesCommand({ ...named, MaxRecords: 100 }), options),
    client.send(new DescribeInstanceRefreshesCommand(named), options),
  ]);
  return {
    name,
    region,
    ...stateOf(found),
    activities: Activities.map(activityOf),
    ...(latest && { refresh: refreshOf(latest) }),
  };
}

function stateOf(group: AutoScalingGroup): Omit<GroupReport, "name" | "region" | "activities" | "refresh"> {
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
    what: Description,
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
