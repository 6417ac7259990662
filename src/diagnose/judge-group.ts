import { bootSeconds } from "../topology/server-groups.js";
import { type Finding, type Found, inOrder, runbookSection } from "./finding.js";
import type { GroupActivity, GroupInstance, GroupReport } from "./group-report.js";

const hour = 3600;
const theRelease =
  "A release that does not start: `./dukaan rollback`, or a corrected one with `./dukaan up`.";

/**
 * Says what is wrong with a group of machines that AWS starts by itself, worst and first causes first. Pure: the same
 * report gives the same findings.
 * @param group as the stack calls it
 * @param now seconds since 1970
 */
export function judgeGroup(report: GroupReport, group: string, now: number): Finding[] {
  const found = [
    ...suspended(report),
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
export function groupNotReached(group: string, asked: string, why: string): Finding {
  return ofGroup(group, {
    severity: "warning",
    code: "group-not-reached",
    what: `AWS does not say how the group is (${why}).`,
    evidence: [asked],
    remedy: [
      "Credentials: `aws sts get-caller-identity`; log in again with `aws sso login`. What they must be allowed to do: docs/aws.md.",
      "No answer at all: this computer's network (behind a proxy with an own authority: AWS_CA_BUNDLE).",
    ],
  });
}

function ofGroup(group: string, found: Found): Finding {
  return { ...found, machine: group, runbook: runbookSection(found.code) };
}

function suspended({ suspended: processes, name, region }: GroupReport): Found[] {
  if (processes.length === 0) return [];
  return [
    {
      severity: "warning",
      code: "group-suspended",
      what: `AWS does not look after the group: ${processes.map(({ process }) => process).join(", ")} ${processes.length === 1 ? "is" : "are"} suspended.`,
      evidence: processes.map(({ process, reason }) => `${process}: ${reason || "AWS gives no reason"}`),
      remedy: [
        "Somebody has done that, or AWS itself after a day in which nothing could be started: then cure that first.",
        `\`aws autoscaling resume-processes --region ${region} --auto-scaling-group-name ${name}\`.`,
      ],
    },
  ];
}

const isLaunch = ({ what }: GroupActivity) => what.startsWith("Launching");

/** Of one that was cancelled on purpose AWS gives no reason. */
const hasFailed = ({ status, reason }: GroupActivity) =>
  status === "Failed" || (status === "Cancelled" && reason !== "");

function failures({ activities, region }: GroupReport, now: number): Found[] {
  const failed = activities.filter((activity) => hasFailed(activity) && now - timeOf(activity) <= hour);
  const [latest] = failed;
  if (!latest) return [];
  const id = failed.map(({ what }) => /\bi-[0-9a-f]+/.exec(what)?.[0]).find((found) => found !== undefined);
  return [
    {
      severity: "warning",
      code: "group-activity-failed",
      what: `What AWS did for the group has failed, ${failed.length === 1 ? "once" : `${failed.length} times`} in the last hour.`,
      evidence: failed
        .slice(0, 3)
        .map(
          (activity) =>
            `${clock(timeOf(activity))} ${activity.what}: ${activity.reason || "AWS gives no reason"}`,
        ),
      remedy: [
        ...(id === undefined ? [] : [consoleOf(region, id)]),
        "No capacity, or a limit of the account: another `dukaan:serverType`, or more of it from AWS (Service Quotas).",
        theRelease,
      ],
    },
  ];
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
  const tried = tryingSince(report, now);
  // Where nothing is tried, whatever AWS did last has left it so.
  const since = tried ?? Math.max(0, ...report.activities.map(timeOf));
  if (now - since <= bootSeconds) return [];
  const how =
    tried === undefined
      ? "and AWS has started none for it"
      : `for ${Math.floor((now - tried) / 60)} minutes at least`;
  const what = `Fewer machines of the group are in service than are wanted, ${how}.`;
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
    `A machine that starts has ${bootSeconds / 60} minutes until it is given up.${boots ? ` ${consoleOf(region, boots.id)}` : ""}`,
    "One that is in service and Unhealthy does not answer the load balancer (`/rotation`); while the database is away, none does.",
    theRelease,
  ];
}

/**
 * Since when AWS has tried in vain to start a machine. One that succeeded ends the count, and so does an hour: what failed
 * before may have been meant for a load that is over.
 */
function tryingSince({ activities }: GroupReport, now: number): number | undefined {
  const started = activities.filter(isLaunch);
  const success = started.findIndex(({ status }) => status === "Successful");
  const inVain = (success === -1 ? started : started.slice(0, success)).filter(
    (activity) => activity.ended === undefined || now - activity.began <= hour,
  );
  return inVain.length === 0 ? undefined : Math.min(...inVain.map(({ began }) => began));
}

const wentBack: Readonly<Record<string, string>> = {
  Failed: "has failed: machines of two releases may serve",
  RollbackSuccessful:
    "was taken back: the group has the release before, and the app servers beside it the new one",
  RollbackFailed: "has failed, and so has the way back: machines of two releases may serve",
};

/** How the latest refresh has ended. */
function refreshed({ refresh, instances, version }: GroupReport): Found[] {
  if (!refresh) return [];
  // One that was ended before it had changed anything has left nothing to mend.
  const mixed = refresh.status === "Cancelled" && instances.some((instance) => instance.version !== version);
  const how = mixed ? "was cancelled: machines of two releases serve" : wentBack[refresh.status];
  if (how === undefined) return [];
  return [
    {
      severity: "warning",
      code: "group-refresh-failed",
      what: `The latest instance refresh ${how}.`,
      evidence: [
        `${refresh.id}: ${refresh.status}, ${refresh.percent} %: ${refresh.reason || "AWS gives no reason"}`,
      ],
      remedy: [
        "See how the release does on a server beside the group: `./dukaan ssh app-1 -- journalctl -u 'dukaan-api@*' -n 50`.",
        "Bad: `./dukaan rollback` brings all to the release before. Corrected, or good after all: `./dukaan up` starts another refresh.",
      ],
    },
  ];
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

const timeOf = ({ began, ended }: GroupActivity) => ended ?? began;

function clock(seconds: number): string {
  return `${new Date(seconds * 1000).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

function consoleOf(region: string, id: string): string {
  return `What one did when it booted: \`aws ec2 get-console-output --region ${region} --latest --output text --instance-id ${id}\`.`;
}
