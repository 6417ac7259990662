import { describe, expect, it } from "vitest";
import { whyOverBudget } from "../../src/budget.js";
import { requireBudget, requireBudgetToEvolve } from "../../src/cli/budget.js";
import { ExitCode } from "../../src/cli/errors.js";
import { overBudget } from "../../src/cost/budget.js";
import { planEvolution } from "../../src/evolve/plan.js";
import { parseSettings } from "../../src/settings/parse.js";
import { topologyOf } from "../../stacks/index.js";
import { pricing } from "./cost-prices.js";

const base = {
  "hcloud:token": "t".repeat(64),
  "dukaan:operatorCidrs": ["198.51.100.7/32"],
  "dukaan:backup": "none",
  "dukaan:images": "none",
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
  const check = (raw: Record<string, unknown>) => () =>
    requireBudget(parseSettings("prod", { ...base, ...raw }).settings!);

  it("is refused above the budget, with the reason and what to do", () => {
    const tooDear = check({ "dukaan:serverType": "cx33", "dukaan:monthlyBudget": 5 });
    expect(tooDear).toThrow(
      expect.objectContaining({
        message: expect.stringMatching(
          /^it would cost €8\.99 a month, more than dukaan:monthlyBudget \(€5\)/,
        ),
        remedy: expect.stringMatching(/Pulumi\.prod\.yaml.*--over-budget/),
        exitCode: ExitCode.refused,
      }),
    );
  });

  it("goes on within it, and without one", () => {
    expect(check({ "dukaan:serverType": "cx33", "dukaan:monthlyBudget": 9 })).not.toThrow();
    expect(check({ "dukaan:serverType": "cx33" })).not.toThrow();
  });
});

describe("./dukaan evolve", () => {
  it("is refused before it makes anything that is above the budget, also for the time of the move", () => {
    const check = (monthlyBudget: number, raw: Record<string, unknown>) => () => {
      const parsed = { ...base, ...raw, "dukaan:monthlyBudget": monthlyBudget };
      const settings = parseSettings("prod", parsed).settings!;
      requireBudgetToEvolve(
        settings,
        planEvolution(settings, settings.stage === "split" ? "droplet" : "split"),
      );
    };
    // Two cx33 with an IPv4 each: 17.98 €. On the way back both are there until the move is finished.
    const sizes = { "dukaan:serverType": "cx33", "dukaan:databaseServerType": "cx33" };
    for (const stage of ["droplet", "split"]) {
      expect(check(17, { ...sizes, "dukaan:stage": stage })).toThrow(
        expect.objectContaining({
          message: expect.stringMatching(/more than dukaan:monthlyBudget \(€17\)/),
          remedy: expect.stringContaining("--over-budget"),
          exitCode: ExitCode.refused,
        }),
      );
      expect(check(19, { ...sizes, "dukaan:stage": stage })).not.toThrow();
    }
  });
});
