import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createInstanceRefresh, type Pace } from "../../providers/dukaan/resources/instance-refresh.js";
import { askInsteadOfAws, type AutoScalingServer, scene, startAutoScaling } from "./auto-scaling.js";
import { awsKeys } from "./instance-connect.js";
import { TestEngine } from "./provider-engine.js";

const token = "dukaan:index:InstanceRefresh";
const inputs = { region: "eu-west-2", group: "lab-app", template: "lt-1", templateVersion: 7, least: 2 };
const home = mkdtempSync(join(tmpdir(), "dukaan-refresh-"));
let api: AutoScalingServer;
let engine: TestEngine;
let pace: Pace;

beforeEach(async () => {
  pace = { between: 0.01, atMost: 20, clear: 20 };
  api = await startAutoScaling();
  askInsteadOfAws(api, home);
  engine = await TestEngine.start(() => Promise.resolve(createInstanceRefresh(pace)));
});
afterEach(async () => {
  engine.close();
  await api.close();
  vi.unstubAllEnvs();
  rmSync(home, { recursive: true, force: true });
});

const old = ["i-1 v6", "i-2 v6"];
const fresh = ["i-3 v7", "i-4 v7"];
const actions = () => new Set(api.asked.map(({ Action }) => Action));
const looks = () => api.asked.filter(({ Action }) => Action === "DescribeAutoScalingGroups").length;
const bringUp = () => engine.create(token, inputs);

describe("instances come to a version", () => {
  test("at the first start without a refresh", async () => {
    api.scenes = [
      scene(7, []),
      scene(7, ["i-3 v7 Pending:Wait", "i-4 v7 Pending"]),
      scene(7, ["i-3 v7", "i-4 v7 InService Unhealthy"]),
      scene(7, ["i-3 v7"]),
      scene(7, fresh),
    ];
    expect((await bringUp()).outputs).toEqual({ active: 7 });
    expect(looks()).toBe(5);
    expect(actions()).toEqual(new Set(["DescribeAutoScalingGroups", "DescribeInstanceRefreshes"]));
    expect(engine.messages).toContain("1 of 2 serve with version 7; i-4 (version 7) is InService, Unhealthy");
  });

  test("by a refresh that can go back to the version that the group still has", async () => {
    api.scenes = [
      scene(6, old),
      // AWS may take a moment to tell of it.
      scene(6, old),
      scene(6, [...old, "i-3 v7 Pending:Wait"], "InProgress v7 Waiting for i-3"),
      scene(6, [...old.slice(1), "i-1 v6 Terminating", ...fresh], "Baking v7"),
      // The group has not learned of it.
      scene(6, fresh, "Successful v7"),
      scene(7, fresh, "Successful v7"),
    ];
    const news = { ...inputs, alarms: ["errors", "latency"], bakeSeconds: 180 };
    const before = { id: "lab-app", inputs: { ...inputs, templateVersion: 6 }, outputs: { active: 6 } };
    expect((await engine.update(token, before, news)).outputs).toEqual({ active: 7 });
    const [started, ...more] = api.asked.filter(({ Action }) => Action === "StartInstanceRefresh");
    expect(more).toEqual([]);
    expect(started).toEqual({
      Action: "StartInstanceRefresh",
      Version: "2011-01-01",
      key: awsKeys.AWS_ACCESS_KEY_ID,
      AutoScalingGroupName: "lab-app",
      "DesiredConfiguration.LaunchTemplate.LaunchTemplateId": "lt-1",
      "DesiredConfiguration.LaunchTemplate.Version": "7",
      "Preferences.AutoRollback": "true",
      "Preferences.SkipMatching": "true",
      "Preferences.MinHealthyPercentage": "100",
      "Preferences.MaxHealthyPercentage": "125",
      "Preferences.ScaleInProtectedInstances": "Refresh",
      "Preferences.StandbyInstances": "Terminate",
      "Preferences.BakeTime": "180",
      "Preferences.AlarmSpecification.Alarms.member.1": "errors",
      "Preferences.AlarmSpecification.Alarms.member.2": "latency",
    });
    expect(looks()).toBe(6);
    expect(engine.messages).toContain(
      "0 of 2 serve with version 7; i-1 (version 6) is InService; i-2 (version 6) is InService; i-3 (version 7) is Pending:Wait; refresh InProgress, 50 %: Waiting for i-3",
    );
  });

  test("by a refresh that was started before, by an update that was cut off", async () => {
    api.scenes = [scene(6, old, "InProgress v7"), scene(7, fresh, "Successful v7")];
    expect((await bringUp()).outputs).toEqual({ active: 7 });
    expect(actions()).not.toContain("StartInstanceRefresh");
  });

  test.each([
    ["that goes back", "RollbackInProgress v7"],
    ["that is cancelled", "Cancelling v7"],
  ])("after a refresh %s has ended", async (_what, other) => {
    const ended = "RollbackSuccessful v7";
    api.started = "refresh-2";
    api.scenes = [
      scene(6, old, other),
      scene(6, old, ended),
      scene(6, old, "InProgress v7", ended),
      scene(7, fresh, "Successful v7", ended),
    ];
    expect((await bringUp()).outputs).toEqual({ active: 7 });
    expect(api.asked.filter(({ Action }) => Action === "StartInstanceRefresh")).toHaveLength(1);
    expect(engine.messages[0]).toMatch(/^an earlier refresh, to version 7, is to end first: \w+, 50 %$/);
    expect(actions()).not.toContain("CancelInstanceRefresh");
  });

  test("after a refresh to another version was ended, once", async () => {
    api.started = "refresh-2";
    api.scenes = [
      scene(6, old, "InProgress v5"),
      scene(6, old, "InProgress v5"),
      scene(6, old, "Cancelling v5"),
      scene(6, old, "Cancelled v5"),
      scene(6, old, "InProgress v7", "Cancelled v5"),
      scene(7, fresh, "Successful v7", "Cancelled v5"),
    ];
    expect((await bringUp()).outputs).toEqual({ active: 7 });
    const changing = api.asked.map(({ Action }) => Action).filter((action) => !action.startsWith("Describe"));
    expect(changing).toEqual(["CancelInstanceRefresh", "StartInstanceRefresh"]);
  });

  test("though the refresh to another version has ended before it could be ended", async () => {
    api.started = "refresh-2";
    api.scenes = [
      scene(6, old, "InProgress v5"),
      scene(5, old, "Successful v5"),
      scene(5, old, "InProgress v7", "Successful v5"),
      scene(7, fresh, "Successful v7", "Successful v5"),
    ];
    api.onRequest = (action) => {
      if (action === "CancelInstanceRefresh")
        api.refusals = [{ status: 400, code: "ActiveInstanceRefreshNotFound", message: "none is under way" }];
    };
    expect((await bringUp()).outputs).toEqual({ active: 7 });
  });

  test("when the alarm is over that would take it back", async () => {
    api.raised = ["errors"];
    api.scenes = [scene(6, old), scene(6, old, "InProgress v7"), scene(7, fresh, "Successful v7")];
    api.onRequest = (action) => {
      const before = api.asked.filter(({ Action }) => Action === "DescribeAlarms").length;
      if (action === "DescribeAlarms" && before === 3) api.raised = [];
    };
    await engine.create(token, { ...inputs, alarms: ["errors", "latency"] });
    expect(api.asked.filter(({ Action }) => Action === "DescribeAlarms")).toHaveLength(3);
    expect(engine.messages).toContain("errors is raised: waiting for it to be over");
  });

  test("not while an alarm is raised, which what is to come may have raised elsewhere", async () => {
    pace = { ...pace, clear: 0.03 };
    api.raised = ["errors"];
    api.scenes = [scene(6, old, "RollbackSuccessful v7")];
    api.started = "refresh-2";
    await expect(engine.create(token, { ...inputs, alarms: ["errors"] })).rejects.toThrow(
      /stay as they are, .*version 7 .*errors is raised.*\n.*\.\/dukaan rollback, which waits for no alarm/,
    );
    expect(actions()).not.toContain("StartInstanceRefresh");
  });

  test("where somebody else starts a refresh at the same moment", async () => {
    api.scenes = [scene(6, old), scene(6, old, "InProgress v7"), scene(7, fresh, "Successful v7")];
    api.onRequest = (action) => {
      if (action === "StartInstanceRefresh")
        api.refusals = [{ status: 400, code: "InstanceRefreshInProgress", message: "one is under way" }];
    };
    expect((await bringUp()).outputs).toEqual({ active: 7 });
  });

  test("where the group has it, and instances of another version were left", async () => {
    api.scenes = [
      scene(7, ["i-2 v6", "i-3 v7"], "Cancelled v7"),
      scene(7, fresh, "Successful v7", "Cancelled v7"),
    ];
    api.started = "refresh-2";
    expect((await bringUp()).outputs).toEqual({ active: 7 });
    expect(actions()).toContain("StartInstanceRefresh");
  });

  test("where none are wanted", async () => {
    api.scenes = [scene(7, [])];
    expect((await engine.create(token, { ...inputs, least: 0 })).outputs).toEqual({ active: 7 });
    expect(looks()).toBe(1);
  });

  test("though the load takes away one that served", async () => {
    api.scenes = ["i-5", "i-6", "i-7"].flatMap((id) =>
      [`${id} v7`, `${id} v7 Terminating`].map((served) => scene(7, [...fresh, served, "i-9 v7 Pending"])),
    );
    api.scenes.push(scene(7, [...fresh, "i-9 v7 Pending"]), scene(7, fresh));
    expect((await bringUp()).outputs).toEqual({ active: 7 });
  });
});

describe("a refresh that did not succeed", () => {
  test.each([
    ["Failed", "An alarm is in ALARM: errors"],
    ["Cancelled", "Cancelled by a user"],
    ["RollbackSuccessful", "Auto rollback: errors"],
    ["RollbackFailed", "No capacity"],
  ])("fails with AWS's reason: %s", async (status, reason) => {
    api.scenes = [scene(6, old), scene(6, old, "InProgress v7"), scene(6, old, `${status} v7 ${reason}`)];
    await expect(bringUp()).rejects.toThrow(
      `the instances of lab-app have not come to version 7 of their launch template: its refresh refresh-1 has ended as ${status}: ${reason}\n`,
    );
    await expect(bringUp()).rejects.not.toThrow(/\n +at /);
  });

  test("is waited for until AWS has gone back", async () => {
    api.scenes = [
      scene(6, old, "InProgress v7"),
      scene(6, old, "RollbackInProgress v7"),
      scene(6, old, "RollbackInProgress v7"),
      scene(6, old, "RollbackSuccessful v7 errors went off"),
    ];
    await expect(bringUp()).rejects.toThrow("errors went off");
    expect(looks()).toBe(4);
  });

  test("is sent back when new instances are given up one after the other", async () => {
    const given = (id: string, state: string) => scene(6, [...old, `${id} v7 ${state}`], "InProgress v7");
    api.scenes = [
      given("i-3", "Pending:Wait"),
      given("i-3", "Terminating:Wait"),
      given("i-4", "Pending:Wait"),
      // Served, and was found ill.
      given("i-5", "InService Healthy"),
      given("i-5", "Terminating Unhealthy"),
      scene(6, old, "RollbackInProgress v7"),
      scene(6, old, "RollbackSuccessful v7 A user asked for it"),
    ];
    const failed = await bringUp().catch((error: Error) => error.message);
    expect(failed).toContain(
      "RollbackSuccessful: 3 new instances were given up, one after the other: i-3, i-4, i-5; A user asked for it\n",
    );
    expect(failed).toContain("aws ec2 get-console-output --region eu-west-2 --output text --instance-id i-5");
    expect(api.asked.filter(({ Action }) => Action === "RollbackInstanceRefresh")).toHaveLength(1);
  });

  test("needs none to fail: instances that are given up at the first start", async () => {
    api.scenes = ["i-3", "i-4", "i-5"].map((id) => scene(7, [`${id} v7 Pending:Wait`]));
    api.scenes.push(scene(7, ["i-6 v7 Pending"]));
    await expect(bringUp()).rejects.toThrow("3 new instances were given up");
    expect(actions()).not.toContain("RollbackInstanceRefresh");
  });
});

describe("the wait", () => {
  test("ends where there is no such group", async () => {
    api.scenes = [{}];
    await expect(bringUp()).rejects.toThrow("there is no Auto Scaling group lab-app in eu-west-2");
  });

  test("ends after its time, and says how far it is", async () => {
    pace.atMost = 0.05;
    api.scenes = [scene(7, ["i-3 v7", "i-4 v7 Pending:Wait"])];
    await expect(bringUp()).rejects.toThrow(
      /not after .* minutes: 1 of 2 serve with version 7; i-4 \(version 7\) is Pending:Wait/,
    );
  });

  test("ends when the operator cancels", async () => {
    pace.between = 60;
    api.scenes = [scene(6, old, "InProgress v7")];
    const waiting = bringUp().catch((error: Error) => error.message);
    await expect.poll(() => engine.messages).not.toEqual([]);
    await engine.cancel();
    expect(await waiting).toContain("cancelled by the operator");
  });

  test("goes on when AWS is asked too often, or has a fault", async () => {
    api.refusals = [
      { status: 400, code: "Throttling", message: "Rate exceeded" },
      { status: 503, code: "ServiceUnavailable", message: "later" },
    ];
    api.scenes = [scene(7, fresh)];
    expect((await bringUp()).outputs).toEqual({ active: 7 });
    expect(looks()).toBe(3);
  });

  test("takes credentials as they are at the time", async () => {
    for (const name of Object.keys(awsKeys)) vi.stubEnv(name, undefined);
    const own = mkdtempSync(join(tmpdir(), "dukaan-refresh-keys-"));
    vi.stubEnv("AWS_SHARED_CREDENTIALS_FILE", join(own, "credentials"));
    const logIn = (key: string) =>
      writeFileSync(
        join(own, "credentials"),
        `[default]\naws_access_key_id=${key}\naws_secret_access_key=secret\n`,
      );
    logIn("FIRST");
    api.scenes = [scene(6, old, "InProgress v7"), scene(6, old, "InProgress v7"), scene(7, fresh)];
    api.onRequest = (action) => {
      if (action === "DescribeInstanceRefreshes") logIn("SECOND");
    };
    expect((await bringUp()).outputs).toEqual({ active: 7 });
    expect(new Set(api.asked.map(({ key }) => key))).toEqual(new Set(["FIRST", "SECOND"]));
    rmSync(own, { recursive: true });
  });

  test("says whose turn it is when credentials have run out, or there are none", async () => {
    api.scenes = [scene(6, old, "InProgress v7")];
    api.refusals = [{ status: 403, code: "ExpiredToken", message: "The security token is expired" }];
    await expect(bringUp()).rejects.toThrow(
      /^Auto Scaling in eu-west-2 refuses: ExpiredToken: The security token is expired \(HTTP 403\)\. .*log in again/,
    );
    for (const name of Object.keys(awsKeys)) vi.stubEnv(name, undefined);
    await expect(bringUp()).rejects.toThrow(/^there are no credentials for AWS.*Log in/s);
  });
});
