import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { projectRoot } from "../../src/project.js";

/** Runs a program that ends soon. */
const run = (lines: string) =>
  spawnSync(
    process.execPath,
    ["--input-type=module", "--eval", `import { endSoon } from "${projectRoot}/src/cli/end.ts"; ${lines}`],
    { encoding: "utf8", timeout: 9000, maxBuffer: 2 ** 24 },
  );

test("a command ends with its own exit code although a program that it started goes on", () => {
  const { status, signal } = run(`
    const { spawn } = await import("node:child_process");
    spawn("sleep", ["10"]);
    process.exitCode = 4;
    endSoon();
  `);
  expect([status, signal]).toEqual([4, null]);
});

test("a command ends at once where nothing goes on, and all that it has printed is out", () => {
  const { stdout, stderr, status } = run(`
    const began = performance.now();
    process.on("exit", () => console.error(performance.now() - began));
    process.stdout.write("x".repeat(1_000_000));
    endSoon();
  `);
  expect([stdout.length, status]).toEqual([1_000_000, 0]);
  expect(Number(stderr)).toBeLessThan(900);
});
