import type {
  AutoScalingGroup,
  Instance,
  InstanceRefresh,
  LaunchTemplateSpecification,
} from "@aws-sdk/client-auto-scaling";

/** What a group is to come to. */
export interface Wanted {
  /** Id and version of the launch template. */
  template: string;
  version: string;
  /** Instances that must serve at least. */
  least: number;
}

/** What AWS says at one moment. */
export interface Sight {
  group: AutoScalingGroup;
  /** Latest first. */
  refreshes: readonly InstanceRefresh[];
}

/** What is remembered from one look to the next. */
export interface Course {
  /** Id of the refresh that brings the wanted version: started by us, or found under way. */
  followed?: string | undefined;
  /** Ids of refreshes to something else that were ended. */
  readonly ended: Set<string | undefined>;
  /** Why the followed refresh was told to go back. */
  sentBack?: string;
  /** Instances of the wanted version by id, and whether they have served. */
  readonly seen: Map<string, boolean>;
  /** Those of them that were given up: they went before they served, or because they no longer did. */
  readonly givenUp: Set<string>;
}

export type Verdict =
  | { next: "done" }
  | { next: "wait"; progress: string }
  | { next: "start" }
  | { next: "end"; what: string }
  | { next: "send back"; why: string }
  | { next: "fail"; why: string };

/** As many new instances are given up before the version is: AWS itself goes on for an hour. */
const mostGivenUp = 3;

/**
 * What is to be done about a group that is to come to a version.
 * @param course is brought up to date
 */
export function judge(wanted: Wanted, { group, refreshes }: Sight, course: Course): Verdict {
  noteGivenUp(wanted, group.Instances ?? [], course);
  const active = refreshes.find(isActive);
  if (active?.InstanceRefreshId && isWanted(wanted, templateOf(active, group)) && !goesBack(active))
    course.followed ??= active.InstanceRefreshId;
  const followed = refreshes.find(({ InstanceRefreshId: id }) => id !== undefined && id === course.followed);
  if (followed && followed === active) return judgeActive(wanted, group, followed, course);
  if (followed && followed.Status !== "Successful") return { next: "fail", why: endOf(followed, course) };
  if (active) {
    const other = `an earlier refresh, to version ${templateOf(active, group)?.Version}`;
    // What it leads to is not wanted any more, least of all everywhere.
    if (!goesBack(active) && !course.ended.has(active.InstanceRefreshId)) {
      course.ended.add(active.InstanceRefreshId);
      return { next: "end", what: other };
    }
    return { next: "wait", progress: `${other}, is to end first: ${stateOf(active)}` };
  }
  // Successful, or just started: AWS may take a moment to tell of it.
  if (course.followed === undefined && !(isAt(wanted, group) && runs(group).every(isOf(wanted))))
    return { next: "start" };
  return judgeInstances(wanted, group, course);
}

function judgeActive(
  wanted: Wanted,
  group: AutoScalingGroup,
  refresh: InstanceRefresh,
  course: Course,
): Verdict {
  const lost = whyGivenUp(course);
  if (lost !== undefined && course.sentBack === undefined && !goesBack(refresh))
    return { next: "send back", why: lost };
  return { next: "wait", progress: `${served(wanted, group)}; refresh ${stateOf(refresh)}` };
}

/** Where no refresh is under way. */
function judgeInstances(wanted: Wanted, group: AutoScalingGroup, course: Course): Verdict {
  const there = runs(group);
  const good = there.filter((instance) => isOf(wanted)(instance) && serves(instance));
  if (isAt(wanted, group) && good.length === there.length && good.length >= wanted.least)
    return { next: "done" };
  const lost = whyGivenUp(course);
  if (lost !== undefined) return { next: "fail", why: lost };
  return { next: "wait", progress: served(wanted, group) };
}

function noteGivenUp(wanted: Wanted, instances: readonly Instance[], { seen, givenUp }: Course): void {
  const now = new Map(instances.map((instance) => [instance.InstanceId ?? "", instance]));
  for (const [id, hasServed] of seen) {
    const instance = now.get(id);
    const unwell = instance?.HealthStatus === "Unhealthy";
    if ((!instance || isLeaving(instance)) && (unwell || !hasServed)) givenUp.add(id);
  }
  for (const [id, instance] of now)
    if (isOf(wanted)(instance)) seen.set(id, seen.get(id) === true || serves(instance));
}

function whyGivenUp({ givenUp }: Course): string | undefined {
  if (givenUp.size < mostGivenUp) return undefined;
  return `${givenUp.size} new instances were given up, one after the other: ${[...givenUp].join(", ")}`;
}

/** Why a refresh has ended without success. */
function endOf(refresh: InstanceRefresh, { sentBack }: Course): string {
  const reasons = [sentBack, refresh.RollbackDetails?.RollbackReason, refresh.StatusReason];
  const said = [...new Set(reasons.filter((reason) => reason !== undefined && reason !== ""))];
  return `its refresh ${refresh.InstanceRefreshId} has ended as ${refresh.Status}: ${said.join("; ") || "AWS gives no reason"}`;
}

/** Statuses that end by themselves; there is one such refresh a group at most. */
const activeStatuses = new Set<string | undefined>([
  "Pending",
  "InProgress",
  "Baking",
  "Cancelling",
  "RollbackInProgress",
]);

const isActive = ({ Status }: InstanceRefresh) => activeStatuses.has(Status);

const goesBack = ({ Status }: InstanceRefresh) => Status === "RollbackInProgress" || Status === "Cancelling";

/** To what a refresh leads; one without a configuration of its own: to the group's. */
function templateOf({ DesiredConfiguration }: InstanceRefresh, group: AutoScalingGroup) {
  return (DesiredConfiguration ?? group).LaunchTemplate;
}

function stateOf({ Status, PercentageComplete, StatusReason }: InstanceRefresh): string {
  return `${Status}, ${PercentageComplete ?? 0} %${StatusReason ? `: ${StatusReason}` : ""}`;
}

const isWanted = ({ template, version }: Wanted, found: LaunchTemplateSpecification | undefined) =>
  found?.LaunchTemplateId === template && found.Version === version;

const isAt = (wanted: Wanted, group: AutoScalingGroup) => isWanted(wanted, group.LaunchTemplate);

const isOf = (wanted: Wanted) => (instance: Instance) => isWanted(wanted, instance.LaunchTemplate);

const isLeaving = ({ LifecycleState }: Instance) => LifecycleState?.startsWith("Terminat") === true;

/** The group's instances but those that are being taken away, or were set aside by somebody. */
const runs = ({ Instances = [] }: AutoScalingGroup) =>
  Instances.filter((instance) => !isLeaving(instance) && instance.LifecycleState !== "Standby");

const serves = ({ LifecycleState, HealthStatus }: Instance) =>
  LifecycleState === "InService" && HealthStatus === "Healthy";

function served(wanted: Wanted, group: AutoScalingGroup): string {
  const there = runs(group);
  const good = there.filter((instance) => isOf(wanted)(instance) && serves(instance));
  const others = there.filter((instance) => !good.includes(instance));
  const states = others.map(
    ({ InstanceId, LifecycleState, HealthStatus, LaunchTemplate }) =>
      `${InstanceId} (version ${LaunchTemplate?.Version ?? "-"}) is ${LifecycleState}${HealthStatus === "Healthy" ? "" : `, ${HealthStatus}`}`,
  );
  const count = Math.max(wanted.least, group.DesiredCapacity ?? 0);
  return [`${good.length} of ${count} serve with version ${wanted.version}`, ...states].join("; ");
}
