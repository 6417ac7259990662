import { cp, mkdtemp, mkdir, readdir, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { cacheDirectory } from "../../toolchain/cache.js";
import { bundleDirectory } from "../bundle-directory.js";
import { CliError, ExitCode } from "./errors.js";
import type { StateResource } from "./recovery/state.js";

/** Deployed bundles of the app, one folder each, named by digest: what a rollback holds a stack at. */
export const keptBundles = join(cacheDirectory(), "bundles", "api");

const KEEP = 5;

/**
 * The copy of a bundle that was deployed from this computer.
 * @throws CliError when there is none, and nothing of the same digest is built here
 */
export async function findDeployedBundle(digest: string): Promise<string> {
  const built = bundleDirectory();
  const record = await readFile(`${built}.json`, "utf8").catch(() => "{}");
  if ((JSON.parse(record) as { digest?: string }).digest === digest) return built;
  const kept = join(keptBundles, digest);
  if (existsSync(kept) && existsSync(`${kept}.json`)) return kept;
  throw new CliError(
    `the app's bundle that is deployed (${digest.slice(0, 12)}) is not on this computer`,
    "Run this where it was deployed from; or deploy what is built here first: ./dukaan up",
    ExitCode.precondition,
  );
}

/** Keeps a copy of the bundle that is about to be deployed; the latest five stay. */
export async function keepBundle(): Promise<void> {
  const source = bundleDirectory();
  const { digest } = JSON.parse(await readFile(`${source}.json`, "utf8")) as { digest: string };
  await mkdir(keptBundles, { recursive: true });
  const kept = join(keptBundles, digest);
  // What DUKAAN_API_BUNDLE names has its record beside it.
  await cp(`${source}.json`, `${kept}.json`);
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

/**
 * A stack can only be held at a bundle that is here, where machines are made that have not run it.
 * @param folder of the kept bundles
 * @throws CliError when it is not there
 */
export function requireKept(digest: string, folder: string): void {
  if (existsSync(join(folder, digest))) return;
  throw new CliError(
    `the stack would go back to the app's bundle ${digest.slice(0, 12)}, which is not on this computer: new machines could not be made with it. Nothing was changed`,
    `Run it where that release was deployed from, or bring ${digest} from there to ${folder}. Without it: check out the app as it was, and deploy that with ./dukaan up --release latest.`,
    ExitCode.precondition,
  );
}

async function prune(): Promise<void> {
  const names = (await readdir(keptBundles)).filter((name) => !name.includes("."));
  const ages = await Promise.all(
    names.map(async (name) => ({ name, at: (await stat(join(keptBundles, name))).mtimeMs })),
  );
  const old = ages.toSorted((a, b) => b.at - a.at).slice(KEEP);
  for (const { name } of old) {
    await rm(join(keptBundles, `${name}.json`), { force: true });
    await rm(join(keptBundles, name), { recursive: true, force: true });
  }
}

/** The digest of the bundle that is deployed. @throws CliError when there is none */
export function bundleOf(resources: readonly StateResource[]): string {
  const release = resources.find(({ type }) => type === "dukaan:index:Release");
  const bundle = release?.inputs?.["bundle"] as { digest?: string } | undefined;
  if (bundle?.digest !== undefined) return bundle.digest;
  throw new CliError("the stack has no release yet", "Run ./dukaan up first.", ExitCode.precondition);
}
