import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { withLock } from "../../local/machines/lock.js";
import { KeyedQueue } from "../../local/queue.js";

test("tasks of one key run in order, one at a time; other keys do not wait", async () => {
  const queue = new KeyedQueue();
  const seen: string[] = [];
  const task = (name: string, milliseconds: number) => async (): Promise<void> => {
    seen.push(`${name} begins`);
    await sleep(milliseconds);
    seen.push(`${name} ends`);
  };
  void queue.run("a", task("a1", 30));
  void queue.run("a", task("a2", 1));
  void queue.run("b", task("b1", 1));
  await queue.idle();
  expect(seen.filter((each) => each.startsWith("a"))).toEqual([
    "a1 begins",
    "a1 ends",
    "a2 begins",
    "a2 ends",
  ]);
  expect(seen.indexOf("b1 ends")).toBeLessThan(seen.indexOf("a1 ends"));
});

test("a task that fails tells its caller, and the next one runs", async () => {
  const queue = new KeyedQueue();
  const failing = queue.run("a", () => Promise.reject(new Error("broken")));
  const next = queue.run("a", () => Promise.resolve("fine"));
  await expect(failing).rejects.toThrow("broken");
  expect(await next).toBe("fine");
});

test("a lock lets one in at a time, and says when somebody waits", async () => {
  const folder = await mkdtemp(`${tmpdir()}/lock-`);
  let inside = 0;
  let most = 0;
  let waits = 0;
  const task = async (): Promise<void> => {
    most = Math.max(most, ++inside);
    await sleep(700);
    inside--;
  };
  const waiting = (): void => {
    waits++;
  };
  await Promise.all([withLock(`${folder}/x`, task, waiting), withLock(`${folder}/x`, task, waiting)]);
  expect(most).toBe(1);
  expect(waits).toBe(1);
  await rm(folder, { recursive: true });
});
