import { describe, expect, it } from "vitest";
import type { GroupActivity, GroupReport } from "../../src/diagnose/group-report.js";
import { judgeTargets } from "../../src/diagnose/judge-targets.js";
import { calmGroup, instance, now } from "./calm-group.js";

/** e.g. "i-1 healthy", "i-2 unhealthy Target.Timeout Request timed out" */
function target(short: string) {
  const [id = "", state = "", reason = "", ...words] = short.split(" ");
  return { id, state, reason, description: words.join(" ") };
}

/** A launch that began so many seconds ago and took a minute. */
const launch = (id: string, seconds: number, status = "Successful"): GroupActivity => ({
  what: `Launching a new EC2 instance: ${id}`,
  cause: "",
  status,
  reason: "",
  began: now - seconds - 60,
  ...(status === "Successful" && { ended: now - seconds }),
});

/** A group of two beside one app server, i-0, whose load balancer has these targets. */
function group(targets: string[], activities: GroupActivity[] = [], ...states: string[]): GroupReport {
  return {
    ...calmGroup,
    instances: ["i-1", "i-2"].map((id, index) => instance(id, states[index])),
    activities,
    balancer: { targets: targets.map(target) },
  };
}

const found = (...about: Parameters<typeof group>) => judgeTargets(group(...about), now);

// Reasons and descriptions are AWS's own.
const others = ["i-0 healthy", "i-1 healthy"];
const mismatch = "unhealthy Target.ResponseCodeMismatch Health checks failed with these codes: [503]";
const timeout = "unhealthy Target.Timeout Request timed out";
const failed = "unhealthy Target.FailedHealthChecks Health checks failed";
const registering = "initial Elb.RegistrationInProgress Target registration is in progress";
const asking = "initial Elb.InitialHealthChecking Initial health checks in progress";
const draining = "draining Target.DeregistrationInProgress Target deregistration is in progress";
const stopped = "unused Target.InvalidState Target is in the stopped state";
const notInUse =
  "unused Target.NotInUse Target group is not configured to receive traffic from the load balancer";

describe("what the load balancer says of a group's machines", () => {
  it.each<[string, Parameters<typeof group>, string[]]>([
    ["all are healthy", [[...others, "i-2 healthy"]], []],
    ["one answers with failures", [[...others, `i-2 ${mismatch}`]], ["warning group-unhealthy"]],
    ["one does not answer", [[...others, `i-2 ${timeout}`]], ["warning group-unhealthy"]],
    ["one refuses connections", [[...others, `i-2 ${failed}`]], ["warning group-unhealthy"]],
    ["AWS itself fails", [[...others, "i-2 unhealthy Elb.InternalError"]], ["warning group-unhealthy"]],
    [
      "one came into service a minute ago, and is unhealthy",
      [[...others, `i-2 ${mismatch}`], [launch("i-2", 60)]],
      [],
    ],
    ["and for longer", [[...others, `i-2 ${mismatch}`], [launch("i-2", 61)]], ["warning group-unhealthy"]],
    ["one is registered", [[...others, `i-2 ${registering}`], [launch("i-2", 10)]], []],
    ["one is asked for the first time", [[...others, `i-2 ${asking}`], [launch("i-2", 10)]], []],
    [
      "one is in service, and its warm-up is part of its start",
      [[...others, `i-2 ${asking}`], [launch("i-2", 200, "WaitingForInstanceWarmup")]],
      [],
    ],
    [
      "one has been registered for minutes",
      [[...others, `i-2 ${registering}`], [launch("i-2", 300)]],
      ["warning group-unhealthy"],
    ],
    ["one is not listed yet", [others, [launch("i-2", 5)]], []],
    ["one is not listed", [others, [launch("i-2", 500)]], ["warning group-unhealthy"]],
    ["one boots", [others, [], "InService", "Pending:Wait"], []],
    ["one goes", [[...others, `i-2 ${draining}`], [], "InService", "Terminating"], []],
    ["one has gone", [[...others, "i-2 healthy", `i-9 ${draining}`]], []],
    [
      "one has gone that did not answer",
      [[...others, "i-2 healthy", "i-9 unhealthy.draining Target.DeregistrationInProgress"]],
      [],
    ],
    ["somebody takes one out", [[...others, `i-2 ${draining}`]], ["warning group-unhealthy"]],
    ["one is switched off", [[...others, `i-2 ${stopped}`]], ["warning group-unhealthy"]],
    [
      "the app server beside the group does not answer",
      [["i-0 unhealthy Target.Timeout Request timed out", "i-1 healthy", "i-2 healthy"]],
      ["warning group-unhealthy"],
    ],
    ["the one beside it is asked for the first time", [[`i-0 ${asking}`, "i-1 healthy", "i-2 healthy"]], []],
    [
      "none is healthy",
      [["i-0", "i-1", "i-2"].map((id) => `${id} ${mismatch}`)],
      ["critical group-all-unhealthy"],
    ],
    [
      "none is healthy but what is asked for the first time",
      [[`i-0 ${mismatch}`, `i-1 ${mismatch}`, `i-2 ${asking}`], [launch("i-2", 10)]],
      ["critical group-all-unhealthy"],
    ],
    [
      "none is used",
      [["i-0", "i-1", "i-2"].map((id) => `${id} ${notInUse}`)],
      ["critical group-all-unhealthy"],
    ],
    ["it has no targets", [[]], ["critical group-all-unhealthy"]],
    [
      "all of a new stack are asked for the first time",
      [["i-0", "i-1", "i-2"].map((id) => `${id} ${asking}`), [launch("i-1", 5), launch("i-2", 5)]],
      [],
    ],
  ])("%s", (_what, about, codes) => {
    expect(found(...about).map(({ severity, code }) => `${severity} ${code}`)).toEqual(codes);
  });

  it("names each with AWS's reason, how long it has been in service, and what to do", () => {
    const [finding] = found([`i-0 ${timeout}`, "i-1 healthy", `i-2 ${mismatch}`], [launch("i-2", 7200)]);
    expect(finding).toMatchObject({
      what: "The load balancer sends no requests to 2 machines that are in service.",
      evidence: [
        "i-2 (in service since 2026-11-22 10:00 UTC at the latest) is unhealthy, Target.ResponseCodeMismatch: Health checks failed with these codes: [503]",
        "i-0 (beside the group) is unhealthy, Target.Timeout: Request timed out",
        expect.stringContaining("AWS does not say"),
      ],
      remedy: [
        expect.stringMatching(/503 .* database/),
        expect.stringContaining("in time"),
        expect.stringContaining("--instance-id i-2 --latest"),
        expect.stringContaining("rollback"),
      ],
    });
  });

  it("gives the same remedy once, and AWS's silence its name", () => {
    const [finding] = found(["i-0 healthy", `i-1 ${failed}`, `i-2 ${failed}`]);
    expect(finding?.remedy.filter((line) => line.includes("nginx does not run"))).toHaveLength(1);
    expect(finding?.evidence[0]).toContain("(in service for long)");
    const [silent] = found([...others, "i-2 unhealthy"]);
    expect(silent?.evidence[0]).toContain("is unhealthy, AWS gives no reason");
  });

  it("says that the load balancer sends requests to all when it finds none healthy", () => {
    const [finding] = found(["i-0", "i-1", "i-2"].map((id) => `${id} ${mismatch}`));
    expect(finding?.what).toMatch(/sends requests to all of them .*"fail open"/);
    expect(finding?.evidence).toHaveLength(3);
    expect(finding?.remedy[0]).toContain("the database first of all");
  });

  it("leaves the database and the release alone where nobody was asked, and names machine and region", () => {
    const [none] = found(["i-0", "i-1", "i-2"].map((id) => `${id} ${notInUse}`));
    expect(none?.remedy).toEqual([expect.stringContaining("No listener leads to the target group")]);
    const [off] = found([...others, `i-2 ${stopped}`]);
    expect(off?.remedy).toEqual([
      expect.stringContaining("aws ec2 start-instances --region eu-west-2 --instance-ids i-2"),
    ]);
    const [unlisted] = found(others);
    expect(unlisted?.remedy).toEqual([
      expect.stringMatching(/resume that first.*--region eu-west-2 .*--instance-id i-2`/),
    ]);
  });

  it("says that buyers get the load balancer's own 503 when it has nobody to send requests to", () => {
    for (const targets of [[], ["i-0", "i-1", "i-2"].map((id) => `${id} ${notInUse}`)])
      expect(found(targets)[0]?.what).toMatch(/none that it could send requests to: buyers get its own 503/);
  });
});
