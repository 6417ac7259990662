import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "dukaan-bundles-"));
  vi.stubEnv("DUKAAN_CACHE", join(folder, "cache"));
  vi.stubEnv("DUKAAN_API_BUNDLE", join(folder, "api"));
  vi.resetModules();
  await mkdir(join(folder, "api/assets"), { recursive: true });
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

it("keeps a copy of each deployed bundle by its digest, the latest five", async () => {
  const { findDeployedBundle, keepBundle, keptBundles } = await import("../../src/cli/bundles.js");
  expect(keptBundles.startsWith(folder)).toBe(true);
  for (const digest of ["a", "b", "c", "a", "d", "e", "f"]) {
    await writeFile(join(folder, "api/assets/name"), digest);
    await writeFile(join(folder, "api.json"), JSON.stringify({ digest }));
    await keepBundle();
    expect(await readFile(join(keptBundles, digest, "assets/name"), "utf8")).toBe(digest);
    // Ages are told apart by time stamps.
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const kept = ["a", "c", "d", "e", "f"].flatMap((digest) => [digest, `${digest}.json`]);
  expect((await readdir(keptBundles)).toSorted()).toEqual(kept);

  expect(await findDeployedBundle("f")).toBe(join(folder, "api"));
  expect(await findDeployedBundle("c")).toBe(join(keptBundles, "c"));
  await expect(findDeployedBundle("b")).rejects.toThrow(
    /bundle that is deployed \(b\) is not on this computer/,
  );
});

it("keeps what a stack goes back to when it is built here, and refuses what is nowhere", async () => {
  const { requireKept } = await import("../../src/cli/bundles.js");
  const kept = join(folder, "kept");
  await writeFile(join(folder, "api/assets/name"), "built");
  await writeFile(join(folder, "api.json"), '{ "digest": "built" }');
  await requireKept("built", kept);
  await requireKept("built", kept);
  expect(await readFile(join(kept, "built/assets/name"), "utf8")).toBe("built");
  await expect(requireKept("lost", kept)).rejects.toMatchObject({
    message: expect.stringMatching(/bundle lost, which is not on this computer.*Nothing was changed/),
    remedy: expect.stringContaining("DUKAAN_API_BUNDLE="),
  });
});
