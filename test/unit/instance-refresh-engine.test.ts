import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { createInstanceRefresh } from "../../providers/dukaan/resources/instance-refresh.js";
import { unknown } from "../../providers/dukaan/values.js";
import { noCredentialsIn } from "./instance-connect.js";
import { TestEngine } from "./provider-engine.js";

const token = "dukaan:index:InstanceRefresh";
const inputs = { region: "eu-west-2", group: "lab-app", template: "lt-1", templateVersion: 7, least: 2 };
const home = mkdtempSync(join(tmpdir(), "dukaan-refresh-"));
let engine: TestEngine;

beforeAll(async () => {
  for (const [name, value] of Object.entries(noCredentialsIn(home))) vi.stubEnv(name, value);
  const refresh = createInstanceRefresh({ between: 0.01, atMost: 1, clear: 1 });
  engine = await TestEngine.start(() => Promise.resolve(refresh));
});
afterAll(() => {
  engine.close();
  vi.unstubAllEnvs();
  rmSync(home, { recursive: true, force: true });
});

describe("the engine, of an instance refresh,", () => {
  test("asks AWS nothing in a preview, nor to delete", async () => {
    const previewed = await engine.create(token, { ...inputs, templateVersion: unknown }, true);
    expect(previewed.outputs).toEqual({ active: unknown });
    const state = { id: "lab-app", inputs, outputs: { active: 7 } };
    expect((await engine.update(token, state, { ...inputs, templateVersion: 8 }, true)).outputs).toEqual({
      active: 8,
    });
    // There are no credentials: to ask would fail.
    await engine.delete(token, state);
  });

  test("goes to another version in place, and to another group anew", async () => {
    const state = { id: "lab-app", inputs, outputs: { active: 7 } };
    expect(await engine.diff(token, state, inputs)).toEqual({ changes: {}, replaces: [] });
    expect(await engine.diff(token, state, { ...inputs, templateVersion: 8, alarms: ["errors"] })).toEqual({
      changes: { templateVersion: "update", alarms: "add" },
      replaces: [],
    });
    expect((await engine.diff(token, state, { ...inputs, group: unknown })).replaces).toEqual(["group"]);
  });

  test("takes versions by number alone: AWS goes back to no other", async () => {
    await expect(engine.check(token, { ...inputs, templateVersion: "$Latest" })).rejects.toThrow(
      "templateVersion",
    );
    await expect(engine.check(token, { ...inputs, templateVersion: 0, least: -1 })).rejects.toThrow(
      "templateVersion: versions are counted from 1\nleast: must not be negative",
    );
    expect(await engine.check(token, { ...inputs, templateVersion: unknown })).toMatchObject({ least: 2 });
  });
});
