import {
  ActiveInstanceRefreshNotFoundFault,
  type AutoScalingClient,
  AutoScalingServiceException,
  CancelInstanceRefreshCommand,
  DescribeAutoScalingGroupsCommand,
  DescribeInstanceRefreshesCommand,
  InstanceRefreshInProgressFault,
  RollbackInstanceRefreshCommand,
  StartInstanceRefreshCommand,
} from "@aws-sdk/client-auto-scaling";
import { AwsError } from "../../../src/aws/error.js";
import { scalingClient } from "../../../src/aws/scaling-client.js";
import { percentWhileReplaced } from "../../../src/topology/connections.js";
import { withRemedy } from "../ask-aws.js";
import { ProviderError } from "../resource.js";
import type { Sight } from "./judge.js";

/** Which group, and how its instances are replaced. */
export interface RefreshPlan {
  /** e.g. `us-east-1` */
  region: string;
  /** The group's name. */
  group: string;
  /** The launch template's id and version. */
  template: string;
  version: string;
  /** Names of alarms of CloudWatch: when one goes off, AWS rolls back. */
  alarms: readonly string[];
  /** Seconds for which alarms are watched when all instances are replaced. */
  bakeSeconds?: number | undefined;
}

/** With its own pauses between them, up to 20 s: more than a minute of throttling, or of a network that is away. */
const attempts = 15;

/** How the group and its latest refreshes are. @throws ProviderError when there is no such group */
export async function lookAt({ region, group: name }: RefreshPlan, signal: AbortSignal): Promise<Sight> {
  const look = async (client: AutoScalingClient) => {
    const options = { abortSignal: signal };
    const named = { AutoScalingGroupNames: [name] };
    const { AutoScalingGroups: [group] = [] } = await client.send(
      new DescribeAutoScalingGroupsCommand(named),
      options,
    );
    if (!group)
      throw new ProviderError(
        `there is no Auto Scaling group ${name} in ${region}. If somebody has removed it, pulumi up --refresh makes it anew.`,
      );
    const { InstanceRefreshes: refreshes = [] } = await client.send(
      new DescribeInstanceRefreshesCommand({ AutoScalingGroupName: name }),
      options,
    );
    return { group, refreshes };
  };
  return asking(region, look).catch((error: unknown) => {
    signal.throwIfAborted();
    throw error;
  });
}

/**
 * Has AWS replace the instances, new ones first. The group keeps the version that it has until all of them serve, which is
 * what AWS goes back to.
 * @returns the refresh's id; undefined when another one is under way
 */
export async function startRefresh(plan: RefreshPlan): Promise<string | undefined> {
  const { region, group, template, version, alarms, bakeSeconds } = plan;
  const command = new StartInstanceRefreshCommand({
    AutoScalingGroupName: group,
    DesiredConfiguration: {
      LaunchTemplate: { LaunchTemplateId: template, Version: version },
    },
    Preferences: {
      AutoRollback: true,
      // Those that the group has started meanwhile stay.
      SkipMatching: true,
      // A quarter more than there are, one at least: a new one serves before an old one goes.
      MinHealthyPercentage: 100,
      MaxHealthyPercentage: percentWhileReplaced,
      ScaleInProtectedInstances: "Refresh",
      StandbyInstances: "Terminate",
      ...(bakeSeconds !== undefined && { BakeTime: bakeSeconds }),
      ...(alarms.length > 0 && { AlarmSpecification: { Alarms: [...alarms] } }),
    },
  });
  return asking(region, async (client) => {
    try {
      return (await client.send(command)).InstanceRefreshId;
    } catch (error) {
      if (error instanceof InstanceRefreshInProgressFault) return undefined;
      throw error;
    }
  });
}

/** Has AWS go back to the version before, now and not after the hour for which it goes on by itself. */
export async function sendBack({ region, group }: RefreshPlan): Promise<void> {
  const command = new RollbackInstanceRefreshCommand({ AutoScalingGroupName: group });
  await asking(region, (client) => unlessOver(client.send(command)));
}

/** Ends the refresh that is under way; what it has replaced stays. */
export async function cancelRefresh({ region, group }: RefreshPlan): Promise<void> {
  // Not after machines that boot meanwhile.
  const command = new CancelInstanceRefreshCommand({
    AutoScalingGroupName: group,
    WaitForTransitioningInstances: false,
  });
  await asking(region, (client) => unlessOver(client.send(command)));
}

/** One that has ended meanwhile: the next look says how. */
async function unlessOver(sent: Promise<unknown>): Promise<void> {
  await sent.catch((error: unknown) => {
    if (!(error instanceof ActiveInstanceRefreshNotFoundFault)) throw error;
  });
}

/** @throws ProviderError with AWS's words */
async function asking<Answer>(
  region: string,
  ask: (client: AutoScalingClient) => Promise<Answer>,
): Promise<Answer> {
  const client = await scalingClient(region, attempts);
  try {
    return await ask(client);
  } catch (error) {
    throw explain(error, region);
  } finally {
    client.destroy();
  }
}

function explain(error: unknown, region: string): unknown {
  if (error instanceof AwsError) return withRemedy(error);
  if (error instanceof AutoScalingServiceException)
    return new ProviderError(
      `Auto Scaling in ${region} refuses: ${error.name}: ${error.message} (HTTP ${error.$metadata.httpStatusCode}). ` +
        "Where credentials have run out, log in again (aws sso login) and run it again: it goes on where it was. docs/aws.md says what they must be allowed to do.",
    );
  if (error instanceof ProviderError) return error;
  return new ProviderError(
    `Auto Scaling in ${region} does not answer: ${error instanceof Error ? error.message || error.name : String(error)}. ` +
      "Check this computer's network (behind a proxy with an own authority: AWS_CA_BUNDLE) and run it again: it goes on where it was.",
  );
}
