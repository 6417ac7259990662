import { setTimeout as sleep } from "node:timers/promises";
import type { RefreshPlan } from "../refresh/auto-scaling.js";
import { type Course, judge } from "../refresh/judge.js";
import { type Context, ProviderError, type ResourceType } from "../resource.js";
import type { Properties } from "../values.js";
import { changedInputs } from "./changed-inputs.js";

type InstanceRefreshInputs = {
  region: string;
  group: string;
  template: string;
  templateVersion: number;
  least: number;
  alarms?: string[];
  bakeSeconds?: number;
};

/** How often AWS is asked, for how long, and how long for an alarm to be over, in seconds. */
export interface Pace {
  between: number;
  atMost: number;
  clear: number;
}

/** Brings the instances of an Auto Scaling group to a version of its launch template, and waits until they serve. */
export function createInstanceRefresh(pace: Pace): ResourceType<InstanceRefreshInputs> {
  return {
    check({ templateVersion, least }) {
      const failures = [];
      if (templateVersion < 1)
        failures.push({ property: "templateVersion", reason: "versions are counted from 1" });
      if (least < 0) failures.push({ property: "least", reason: "must not be negative" });
      return failures;
    },

    diff({ oldInputs, news }) {
      const changes = changedInputs(oldInputs, news);
      return { changes, replaces: ["region", "group"].filter((name) => name in changes) };
    },

    async create(news, context) {
      return { id: news.group, outputs: await outputsOf(news, pace, context) };
    },

    async update({ news }, context) {
      return outputsOf(news, pace, context);
    },
  };
}

/** Longer than AWS goes on by itself. */
export const instanceRefresh = createInstanceRefresh({ between: 10, atMost: 90 * 60, clear: 5 * 60 });

async function outputsOf(inputs: InstanceRefreshInputs, pace: Pace, context: Context): Promise<Properties> {
  if (!context.preview) await bringUp(inputs, pace, context);
  return { active: inputs.templateVersion };
}

async function bringUp(inputs: InstanceRefreshInputs, pace: Pace, context: Context): Promise<void> {
  const aws = await import("../refresh/auto-scaling.js");
  const { region, group: name, template, templateVersion, least } = inputs;
  const { alarms = [], bakeSeconds } = inputs;
  const version = String(templateVersion);
  const plan: RefreshPlan = { region, group: name, template, version, alarms, bakeSeconds };
  const course: Course = { seen: new Map(), givenUp: new Set(), ended: new Set() };
  const end = performance.now() + pace.atMost * 1000;
  let progress = "";
  while (performance.now() < end) {
    const sight = await aws.lookAt(plan, context.signal);
    const verdict = judge({ template, version, least }, sight, course);
    if (verdict.next === "done") return;
    if (verdict.next === "fail") throw failure(inputs, verdict.why, course);
    if (verdict.next === "start") {
      context.log("info", `AWS brings the instances of ${name} to version ${version}, one after the other`);
      await requireQuiet(inputs, pace, context);
      course.followed = await aws.startRefresh(plan);
    } else if (verdict.next === "end") {
      context.log("info", `${verdict.what}, is under way: AWS is asked to end it`);
      await aws.cancelRefresh(plan);
    } else if (verdict.next === "send back") {
      context.log("warning", `${verdict.why}: AWS is asked to go back to the version before`);
      await aws.sendBack(plan);
      course.sentBack = verdict.why;
    } else if (verdict.progress !== progress) {
      context.progress((progress = verdict.progress));
    }
    await sleep(pace.between * 1000, undefined, { signal: context.signal }).catch(() => {});
    context.signal.throwIfAborted();
  }
  throw failure(inputs, `not after ${pace.atMost / 60} minutes: ${progress}`, course);
}

/**
 * Nothing is begun while an alarm is raised that would take it back: it may be raised by what is to be brought, on a machine
 * that has it already. A cure is brought by who names no alarms.
 */
async function requireQuiet(inputs: InstanceRefreshInputs, pace: Pace, context: Context): Promise<void> {
  const { region, group, templateVersion, alarms = [] } = inputs;
  const { raisedAlarms } = await import("../refresh/alarms.js");
  const end = performance.now() + pace.clear * 1000;
  for (;;) {
    const raised = await raisedAlarms(region, alarms, context.signal);
    if (raised.length === 0) return;
    const is = `${raised.join(", ")} ${raised.length === 1 ? "is" : "are"} raised`;
    if (performance.now() >= end)
      throw new ProviderError(
        `the instances of ${group} stay as they are, and are not brought to version ${templateVersion} of their launch template: ${is}, and AWS would take that back.\n` +
          "Go back to the release before with ./dukaan rollback, which waits for no alarm; or see to what fails, and run the same command again.",
      );
    context.progress(`${is}: waiting for it to be over`);
    await sleep(pace.between * 1000, undefined, { signal: context.signal }).catch(() => {});
    context.signal.throwIfAborted();
  }
}

function failure({ region, group, templateVersion }: InstanceRefreshInputs, why: string, course: Course) {
  const instance = [...course.givenUp].at(-1) ?? "ID";
  return new ProviderError(
    [
      `the instances of ${group} have not come to version ${templateVersion} of their launch template: ${why}`,
      "What an instance has said as it started, for about an hour after it is gone:",
      `  aws ec2 get-console-output --region ${region} --output text --instance-id ${instance}`,
      "What became of all of them:",
      `  aws autoscaling describe-scaling-activities --region ${region} --auto-scaling-group-name ${group}`,
    ].join("\n"),
  );
}
