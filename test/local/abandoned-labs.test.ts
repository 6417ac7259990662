import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { execa } from "execa";
import { expect, onTestFinished, test } from "vitest";
import { slotsInUse } from "../../local/machines/slots.js";
import removeAbandonedLabs from "../lab-folder.js";
import { openLab } from "./machine-lab.js";

const open = async (): Promise<string[]> => (await slotsInUse()).map(({ instance }) => instance);

test("local clouds of a test that was cut off are removed; those of one that still runs stay", async () => {
  const ended = execa("true");
  await ended;
  const ours = await openLab("t-running");
  onTestFinished(() => ours.remove());
  const left = await openLab("t-left", ended.pid);
  onTestFinished(() => rm(left.home, { recursive: true, force: true }));
  expect(await open()).toEqual(expect.arrayContaining(["t-running", "t-left"]));

  await removeAbandonedLabs();
  expect(await open()).toContain("t-running");
  expect(await open()).not.toContain("t-left");
  expect(existsSync(ours.home)).toBe(true);
  expect(existsSync(left.home)).toBe(false);
  expect(existsSync(`/run/netns/${left.instance.world}`)).toBe(false);
});
