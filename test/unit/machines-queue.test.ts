import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
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

test.each(["x", "."])("a lock on %s lets one in at a time, and says when somebody waits", async (name) => {
  const folder = await mkdtemp(`${tmpdir()}/lock-`);
  const seen: string[] = [];
  const waited = Promise.withResolvers<void>();
  const waiting = (): void => {
    seen.push("waits");
    waited.resolve();
  };
  const task = async (): Promise<void> => {
    seen.push("in");
    await waited.promise;
    await sleep(50);
    seen.push("out");
  };
  const run = (): Promise<void> => withLock(join(folder, name), task, waiting);
  await Promise.all([run(), run()]);
  expect(seen.filter((each) => each !== "waits")).toEqual(["in", "out", "in", "out"]);
  // By two processes: who is in and who waits is told in either order.
  expect(seen.slice(0, 2).toSorted()).toEqual(["in", "waits"]);
  await rm(folder, { recursive: true });
});
