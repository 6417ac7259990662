import { describe, expect, it } from "vitest";
import { describeReturn, judgeReturn, type MachineReturn } from "../../src/cli/going-back.js";

const served = { release: "old", bundle: "b".repeat(64) };
const went = (machine: string, at = served): MachineReturn => ({
  machine,
  answered: true,
  served: at,
  said: "",
});
const silent = (machine: string): MachineReturn => ({ machine, answered: false, said: "no route to host" });
const without = (machine: string): MachineReturn => ({ machine, answered: true, said: "no earlier release" });

describe("a rollback", () => {
  it("names the machines that do not answer, and those that did not go back with their own words", () => {
    const back = judgeReturn([went("app-1"), silent("app-2"), without("app-3"), went("app-4")]);
    const stayed = [{ machine: "app-3", said: "no earlier release" }];
    expect(back).toEqual({ served, silent: ["app-2"], stayed });
    const said = describeReturn({ served, silent: ["app-2"], stayed });
    expect(said).toMatch(/app-3 did not go back by itself.*\n {2}no earlier release\n/);
    expect(said).toMatch(/app-2 does not answer and was left.*\.\/dukaan up/);
  });

  it("has nothing to add when all went back", () => {
    const back = judgeReturn([went("app-1"), went("app-2")]);
    expect(back).toEqual({ served, silent: [], stayed: [] });
    expect(describeReturn({ served, silent: [], stayed: [] })).toBe("");
  });

  it("is refused with every machine's own words when none went back", () => {
    const refused = judgeReturn([without("app-1"), silent("app-2")]);
    expect(refused).toHaveProperty("refusal");
    expect(Object.values(refused).join("\n")).toMatch(
      /app-1 did not go back.*\n {2}no earlier release\napp-2 does not answer:\n {2}no route to host/,
    );
  });

  it("sends nobody to the app when not one machine could be asked", () => {
    const asked = judgeReturn([silent("app-1"), without("app-2")]);
    expect(asked).toHaveProperty("remedy", expect.stringContaining("Correct the app"));
    const lost = judgeReturn([silent("app-1"), silent("app-2")]);
    expect(lost).toHaveProperty("remedy", expect.stringMatching(/^Look at them.*diagnose/));
  });

  it("is refused when machines went back to different bundles", () => {
    const other = { release: "older", bundle: "c".repeat(64) };
    expect(judgeReturn([went("app-1"), silent("app-2"), went("app-3", other)])).toMatchObject({
      refusal: "the machines do not agree on a release: app-1 old, app-3 older",
    });
  });
});
