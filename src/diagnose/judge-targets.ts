import { graceSeconds } from "../topology/server-groups.js";
import type { Found } from "./finding.js";
import type { GroupReport, GroupTarget } from "./group-report.js";
import { clock, consoleOf, isLaunch, theRelease } from "./group-words.js";

/** What AWS would say of a machine that the load balancer does not list. */
const unlisted = (id: string): GroupTarget => ({
  id,
  state: "unused",
  reason: "Target.NotRegistered",
  description: "the load balancer does not have it among its targets",
});

const refresh = "`pulumi up --refresh`, in the environment that `./dukaan env` prints";

/** AWS's reasons, and what to do about each; with one of the machines, as what there is to do may name it. */
const remedies: Readonly<Record<string, (id: string, region: string) => string>> = {
  "Target.ResponseCodeMismatch": () =>
    "`/rotation` does not answer 200. With 503 the app is away or not ready (it waits for the database), with 404 the machine leaves, with another 5xx the first page of the shop fails.",
  "Target.Timeout": () =>
    `\`/rotation\` does not answer in time: no processor or memory left, or a security group that somebody has changed (${refresh}, puts it back).`,
  "Target.FailedHealthChecks": () =>
    "The connection is refused or breaks off: nginx does not run there, or answers with what is no HTTP.",
  "Elb.InternalError": () => "AWS itself has failed: https://health.aws.amazon.com.",
  "Target.NotRegistered": (id, region) =>
    `Somebody has taken it out of the target group, or AddToLoadBalancer is suspended: resume that first, new machines would not be registered either. Then end it, and the group starts another one: \`aws autoscaling terminate-instance-in-auto-scaling-group --region ${region} --no-should-decrement-desired-capacity --instance-id ${id}\`.`,
  "Target.NotInUse": () =>
    `No listener leads to the target group, or the load balancer does not use that zone any more: ${refresh}, puts both back.`,
  "Target.InvalidState": (id, region) =>
    `The instance is off. One of the group's is replaced by AWS; any other: \`aws ec2 start-instances --region ${region} --instance-ids ${id}\`.`,
};

/** Reasons of which one is cured like another. */
const alike: Readonly<Record<string, string>> = {
  "Target.DeregistrationInProgress": "Target.NotRegistered",
};

/** Says of a group's machines, and of the app servers beside it, to which of them the load balancer sends nothing, and why. */
export function judgeTargets(report: GroupReport, now: number): Found[] {
  const { balancer, name, region } = report;
  if ("notReached" in balancer) {
    return [
      {
        severity: "warning",
        code: "group-not-reached",
        what: `What the load balancer says of the machines is not known (${balancer.notReached}).`,
        evidence: [`the targets of ${name}, asked of Elastic Load Balancing in ${region}`],
        remedy: [
          "Refused: the permission `elasticloadbalancing:DescribeTargetHealth` (docs/aws.md).",
          `No target group, or none of that name: ${refresh}, puts it back. No answer: ask again; this computer's network.`,
        ],
      },
    ];
  }
  const without = [...ofGroup(report, balancer.targets, now), ...besideGroup(report, balancer.targets)];
  if (without.length === 0) return [];
  const evidence = without.map((target) => describe(target, report, now));
  const states = new Set(balancer.targets.map(({ state }) => state));
  return [states.has("healthy") ? some(without, evidence, region) : none(without, evidence, states, region)];
}

/** Of the group's machines those that have had the time to be asked. */
function ofGroup(report: GroupReport, targets: GroupTarget[], now: number): GroupTarget[] {
  return report.instances
    .filter(({ id, state }) => state === "InService" && now - inServiceSince(id, report, now) > graceSeconds)
    .map(({ id }) => targets.find((target) => target.id === id) ?? unlisted(id))
    .filter(({ state }) => state !== "healthy");
}

/** One that starts, or goes, is none of them. */
function besideGroup({ instances }: GroupReport, targets: GroupTarget[]): GroupTarget[] {
  const goes = new Set(["healthy", "initial", "draining", "unhealthy.draining"]);
  return targets.filter(({ id, state }) => !goes.has(state) && !instances.some((one) => one.id === id));
}

/** Of a machine that was started so long ago that AWS tells nothing of it any more: for ever. */
function inServiceSince(id: string, { activities }: GroupReport, now: number): number {
  const launch = activities.find((activity) => isLaunch(activity) && activity.what.endsWith(id));
  if (!launch) return -Infinity;
  return launch.ended ?? now;
}

function describe({ id, state, reason, description }: GroupTarget, report: GroupReport, now: number): string {
  const since = inServiceSince(id, report, now);
  const serves = Number.isFinite(since)
    ? `in service since ${clock(since)} at the latest`
    : "in service for long";
  const member = report.instances.some((instance) => instance.id === id);
  const why = [reason, description].filter(Boolean).join(": ") || "AWS gives no reason";
  return `${id} (${member ? serves : "beside the group"}) is ${state}, ${why}`;
}

function some(without: GroupTarget[], evidence: string[], region: string): Found {
  const one = without.length === 1;
  return {
    severity: "warning",
    code: "group-unhealthy",
    what: `The load balancer sends no requests to ${one ? "a machine that is" : `${without.length} machines that are`} in service.`,
    evidence: [...evidence, "since when, AWS does not say: ask again in a minute"],
    remedy: [...remediesOf(without, region), ...ofUnhealthy(without, region)],
  };
}

/** A machine that is asked and does not answer well may say why. */
function ofUnhealthy(targets: GroupTarget[], region: string): string[] {
  const ill = targets.find(isUnhealthy);
  return ill ? [`What ${ill.id} says: \`${consoleOf(region, ill.id)} --latest\`.`, theRelease] : [];
}

/** https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html: it "fails open". */
function none(without: GroupTarget[], evidence: string[], states: Set<string>, region: string): Found {
  const open = states.has("unhealthy") || states.has("initial");
  const all = "The load balancer finds no app server healthy";
  return {
    severity: "critical",
    code: "group-all-unhealthy",
    what: open
      ? `${all}, and so sends requests to all of them whatever they answer (AWS calls that "fail open").`
      : `${all}, and has none that it could send requests to: buyers get its own 503.`,
    evidence,
    remedy: without.some(isUnhealthy)
      ? [
          "What all of them need is away, the database first of all: see what is said of the machines, and of it.",
          ...remediesOf(without, region),
          "All of them since a release: `./dukaan rollback`.",
        ]
      : remediesOf(without, region),
  };
}

const isUnhealthy = ({ state }: GroupTarget) => state === "unhealthy";

/** Each once, of the first machine that it is for. */
function remediesOf(targets: GroupTarget[], region: string): string[] {
  const ids = new Map<string, string>();
  for (const { id, reason } of targets) {
    const cured = alike[reason] ?? reason;
    if (!ids.has(cured)) ids.set(cured, id);
  }
  return [...ids].flatMap(([reason, id]) => remedies[reason]?.(id, region) ?? []);
}
