import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { whyOverBudget } from "../../src/budget.js";
import { requireBudget } from "../../src/cli/budget.js";
import { ExitCode } from "../../src/cli/errors.js";
import { overBudget } from "../../src/cost/budget.js";
import { parseSettings } from "../../src/settings/parse.js";
import { topologyOf } from "../../stacks/index.js";
import { pricing } from "./cost-prices.js";

const base = {
  "hcloud:token": "t".repeat(64),
  "dukaan:operatorCidrs": ["198.51.100.7/32"],
  "dukaan:backup": "none",
  "dukaan:sms": "log",
};

function topologyWith(raw: Record<string, unknown>) {
  return topologyOf(parseSettings("prod", { ...base, ...raw }).settings!);
}

describe("overBudget", () => {
  it("adds up servers and addresses in euros", () => {
    // cx33 8.49 + IPv4 0.50 = 8.99 €.
    const topology = topologyWith({ "dukaan:serverType": "cx33" });
    expect(overBudget(topology, 8.99, pricing)).toBeUndefined();
    expect(overBudget(topology, 8.98, pricing)).toBe(
      "it would cost €8.99 a month, more than dukaan:monthlyBudget (€8.98): 1 CX33 €8.49, 1 primary-ipv4 €0.50",
    );
  });

  it("does not take an unknown price for none", () => {
    const topology = topologyWith({ "dukaan:serverType": "ccx53" });
    expect(overBudget(topology, 10_000, pricing)).toMatch(/not priced: hetzner\/cloud\/CCX53@fsn1/);
  });
});

describe("whyOverBudget, which the program asks before it makes anything", () => {
  const why = (raw: Record<string, unknown>) =>
    whyOverBudget(parseSettings("prod", { ...base, ...raw }).settings!);

  it("holds a real stack to its budget, and nothing else", () => {
    const large = { "dukaan:serverType": "cx33" };
    expect(why({ ...large, "dukaan:monthlyBudget": 5 })).toMatch(/^it would cost €8\.99 a month/);
    expect(why({ ...large, "dukaan:monthlyBudget": 9 })).toBeUndefined();
    expect(why(large)).toBeUndefined();
    const local = { "hcloud:endpoint": "http://127.0.0.1:8470/v1" };
    expect(why({ ...large, ...local, "dukaan:monthlyBudget": 5 })).toBeUndefined();
  });
});

describe("dukaan:monthlyBudget", () => {
  it("is a number above 0, from YAML or as Pulumi hands it over", () => {
    const parsed = (value: unknown) => parseSettings("prod", { ...base, "dukaan:monthlyBudget": value });
    expect(parsed(50).settings?.monthlyBudget).toBe(50);
    expect(parsed("49.5").settings?.monthlyBudget).toBe(49.5);
    for (const wrong of [0, -1, "much", "", true]) {
      expect(parsed(wrong).problems?.map(({ path }) => path)).toEqual(["dukaan:monthlyBudget"]);
    }
  });
});

describe("./dukaan up", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "dukaan-budget-"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const check = async (config: string, options: { local?: boolean; stage?: string } = {}) => {
    const configFile = join(folder, "Pulumi.prod.yaml");
    await writeFile(configFile, `config:\n${config}`);
    await requireBudget({ name: "prod", local: options.local ?? false, configFile }, options.stage);
  };
  // A token that only Pulumi can read does not stop the check.
  const secret = "  hcloud:token: { secure: v1:abc }\n";

  it("is refused above the budget, with the reason and what to do", async () => {
    await expect(
      check(`${secret}  dukaan:serverType: cx33\n  dukaan:monthlyBudget: 5\n`),
    ).rejects.toMatchObject({
      message: expect.stringMatching(/^it would cost €8\.99 a month, more than dukaan:monthlyBudget \(€5\)/),
      remedy: expect.stringMatching(/Pulumi\.prod\.yaml.*--over-budget/),
      exitCode: ExitCode.refused,
    });
  });

  it("goes on within it, without one, and on the local cloud", async () => {
    await expect(
      check(`${secret}  dukaan:serverType: cx33\n  dukaan:monthlyBudget: 9\n`),
    ).resolves.toBeUndefined();
    await expect(check("  dukaan:serverType: cx33\n")).resolves.toBeUndefined();
    const onLocal = check("  dukaan:serverType: cx33\n  dukaan:monthlyBudget: 1\n", { local: true });
    await expect(onLocal).resolves.toBeUndefined();
  });

  it("leaves a stage that is not built to the program to refuse", async () => {
    await expect(check("  dukaan:monthlyBudget: 1\n", { stage: "anycast" })).resolves.toBeUndefined();
  });
});
