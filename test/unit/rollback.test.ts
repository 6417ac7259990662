import { describe, expect, it } from "vitest";
import {
  activeOn,
  describeReturn,
  judgeReturn,
  type MachineReturn,
  recordedBy,
  releasesBut,
} from "../../src/cli/going-back.js";

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

describe("the record of a rollback", () => {
  const resource = (type: string, name: string, outputs = {}) => ({
    urn: `urn:pulumi:aws::dukaan::dukaan:index:Environment$${type}::${name}`,
    type,
    outputs,
  });
  const machines = [
    resource("dukaan:index:Role", "app-1-nginx"),
    resource("dukaan:index:Release", "app-1-api", { active: "new" }),
    resource("dukaan:index:ReleaseCandidate", "app-1-api"),
    resource("dukaan:index:Release", "app-2-api", { active: "old" }),
    resource("aws:ec2/instance:Instance", "app-1"),
  ];
  const group = [
    resource("dukaan:index:BootPackage", "app-group"),
    resource("aws:ec2/launchTemplate:LaunchTemplate", "app-group"),
    resource("dukaan:index:InstanceRefresh", "app-group"),
  ];
  const namesOf = (resources: readonly { type: string; urn: string }[]) =>
    resources.map(({ type, urn }) => `${type.replace(/^.*[:/]/, "")} ${urn.replace(/^.*::/, "")}`);

  it("is the releases of the machines that answered", () => {
    expect(namesOf(recordedBy(machines, ["app-2"]))).toEqual([
      "Release app-1-api",
      "ReleaseCandidate app-1-api",
    ]);
  });

  it("brings a group along, with the roles that travel with its package, and nothing else", () => {
    expect(namesOf(recordedBy([...machines, ...group], []))).toEqual([
      "Release app-1-api",
      "ReleaseCandidate app-1-api",
      "Release app-2-api",
      "Role app-1-nginx",
      "BootPackage app-group",
      "LaunchTemplate app-group",
      "InstanceRefresh app-group",
    ]);
  });

  it("goes by what each machine has, not by what the stack has told when it last came to an end", () => {
    expect([activeOn("app-1", machines), activeOn("app-2", machines)]).toEqual(["new", "old"]);
    expect(activeOn("app-3", machines)).toBeUndefined();
    expect(namesOf(releasesBut(machines, ["app-1"]))).toEqual(["Release app-2-api"]);
  });
});
