import { cp, mkdtemp, mkdir, readdir, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { cacheDirectory } from "../../toolchain/cache.js";
import { bundleDirectory } from "../artifacts.js";

/** Deployed bundles of the app, one folder each, named by digest: what a rollback holds a stack at. */
export const keptBundles = join(cacheDirectory(), "bundles", "api");

const KEEP = 5;

/** Keeps a copy of the bundle that is about to be deployed; the latest five stay. */
export async function keepBundle(): Promise<void> {
  const source = bundleDirectory();
  const { digest } = JSON.parse(await readFile(`${source}.json`, "utf8")) as { digest: string };
  const kept = join(keptBundles, digest);
  await mkdir(keptBundles, { recursive: true });
  if (existsSync(kept)) {
    await utimes(kept, new Date(), new Date());
    return;
  }
  const staged = await mkdtemp(join(keptBundles, ".incoming-"));
  try {
    await cp(source, staged, { recursive: true, preserveTimestamps: true });
    await rename(staged, kept);
  } finally {
    await rm(staged, { recursive: true, force: true });
  }
  await prune();
}

async function prune(): Promise<void> {
  const names = (await readdir(keptBundles)).filter((name) => !name.startsWith("."));
  const ages = await Promise.all(
    names.map(async (name) => ({ name, at: (await stat(join(keptBundles, name))).mtimeMs })),
  );
  const old = ages.toSorted((a, b) => b.at - a.at).slice(KEEP);
  await Promise.all(old.map(({ name }) => rm(join(keptBundles, name), { recursive: true, force: true })));
}
