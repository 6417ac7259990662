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

/** How often AWS is asked, and for how long, in seconds. */
export interface Pace {
  between: number;
  atMost: number;
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
export const instanceRefresh = createInstanceRefresh({ between: 10, atMost: 90 * 60 });

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
  const end = Date.now() + pace.atMost * 1000;
  let progress = "";
  while (Date.now() < end) {
    const sight = await aws.lookAt(plan, context.signal);
    const verdict = judge({ template, version, least }, sight, course);
    if (verdict.next === "done") return;
    if (verdict.next === "fail") throw failure(inputs, verdict.why, course);
    if (verdict.next === "start") {
      context.log("info", `AWS brings the instances of ${name} to version ${version}, one after the other`);
      course.followed = await aws.startRefresh(await withoutRaised(plan, context));
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

/** What is raised before already is what this is to end: watched, it would take that back. */
async function withoutRaised(plan: RefreshPlan, context: Context): Promise<RefreshPlan> {
  const { raisedAlarms } = await import("../refresh/alarms.js");
  const raised = await raisedAlarms(plan.region, plan.alarms, context.signal);
  if (raised.length === 0) return plan;
  context.log("warning", `${raised.join(", ")} is raised: whether the new instances fail is not watched`);
  return { ...plan, alarms: plan.alarms.filter((name) => !raised.includes(name)) };
}

function failure({ region, group, templateVersion }: InstanceRefreshInputs, why: string, course: Course) {
  const instance = [...course.givenUp].at(-1) ?? "ID";
  return new ProviderError(
    [
      `the instances of ${group} have not come to version ${templateVersion} of their launch template: ${why}`,
      "What an instance has said as it started, for about an hour after it is gone:",
      `  aws ec2 get-console-output --region ${region} --latest --output text --instance-id ${instance}`,
      "What became of all of them:",
      `  aws autoscaling describe-scaling-activities --region ${region} --auto-scaling-group-name ${group}`,
    ].join("\n"),
  );
}
