import { defineConfig } from "vitest/config";

const project = (
  name: string,
  options: { serial?: boolean; workers?: number; timeout: number; machines?: boolean },
) => ({
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    testTimeout: options.timeout,
    hookTimeout: options.timeout,
    fileParallelism: !options.serial,
    // How soon something comes about on a busy computer is not what these tests are about.
    expect: { poll: { timeout: 30_000 } },
    ...(options.workers !== undefined && { maxWorkers: options.workers }),
    ...(options.machines && { globalSetup: "test/lab-folder.ts" }),
  },
});

// From fast to slow; each project is a folder of test/. `local`, `alone` and `e2e` boot real machines and need root.
// `alone` compares the whole computer before and after, or wants all of it for a load. In `local` and `e2e` each file has
// local clouds of its own, of the four that fit on a computer; in `e2e` more than half of the time is waiting.
export default defineConfig({
  test: {
    projects: [
      project("unit", { workers: 2, timeout: 60_000 }),
      project("property", { workers: 2, timeout: 60_000 }),
      project("toolchain", { workers: 2, timeout: 120_000 }),
      project("app", { workers: 2, timeout: 120_000 }),
      project("local", { machines: true, workers: 2, timeout: 300_000 }),
      project("alone", { machines: true, serial: true, timeout: 600_000 }),
      project("aws", { workers: 2, timeout: 1_200_000 }),
      project("e2e", { machines: true, workers: 2, timeout: 600_000 }),
    ],
  },
});
