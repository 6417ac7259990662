import { defineConfig } from "vitest/config";

const project = (name: string, options: { serial?: boolean; timeout?: number } = {}) => ({
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    testTimeout: options.timeout ?? 10_000,
    hookTimeout: options.timeout ?? 10_000,
    fileParallelism: !options.serial,
  },
});

// From fast to slow; each project is a folder of test/. `local` and `e2e` boot real machines and need root.
export default defineConfig({
  test: {
    projects: [
      project("unit"),
      project("property", { timeout: 60_000 }),
      project("toolchain", { timeout: 120_000 }),
      project("app", { serial: true, timeout: 120_000 }),
      project("local", { serial: true, timeout: 300_000 }),
      project("e2e", { serial: true, timeout: 600_000 }),
    ],
  },
});
