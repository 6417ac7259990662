import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { groupSummary } from "../../src/cli/server-groups.js";
import { examineGroup } from "../../src/diagnose/examine-group.js";
import { askInsteadOfAws, type AutoScalingServer, scene, startAutoScaling } from "./auto-scaling.js";

const home = mkdtempSync(join(tmpdir(), "dukaan-targets-"));

let api: AutoScalingServer;
beforeEach(async () => {
  api = await startAutoScaling();
  api.scenes = [scene(7, ["i-1 v7", "i-2 v7"])];
  askInsteadOfAws(api, home);
});
afterEach(async () => {
  await api.close();
  vi.unstubAllEnvs();
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

const look = (seconds: number) =>
  examineGroup("shop", "app-group", "dukaan-shop-app-group", "eu-west-2", seconds);

describe("a load balancer that says nothing of a group's machines", () => {
  it("takes nothing of what is known of the group when it may not be asked, and says what is missing", async () => {
    api.refusals = [
      {
        action: "DescribeTargetHealth",
        status: 403,
        code: "AccessDenied",
        message: "not authorized to perform: elasticloadbalancing:DescribeTargetHealth",
      },
    ];
    const examined = await look(15);
    expect(groupSummary(examined)).toBe("app-group  2 of 2 in service  least 1  most 4");
    expect(examined.findings).toMatchObject([
      {
        severity: "warning",
        code: "group-not-reached",
        machine: "app-group",
        what: expect.stringMatching(/load balancer.*AccessDenied: not authorized to perform/),
        evidence: ["the targets of dukaan-shop-app-group, asked of Elastic Load Balancing in eu-west-2"],
        remedy: [
          expect.stringContaining("elasticloadbalancing:DescribeTargetHealth"),
          expect.stringContaining("No answer"),
        ],
        runbook: "docs/runbooks/droplet.md#group-not-reached",
      },
    ]);
  });

  it("nor when the group has no target group: the app servers beside it may have one", async () => {
    Object.assign(api.scenes[0]!.group!, { TargetGroupARNs: [] });
    expect(await look(15)).toMatchObject({
      state: "asked",
      findings: [{ severity: "warning", code: "group-not-reached" }],
    });
  });

  it("nor when it is silent, and is not waited for longer than the group itself", async () => {
    const silent = createServer().listen(0, "127.0.0.1");
    await once(silent, "listening");
    const { port } = silent.address() as AddressInfo;
    vi.stubEnv("AWS_ENDPOINT_URL_ELASTIC_LOAD_BALANCING_V2", `http://127.0.0.1:${port}`);
    expect(await look(3)).toMatchObject({
      state: "asked",
      report: { desired: 2, balancer: { notReached: "no answer in time" } },
      findings: [{ code: "group-not-reached" }],
    });
    silent.close();
  });
});
