import { describe, expect, it } from "vitest";
import type { GroupActivity, GroupReport } from "../../src/diagnose/group-report.js";
import { judgeGroup } from "../../src/diagnose/judge-group.js";
import { calmGroup, instance, now } from "./calm-group.js";

/** A launch that began so many minutes ago, and has ended at once where it has. */
function launch(minutes: number, status: string, reason = "", id = "i-0a"): GroupActivity {
  const began = now - minutes * 60;
  const ended = status === "InProgress" ? {} : { ended: began };
  return { what: `Launching a new EC2 instance: ${id}`, cause: "", status, reason, began, ...ended };
}

const abandoned = "Lifecycle Action was abandoned: Heartbeat Timeout";
/** A launch that came to nothing, so many minutes ago and after so many. */
const lost = (minutes: number, after = 0) => ({
  ...launch(minutes, "Cancelled", abandoned),
  ended: now - (minutes - after) * 60,
});
const ended = (minutes: number) => ({
  ...launch(minutes, "Successful"),
  what: "Terminating EC2 instance: i-0a",
});
/** A machine that had come into service was ended, for a reason that AWS gives in its own words. */
const replaced = (minutes: number, check: string): GroupActivity => ({
  ...launch(minutes, "Successful"),
  what: "Terminating EC2 instance: i-0a",
  cause: `At 2026-11-22T11:40:00Z an instance was taken out of service in response to ${check}.`,
});
/** AWS wants another number of machines. */
const scaled = (minutes: number): GroupActivity => ({
  ...launch(minutes, "Successful"),
  cause: "a monitor alarm triggered policy app-group changing the desired capacity from 6 to 7.",
});

/** A group that is as it is to be, for long. */
const calm: Omit<GroupReport, "balancer"> = {
  ...calmGroup,
  activities: [launch(1000, "Successful")],
  refresh: { id: "refresh-1", status: "Successful", percent: 100, reason: "" },
};

/** The load balancer finds all healthy, the app server beside the group too. */
const allHealthy = (instances: GroupReport["instances"]): GroupReport["balancer"] => ({
  targets: ["i-0", ...instances.map(({ id }) => id)].map((id) => ({
    id,
    state: "healthy",
    reason: "",
    description: "",
  })),
});

const found = (change: Partial<GroupReport>) =>
  judgeGroup(
    { balancer: allHealthy(change.instances ?? calm.instances), ...calm, ...change },
    "app-group",
    now,
  );
const refresh = (status: string, version = "7", state = "InService"): Partial<GroupReport> => ({
  refresh: { id: "refresh-2", status, percent: 40, reason: "errors went off" },
  instances: [instance("i-1"), instance("i-3"), instance("i-2", state, true, version)],
});
const one = [instance("i-1")];

describe("what is judged of a group", () => {
  it.each<[string, Partial<GroupReport>, string[]]>([
    ["as it is to be", {}, []],
    ["of which nothing is wanted", { desired: 0, instances: [] }, []],
    ["with none in service", { instances: [] }, ["critical group-empty"]],
    ["with none but what boots", { instances: [instance("i-1", "Pending:Wait")] }, ["critical group-empty"]],
    [
      "with none that is healthy",
      { desired: 1, instances: [instance("i-1", "InService", false)] },
      ["critical group-empty"],
    ],
    [
      "with one too few, which boots",
      { instances: one, activities: [launch(14, "InProgress"), launch(99, "Successful")] },
      [],
    ],
    [
      "with one too few, which boots for too long",
      { instances: one, activities: [launch(16, "InProgress"), launch(99, "Successful")] },
      ["warning group-short"],
    ],
    [
      "with one too few after one has come",
      {
        instances: one,
        activities: [launch(3, "InProgress"), launch(10, "Successful"), launch(16, "InProgress", "", "i-0b")],
      },
      [],
    ],
    [
      "with one too few, of which the first was lost just now",
      { instances: one, activities: [launch(1, "InProgress"), lost(5), launch(99, "Successful")] },
      ["warning group-activity-failed"],
    ],
    [
      "with one too few, one lost after the other",
      {
        instances: one,
        activities: [
          launch(1, "InProgress"),
          ended(7),
          lost(8),
          ended(15),
          lost(16),
          launch(99, "Successful"),
        ],
      },
      ["warning group-activity-failed", "warning group-short"],
    ],
    [
      "with one too few since just now, after a loss long ago",
      { instances: one, activities: [launch(1, "InProgress"), lost(3000)] },
      [],
    ],
    [
      "with one too few, one lost after the other for hours",
      { instances: one, activities: [0, 20, 40, 60, 80, 100].map((minutes) => lost(minutes + 16, 15)) },
      ["warning group-activity-failed", "warning group-short"],
    ],
    [
      "with one too few since a moment, after a loss that another made good",
      { instances: one, activities: [launch(1, "InProgress"), launch(50, "Failed", "no capacity")] },
      ["warning group-activity-failed"],
    ],
    ["with one too few, for which nothing is started", { instances: one }, ["notice group-short"]],
    [
      "with one that has turned ill since nobody knows when",
      { instances: [...one, instance("i-2", "InService", false)], activities: [launch(400, "Successful")] },
      ["notice group-short"],
    ],
    [
      "with one too few, as one has just gone",
      { instances: one, activities: [ended(2), launch(99, "Successful")] },
      ["notice group-short"],
    ],
    [
      "with machines that fail the load balancer and are replaced, again and again",
      {
        activities: [5, 20, 35].flatMap((minutes) => [
          replaced(minutes, "an ELB system health check failure"),
          launch(minutes + 3, "Successful"),
        ]),
      },
      ["warning group-activity-failed"],
    ],
    [
      "with a machine that somebody ended",
      { activities: [replaced(5, "an EC2 health check indicating it has been terminated or stopped")] },
      ["warning group-activity-failed"],
    ],
    [
      "with a machine that EC2 found broken",
      { activities: [replaced(5, "an EC2 instance status checks failure")] },
      ["warning group-activity-failed"],
    ],
    [
      "with machines that were too many",
      { activities: [replaced(5, "a difference between desired and actual capacity")] },
      [],
    ],
    ["with machines of before a refresh", { activities: [replaced(5, "an instance refresh")] }, []],
    [
      "with a failure an hour ago",
      { activities: [launch(59, "Failed", "no capacity")] },
      ["warning group-activity-failed"],
    ],
    ["with a failure before that", { activities: [launch(61, "Failed", "no capacity")] }, []],
    ["with a launch that was cancelled on purpose", { activities: [launch(5, "Cancelled")] }, []],
    [
      "whose launches are suspended",
      { suspended: [{ process: "Launch", reason: "User suspended" }] },
      ["warning group-suspended"],
    ],
    ["whose refresh is under way", refresh("InProgress", "6"), []],
    ["whose refresh goes back", refresh("RollbackInProgress", "6"), []],
    ["whose refresh failed", refresh("Failed"), ["warning group-refresh-failed"]],
    ["whose refresh was taken back", refresh("RollbackSuccessful"), ["warning group-refresh-failed"]],
    ["whose refresh could not be taken back", refresh("RollbackFailed"), ["warning group-refresh-failed"]],
    ["whose refresh was cancelled halfway", refresh("Cancelled", "8"), ["warning group-refresh-failed"]],
    ["whose refresh was cancelled before it changed anything", refresh("Cancelled"), []],
    [
      "whose refresh was cancelled when the last old one went",
      { ...refresh("Cancelled", "6", "Terminating:Wait") },
      [],
    ],
    ["at its most since an hour", { most: 2, activities: [scaled(61)] }, ["notice group-at-most"]],
    ["at its most since a moment", { most: 2, activities: [scaled(59), scaled(300)] }, []],
    ["at its most since nobody knows when", { most: 2 }, ["notice group-at-most"]],
    ["next to its most", { most: 3, activities: [scaled(300)] }, []],
  ])("%s", (_what, change, codes) => {
    expect(found(change).map(({ severity, code }) => `${severity} ${code}`)).toEqual(codes);
  });

  it("says how often AWS has failed, with its reasons, the latest first, and whose console to read", () => {
    const activities = [
      lost(5),
      launch(20, "Failed", "no t3.large in this zone", "i-0b"),
      lost(30),
      lost(40),
      lost(90),
    ];
    const [finding] = found({ activities });
    expect(finding).toMatchObject({
      machine: "app-group",
      what: "Machines of the group did not start, or were replaced as ill, 4 times in the last hour.",
      evidence: [
        `2026-11-22 11:55 UTC Launching a new EC2 instance: i-0a: ${abandoned}`,
        "2026-11-22 11:40 UTC Launching a new EC2 instance: i-0b: no t3.large in this zone",
        `2026-11-22 11:30 UTC Launching a new EC2 instance: i-0a: ${abandoned}`,
      ],
      runbook: "docs/runbooks/droplet.md#group-activity-failed",
    });
    expect(finding?.remedy[0]).toMatch(
      /^What i-0a has said.*get-console-output --region eu-west-2 --output text --instance-id i-0a`/,
    );
  });

  it("gives the console of a machine that the evidence names, and of no other", () => {
    const none = { ...launch(5, "Failed", "no capacity"), what: "Launching a new EC2 instance" };
    const consoles = (activities: GroupActivity[]) =>
      found({ activities })[0]?.remedy.filter((line) => line.includes("get-console-output"));
    const elder = launch(30, "Failed", "no capacity", "i-0b");
    expect(consoles([none, lost(20), elder])).toEqual([expect.stringMatching(/^What i-0a .* i-0a`/)]);
    expect(consoles([none, none, none, elder])).toEqual([]);
  });

  it("says why machines that had served were replaced, and how one is found out", () => {
    const [finding] = found({ activities: [replaced(20, "an ELB system health check failure")] });
    expect(finding?.what).toContain("replaced as ill, once in the last hour");
    expect(finding?.evidence).toEqual([
      "2026-11-22 11:40 UTC Terminating EC2 instance: i-0a: At 2026-11-22T11:40:00Z an instance was taken out of service in response to an ELB system health check failure.",
    ]);
    expect(finding?.remedy).toContainEqual(expect.stringContaining("/rotation"));
  });

  it("says since when too few serve, and of the others what they do", () => {
    const instances = [...one, instance("i-2", "InService", false), instance("i-3", "Pending:Wait")];
    const activities = [launch(1, "InProgress"), lost(20, 15), launch(99, "Successful")];
    const short = found({ desired: 3, instances, activities }).find(({ code }) => code === "group-short");
    expect(short).toMatchObject({
      what: "Fewer machines of the group are in service than are wanted, for 20 minutes at least.",
      evidence: ["1 of 3 in service", "i-2 is InService, Unhealthy", "i-3 is Pending:Wait"],
    });
    expect(short?.remedy[0]).toMatch(/15 minutes.*What i-3 says: .*--instance-id i-3 --latest`/);
  });

  it("needs no refresh to have been", () => {
    const { refresh: _none, ...first } = { ...calm, balancer: allHealthy(calm.instances) };
    expect(judgeGroup(first, "app-group", now)).toEqual([]);
  });

  it("resumes what is suspended, and nothing else", () => {
    const suspended = ["AZRebalance", "AlarmNotification"].map((process) => ({ process, reason: "" }));
    const [finding] = found({ suspended });
    expect(finding?.what).toContain("AZRebalance, AlarmNotification are suspended");
    expect(finding?.remedy[1]).toMatch(
      /--auto-scaling-group-name dukaan-shop-app-group --scaling-processes AZRebalance AlarmNotification`/,
    );
  });

  it("gives AWS's reason for a refresh that was taken back, and the versions that serve", () => {
    expect(found(refresh("RollbackSuccessful"))[0]?.evidence).toEqual([
      "refresh-2: RollbackSuccessful, 40 %: errors went off",
      "in service, by version of the launch template: version 7: 3; new ones get version 7",
    ]);
  });

  it.each(["Failed", "RollbackFailed"])(
    "says of a refresh that is %s that others serve where they do",
    (status) => {
      const [some] = found(refresh(status, "6"));
      expect(some?.what).toMatch(/fail.*; machines serve that are not as new ones are made\.$/);
      expect(some?.evidence[1]).toContain("version 6: 1, version 7: 2; new ones get version 7");
      expect(found(refresh(status))[0]?.what).not.toContain("machines serve");
      expect(found(refresh(status, "6", "Terminating"))[0]?.what).not.toContain("machines serve");
    },
  );
});
