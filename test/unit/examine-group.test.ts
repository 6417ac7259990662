import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { diagnose } from "../../src/cli/commands/diagnose.js";
import { examineGroups, groupSummary, groupWarnings } from "../../src/cli/server-groups.js";
import {
  askInsteadOfAws,
  type AutoScalingServer,
  scene,
  startAutoScaling,
  target,
  targetGroup,
} from "./auto-scaling.js";
import { awsKeys } from "./instance-connect.js";

const home = mkdtempSync(join(tmpdir(), "dukaan-group-"));
const door = { endpointId: "eice-0123456789abcdef0", dnsName: "eice.localhost", region: "eu-west-2" };
const outputs = { groups: ["app-group"], tunnels: { "app-1": door } };

vi.mock(import("../../src/cli/session.js"), async (actual) => ({
  ...(await actual()),
  openSession: () => Promise.resolve({ stack: { name: "shop", directory: home } } as never),
}));
vi.mock(import("../../src/cli/pulumi.js"), async (actual) => ({
  ...(await actual()),
  // Of a stack none of whose machines is to be looked at.
  readOutputs: () =>
    Promise.resolve({ ...outputs, ssh: {}, services: {}, deployKey: "a key", knownHosts: "nobody" }),
}));

let api: AutoScalingServer;
beforeEach(async () => {
  api = await startAutoScaling();
  askInsteadOfAws(api, home);
});
afterEach(async () => {
  await api.close();
  vi.unstubAllEnvs();
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

const late = {
  code: "group-not-reached",
  what: "How the group is, is not known (no answer within 0.3 s).",
};

const look = async (seconds = 15) => (await examineGroups("shop", outputs, seconds))[0]!;

describe("the look at a group", () => {
  it("asks for it by its name at AWS, changes nothing, and sums it up in a line", async () => {
    const shown = scene(
      7,
      ["i-1 v7", "i-2 v6 Pending:Wait", "i-3 v7 InService Unhealthy"],
      "InProgress v7",
      "Failed v6",
    );
    // As AWS has it in its documentation, and what goes on before all others.
    const abandoned =
      "Instance failed to complete user's Lifecycle Action: Lifecycle Action with token e85eb647-4fe0-4909-b341-a6c42d8aba1f was abandoned: Lifecycle Action Completed with ABANDON Result";
    const goesOn = {
      Description: "Launching a new EC2 instance: i-2",
      Cause: "",
      StatusCode: "InProgress",
      StartTime: "2026-11-22T11:50:00Z",
    };
    const launched = {
      Description: `Launching a new EC2 instance: i-003a5b3ffe1e9358e.  Status Reason: ${abandoned}`,
      Cause: "a user request",
      StatusCode: "Cancelled",
      StatusMessage: abandoned,
      StartTime: "2026-11-22T11:58:00Z",
      EndTime: "2026-11-22T11:59:00.500Z",
    };
    const group = {
      ...shown.group!,
      SuspendedProcesses: [{ ProcessName: "Launch", SuspensionReason: "User suspended" }],
    };
    const targets = [
      "i-0 healthy",
      "i-1 healthy",
      "i-3 unhealthy Target.ResponseCodeMismatch Health checks failed with these codes: [503]",
    ].map(target);
    api.scenes = [{ ...shown, group, activities: [goesOn, launched], targets }];
    const examined = await look();
    expect(examined.report).toEqual({
      name: "dukaan-shop-app-group",
      region: "eu-west-2",
      least: 1,
      most: 4,
      desired: 2,
      version: "7",
      instances: [
        { id: "i-1", state: "InService", healthy: true, version: "7" },
        { id: "i-2", state: "Pending:Wait", healthy: true, version: "6" },
        { id: "i-3", state: "InService", healthy: false, version: "7" },
      ],
      suspended: [{ process: "Launch", reason: "User suspended" }],
      activities: [
        {
          what: "Launching a new EC2 instance: i-003a5b3ffe1e9358e",
          cause: "a user request",
          status: "Cancelled",
          reason: abandoned,
          began: Date.parse("2026-11-22T11:58:00Z") / 1000,
          ended: Date.parse("2026-11-22T11:59:00.500Z") / 1000,
        },
        {
          what: "Launching a new EC2 instance: i-2",
          cause: "",
          status: "InProgress",
          reason: "",
          began: Date.parse("2026-11-22T11:50:00Z") / 1000,
        },
      ],
      refresh: { id: "refresh-2", status: "InProgress", percent: 50, reason: "" },
      balancer: {
        targets: [
          { id: "i-0", state: "healthy", reason: "", description: "" },
          { id: "i-1", state: "healthy", reason: "", description: "" },
          {
            id: "i-3",
            state: "unhealthy",
            reason: "Target.ResponseCodeMismatch",
            description: "Health checks failed with these codes: [503]",
          },
        ],
      },
    });
    expect(examined.findings.map(({ code }) => code)).toContain("group-suspended");
    expect(groupSummary(examined)).toBe(
      "app-group  1 of 2 in service  least 1  most 4  latest refresh InProgress (50 %)",
    );
    const asked = api.asked.map((request) => [
      request.Action,
      request["AutoScalingGroupName"] ??
        request["AutoScalingGroupNames.member.1"] ??
        request["TargetGroupArn"],
    ]);
    const questions = ["DescribeAutoScalingGroups", "DescribeInstanceRefreshes", "DescribeScalingActivities"];
    expect(new Map(asked as [string, string][])).toEqual(
      new Map([
        ...questions.map((action) => [action, "dukaan-shop-app-group"] as const),
        ["DescribeTargetHealth", targetGroup],
      ]),
    );
  });

  it("finds that there is none", async () => {
    const examined = await look();
    expect(groupSummary(examined)).toBe("app-group  gone");
    expect(examined.findings).toMatchObject([
      {
        severity: "critical",
        code: "group-empty",
        machine: "app-group",
        remedy: [expect.stringMatching(/env --stack shop.*pulumi up --stack shop /)],
      },
    ]);
  });

  it.each<[string, () => unknown, RegExp]>([
    [
      "that refuses",
      () => (api.refusals = [{ status: 403, code: "AccessDenied", message: "not authorized" }]),
      /AccessDenied: not authorized/,
    ],
    [
      "that does not answer",
      () => vi.stubEnv("AWS_ENDPOINT_URL_AUTO_SCALING", "http://127.0.0.1:9"),
      /ECONNREFUSED/,
    ],
    [
      "that nobody may ask",
      () => Object.keys(awsKeys).forEach((name) => vi.stubEnv(name, undefined)),
      /there are no credentials for AWS/,
    ],
  ])("takes a region %s for a finding", async (_what, make, why) => {
    make();
    const examined = await look();
    expect(groupSummary(examined)).toBe("app-group  not reached");
    expect(examined).toMatchObject({
      state: "not reached",
      findings: [
        {
          severity: "warning",
          code: "group-not-reached",
          what: expect.stringMatching(why),
          evidence: ["dukaan-shop-app-group, asked of Auto Scaling in eu-west-2"],
        },
      ],
    });
  });

  it("is not waited for when AWS is silent", async () => {
    const silent = createServer().listen(0, "127.0.0.1");
    await once(silent, "listening");
    const { port } = silent.address() as AddressInfo;
    vi.stubEnv("AWS_ENDPOINT_URL_AUTO_SCALING", `http://127.0.0.1:${port}`);
    expect(await look(0.3)).toMatchObject({ state: "not reached", findings: [late] });
    silent.close();
  });

  it("is not waited for when credentials are to come from a program that hangs", async () => {
    for (const name of Object.keys(awsKeys)) vi.stubEnv(name, undefined);
    // It ends when it is told to, without any: nobody waits for that any more.
    const enough = join(home, "enough");
    writeFileSync(join(home, "hangs"), `until test -e ${enough}; do sleep 0.1; done`);
    writeFileSync(join(home, "config"), `[default]\ncredential_process = sh ${join(home, "hangs")}\n`);
    try {
      const began = performance.now();
      expect(await look(0.3)).toMatchObject({ state: "not reached", findings: [late] });
      expect(performance.now() - began).toBeLessThan(10_000);
    } finally {
      rmSync(join(home, "config"));
      writeFileSync(enough, "");
    }
    await sleep(1000);
    expect(api.asked).toEqual([]);
  });

  it("is not taken for done where the stack does not say where its groups are", async () => {
    const [examined] = await examineGroups("shop", { groups: ["app-group"] }, 15);
    expect(groupSummary(examined!)).toBe("app-group  not reached");
    expect(examined).toMatchObject({
      findings: [{ code: "group-not-reached", what: expect.stringContaining("in which region") }],
    });
    expect(api.asked).toEqual([]);
  });

  it("is nobody's business where there is no group", async () => {
    expect(await examineGroups("shop", { tunnels: outputs.tunnels }, 15)).toEqual([]);
    expect(await examineGroups("shop", {}, 15)).toEqual([]);
    expect(api.asked).toEqual([]);
  });
});

describe("a group that serves nobody", () => {
  beforeEach(() => void (api.scenes = [scene(7, ["i-1 v7 Pending:Wait"])]));

  /** What `diagnose` prints. */
  async function diagnosed(json: boolean): Promise<string> {
    const printed: string[] = [];
    const write = vi.spyOn(process.stdout, "write").mockImplementation((text) => {
      printed.push(String(text));
      return true;
    });
    try {
      await diagnose({ stack: "shop", minutes: "10", json });
    } finally {
      write.mockRestore();
    }
    return printed.join("");
  }

  it("makes a diagnosis critical, beside machines that are well", async () => {
    try {
      expect(JSON.parse(await diagnosed(true))).toMatchObject({
        healthy: false,
        findings: [{ severity: "critical", code: "group-empty", machine: "app-group" }],
        machines: [],
        groups: [
          {
            group: "app-group",
            reachable: true,
            report: {
              name: "dukaan-shop-app-group",
              desired: 2,
              balancer: { targets: [{ id: "i-1", state: "healthy" }] },
            },
          },
        ],
      });
      expect(process.exitCode).toBe(1);
      expect(await diagnosed(false)).toMatch(
        /^app-group {2}0 of 2 in service .*\n\n1\. CRITICAL app-group: No machine/,
      );
    } finally {
      process.exitCode = undefined;
    }
  });

  it("is told to whoever has brought the stack up", async () => {
    expect(await groupWarnings("shop", outputs)).toEqual([
      "app-group: No machine of the group is in service: the app servers beside it serve alone. See ./dukaan diagnose --stack shop.",
    ]);
  });

  it("is no matter any more once it serves, nor what had failed before", async () => {
    const failed = {
      Description: "Launching a new EC2 instance: i-0",
      StatusCode: "Failed",
      StatusMessage: "no capacity",
      StartTime: new Date().toISOString(),
      EndTime: new Date().toISOString(),
    };
    const good = scene(7, ["i-1 v7", "i-2 v7"]);
    api.scenes = [{ ...good, group: { ...good.group!, MaxSize: 2 }, activities: [failed] }];
    expect((await look()).findings.map(({ code }) => code)).toEqual([
      "group-activity-failed",
      "group-at-most",
    ]);
    expect(await groupWarnings("shop", outputs)).toEqual([]);
  });
});
