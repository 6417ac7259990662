import { execa } from "execa";
import { join } from "node:path";
import { expect, test } from "vitest";
import { sources } from "../../toolchain/cache.js";
import { withLock } from "../../toolchain/lock.js";
import { temporaryFolder, writeFiles } from "./files.js";

test("one at a time, and the others are told that they wait", async () => {
  const file = join(temporaryFolder(), "deep", "lock");
  const events: string[] = [];
  const worker = (name: string) =>
    withLock(
      file,
      async () => {
        events.push(`${name} in`);
        await new Promise((resolve) => void setTimeout(resolve, 50));
        events.push(`${name} out`);
        return name;
      },
      () => events.push(`${name} waits`),
    );
  expect(await Promise.all([worker("a"), worker("b")])).toEqual(["a", "b"]);
  expect(events).toEqual(["a in", "b waits", "a out", "b in", "b out"]);
});

test("an error in the work releases the lock", async () => {
  const file = join(temporaryFolder(), "lock");
  await expect(withLock(file, () => Promise.reject(new Error("disk full")))).rejects.toThrow("disk full");
  expect(await withLock(file, () => Promise.resolve("next"))).toBe("next");
});

test("a process that is killed while it holds the lock leaves nothing to wait for", async () => {
  const folder = temporaryFolder();
  const file = join(folder, "lock");
  writeFiles(folder, {
    "holder.mjs": `
      import { withLock } from ${JSON.stringify(join(sources, "lock.ts"))};
      await withLock(${JSON.stringify(file)}, () => { console.log("held"); return new Promise(() => setInterval(() => {}, 1000)); });
    `,
  });
  const holder = execa(process.execPath, [join(folder, "holder.mjs")], { reject: false });
  await new Promise((resolve) => holder.stdout.once("data", resolve));

  let waited = false;
  const next = withLock(
    file,
    () => Promise.resolve("next"),
    () => {
      waited = true;
      holder.kill("SIGKILL");
    },
  );
  expect(await next).toBe("next");
  expect(waited).toBe(true);
});
