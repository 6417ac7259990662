import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { execa } from "execa";
import { expect, onTestFinished, test } from "vitest";
import { startLocalCloud, stopLocalCloud } from "../../local/client.js";
import { startTimeOf } from "../../local/machines/pid-file.js";
import { slotsInUse } from "../../local/machines/slots.js";
import removeAbandonedLabs, { makeLabFolder } from "../lab-folder.js";
import { openLab } from "../local/machine-lab.js";

const open = async (): Promise<string[]> => (await slotsInUse()).map(({ instance }) => instance);

test("local clouds of a test that was cut off are removed; those of one that still runs stay", async () => {
  const ours = await openLab("t-running");
  onTestFinished(() => ours.remove());
  const ended = execa("true");
  await ended;
  const left = await makeLabFolder("/var/lib", ended.pid);
  process.env["DUKAAN_LOCAL_HOME"] = left;
  onTestFinished(async () => {
    for (const instance of ["t-left", "t-other"]) await stopLocalCloud(instance, { onProgress: () => {} });
    delete process.env["DUKAAN_LOCAL_HOME"];
    await rm(left, { recursive: true, force: true });
  });
  const pids: number[] = [];
  for (const instance of ["t-left", "t-other"])
    pids.push((await startLocalCloud({ instance, onProgress: () => {} })).pid);

  await removeAbandonedLabs();
  const still = await open();
  expect(still).toContain("t-running");
  for (const instance of ["t-left", "t-other"]) expect(still).not.toContain(instance);
  expect(existsSync(ours.home)).toBe(true);
  expect(existsSync(left)).toBe(false);
  expect(await Promise.all(pids.map(startTimeOf))).toEqual([undefined, undefined]);
  expect(process.env["DUKAAN_LOCAL_HOME"]).toBe(left);
});
