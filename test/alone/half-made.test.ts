import { existsSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type MachineLab, machineSpec, openLab, until } from "../local/machine-lab.js";
import { beginMaking, killed } from "../local/making.js";
import { hostTraces } from "./traces.js";

let before: Set<string>;
let lab: MachineLab;

beforeAll(async () => {
  before = await hostTraces();
  lab = await openLab("a-half");
});
afterAll(async () => lab?.remove());

test("a cloud that is removed after its server was killed in the middle of making a machine leaves the computer as it was", async () => {
  await lab.host.createMachine(await machineSpec(lab, "1"));
  await lab.host.startMachine("1");
  await lab.host.close();
  const child = await beginMaking(lab, await machineSpec(lab, "3"));
  await until(() => existsSync(`/run/netns/${lab.instance.world}.m3`));
  await killed(child);
  expect([...(await hostTraces())].filter((line) => !before.has(line)).join("\n")).toMatch(/\.m1$[^]*\.m3$/m);

  await lab.remove();
  const after = await hostTraces();
  expect([...after].filter((line) => !before.has(line))).toEqual([]);
  expect([...before].filter((line) => !after.has(line))).toEqual([]);
});
