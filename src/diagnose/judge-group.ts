import { bootSeconds } from "../topology/server-groups.js";
import { type Finding, type Found, inOrder, runbookSection } from "./finding.js";
import type { GroupActivity, GroupInstance, GroupReport } from "./group-report.js";
import { clock, consoleOf, isLaunch, theRelease, timeOf } from "./group-words.js";
import { judgeTargets } from "./judge-targets.js";

const hour = 3600;
/** Seconds without a try after which AWS tries for another reason: for what fails it does so again within minutes. */
const pause = 900;
const theUnhealthy =
  "One that is in service and Unhealthy does not answer the load balancer (`/rotation`); while the database is away, none does.";

/**
 * Says what is wrong with a group of machines that AWS starts by itself, worst and first causes first. Pure: the same
 * report gives the same findings.
 * @param group as the stack calls it
 * @param now seconds since 1970
 */
export function judgeGroup(report: GroupReport, group: string, now: number): Finding[] {
  const found = [
    ...suspended(report),
    ...judgeTargets(report, now),
    ...failures(report, now),
    ...serving(report, now),
    ...refreshed(report),
    ...atMost(report, now),
  ];
  return inOrder(found.map((finding) => ofGroup(group, finding)));
}

/**
 * What it means that AWS has no such group.
 * @param group as the stack calls it
 * @param name at AWS
 */
export function groupGone(stack: string, group: string, name: string, region: string): Finding {
  return ofGroup(group, {
    severity: "critical",
    code: "group-empty",
    what: "The group is gone: the app servers beside it serve alone.",
    evidence: [`Auto Scaling in ${region} has no group ${name}`],
    remedy: [
      `\`eval "$(./dukaan env --stack ${stack})"; pulumi up --stack ${stack} --refresh\` makes it anew.`,
    ],
  });
}

/**
 * What it means that AWS did not say how a group is.
 * @param asked who was asked for what
 * @param why it did not
 */
export function groupNotReached(
  group: string,
  asked: string,
  why: string,
  remedy: string[] = [
    "Credentials: `aws sts get-caller-identity`; log in again with `aws sso login`. What they must be allowed to do: docs/aws.md.",
    "No answer at all: this computer's network (behind a proxy with an own authority: AWS_CA_BUNDLE).",
  ],
): Finding {
  return ofGroup(group, {
    severity: "warning",
    code: "group-not-reached",
    what: `How the group is, is not known (${why}).`,
    evidence: [asked],
    remedy,
  });
}

function ofGroup(group: string, found: Found): Finding {
  return { ...found, machine: group, runbook: runbookSection(found.code) };
}

function suspended({ suspended: processes, name, region }: GroupReport): Found[] {
  if (processes.length === 0) return [];
  const names = processes.map(({ process }) => process);
  return [
    {
      severity: "warning",
      code: "group-suspended",
      what: `AWS does not do all that it should for the group: ${names.join(", ")} ${names.length === 1 ? "is" : "are"} suspended.`,
      evidence: processes.map(({ process, reason }) => `${process}: ${reason || "AWS gives no reason"}`),
      remedy: [
        "Somebody has done that, or AWS itself after a day in which nothing could be started: then cure that first.",
        `\`aws autoscaling resume-processes --region ${region} --auto-scaling-group-name ${name} --scaling-processes ${names.join(" ")}\`.`,
      ],
    },
  ];
}

/** Whether one that had come into service was ended because it did not do. To AWS that is a success. */
const wasReplaced = ({ cause }: GroupActivity) =>
  /taken out of service in response to an? [^.]*(health.check|status check)/.test(cause);

/** Of one that was cancelled on purpose AWS gives no reason. */
const hasFailed = (activity: GroupActivity) =>
  activity.status === "Failed" ||
  (activity.status === "Cancelled" && activity.reason !== "") ||
  wasReplaced(activity);

function failures({ activities, region }: GroupReport, now: number): Found[] {
  const failed = activities.filter((activity) => hasFailed(activity) && now - timeOf(activity) <= hour);
  if (failed.length === 0) return [];
  const shown = failed.slice(0, 3);
  const id = shown.map(({ what }) => /\bi-[0-9a-f]+/.exec(what)?.[0]).find((found) => found !== undefined);
  return [
    {
      severity: "warning",
      code: "group-activity-failed",
      what: `Machines of the group did not start, or were replaced as ill, ${failed.length === 1 ? "once" : `${failed.length} times`} in the last hour.`,
      evidence: shown.map((activity) => `${clock(timeOf(activity))} ${activity.what}: ${whyOf(activity)}`),
      remedy: [
        ...(id === undefined
          ? []
          : [
              `What ${id} has said, for about an hour after its end: \`${consoleOf(region, id)}\`. Empty: ask again in some minutes.`,
            ]),
        ...(shown.some(wasReplaced) ? [theUnhealthy] : []),
        "No capacity, or a limit of the account: another `dukaan:serverType`, or more of it from AWS (Service Quotas).",
        theRelease,
      ],
    },
  ];
}

function whyOf(activity: GroupActivity): string {
  return activity.reason || (wasReplaced(activity) ? activity.cause : "AWS gives no reason");
}

/** Whether as many serve as are to. */
function serving(report: GroupReport, now: number): Found[] {
  const good = inService(report);
  if (good >= report.desired) return [];
  const about = { evidence: whoServes(report), remedy: bringsMore(report) };
  if (good === 0) {
    const what = "No machine of the group is in service: the app servers beside it serve alone.";
    return [{ severity: "critical", code: "group-empty", what, ...about }];
  }
  const since = tryingSince(report, now);
  // AWS tells no times of health and of what is wanted: it may be so since this second.
  if (since === undefined) {
    const what =
      "Fewer machines of the group are in service than are wanted, at this moment: ask again in 15 minutes.";
    return [{ severity: "notice", code: "group-short", what, ...about }];
  }
  if (now - since <= bootSeconds) return [];
  const what = `Fewer machines of the group are in service than are wanted, for ${Math.floor((now - since) / 60)} minutes at least.`;
  return [{ severity: "warning", code: "group-short", what, ...about }];
}

function whoServes(report: GroupReport): string[] {
  const others = report.instances.filter((instance) => !serves(instance));
  return [
    `${inService(report)} of ${report.desired} in service`,
    ...others.map(({ id, state, healthy }) => `${id} is ${state}${healthy ? "" : ", Unhealthy"}`),
  ];
}

function bringsMore({ instances, region }: GroupReport): string[] {
  const boots = instances.find(({ state }) => state.startsWith("Pending"));
  return [
    `A machine that starts has ${bootSeconds / 60} minutes until it is given up.${boots ? ` What ${boots.id} says: \`${consoleOf(region, boots.id)} --latest\`.` : ""}`,
    theUnhealthy,
    theRelease,
  ];
}

/**
 * Since when AWS has tried in vain to start a machine, one try after the other. One that succeeded ends the count, and so does
 * a pause: what failed before may have been meant for a load that is over.
 */
function tryingSince({ activities }: GroupReport, now: number): number | undefined {
  let since: number | undefined;
  for (const activity of activities.filter(isLaunch)) {
    const { status, began, ended = now } = activity;
    if (status === "Cancelled" && !hasFailed(activity)) continue;
    if (status === "Successful" || (since ?? now) - ended > pause) break;
    since = began;
  }
  return since;
}

const howItEnded: Readonly<Record<string, string>> = {
  Failed: "has failed",
  RollbackSuccessful: "was taken back: the app servers beside the group may have what it has not",
  RollbackFailed: "has failed, and so has the way back",
  Cancelled: "was cancelled",
};

/** How the latest refresh has ended. What it was to bring, AWS does not know. */
function refreshed({ refresh, instances, version }: GroupReport): Found[] {
  if (!refresh) return [];
  const how = howItEnded[refresh.status];
  if (how === undefined) return [];
  const versions = instances.filter(serves).map((instance) => instance.version);
  const mixed = versions.some((served) => served !== version);
  // One that was ended before it had changed anything has left nothing to mend.
  if (refresh.status === "Cancelled" && !mixed) return [];
  return [
    {
      severity: "warning",
      code: "group-refresh-failed",
      what: `The latest instance refresh ${how}${mixed ? "; machines serve that are not as new ones are made" : ""}.`,
      evidence: [
        `${refresh.id}: ${refresh.status}, ${refresh.percent} %: ${refresh.reason || "AWS gives no reason"}`,
        `in service, by version of the launch template: ${countsOf(versions)}; new ones get version ${version}`,
      ],
      remedy: [
        "It was to bring a release, or another change (sizes, roles, credentials). See how the servers beside the group do with it: `./dukaan ssh app-1 -- journalctl -u 'dukaan-api@*' -n 50`.",
        "A bad release: `./dukaan rollback` brings all to the one before. Any other change, one that is corrected, or good after all: `./dukaan up` starts another refresh.",
      ],
    },
  ];
}

/** e.g. "version 6: 1, version 7: 2" */
function countsOf(versions: readonly string[]): string {
  const counts = Object.entries(Object.groupBy(versions, (version) => version));
  return counts.map(([version, of]) => `version ${version}: ${of?.length}`).join(", ") || "none";
}

function atMost({ desired, most, activities }: GroupReport, now: number): Found[] {
  if (desired < most) return [];
  const changed = activities.find(({ cause }) => /changing the desired capacity from/.test(cause));
  if (changed && now - changed.began <= hour) return [];
  return [
    {
      severity: "notice",
      code: "group-at-most",
      what: "The group is as large as it may be: AWS adds no machine, whatever the load.",
      evidence: [`${desired} of at most ${most}, ${changed ? `since ${clock(changed.began)}` : "for long"}`],
      remedy: [
        "More buyers than it was made for: a higher `dukaan:appServersMost`, or a larger `dukaan:serverType`, then `./dukaan up`.",
        "Not buyers: see what takes the processor on the server beside it, above.",
      ],
    },
  ];
}

const serves = ({ state, healthy }: GroupInstance) => state === "InService" && healthy;

/** How many of its machines take requests. */
export function inService({ instances }: Pick<GroupReport, "instances">): number {
  return instances.filter(serves).length;
}
