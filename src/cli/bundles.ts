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
  if ((await builtDigest()) === digest) return bundleDirectory();
  const kept = join(keptBundles, digest);
  if (existsSync(kept) && existsSync(`${kept}.json`)) return kept;
  throw new CliError(
    `the app's bundle that is deployed (${digest.slice(0, 12)}) is not on this computer`,
    "Run this where it was deployed from; or deploy what is built here first: ./dukaan up",
    ExitCode.precondition,
  );
}

async function builtDigest(): Promise<string | undefined> {
  const record = await readFile(`${bundleDirectory()}.json`, "utf8").catch(() => "{}");
  return (JSON.parse(record) as { digest?: string }).digest;
}

/** Keeps a copy of the bundle that is built here, which is about to be deployed; the latest five stay. */
export async function keepBundle(folder = keptBundles): Promise<void> {
  const source = bundleDirectory();
  const { digest } = JSON.parse(await readFile(`${source}.json`, "utf8")) as { digest: string };
  await mkdir(folder, { recursive: true });
  const kept = join(folder, digest);
  // What DUKAAN_API_BUNDLE names has its record beside it.
  await cp(`${source}.json`, `${kept}.json`);
  if (existsSync(kept)) {
    await utimes(kept, new Date(), new Date());
    return;
  }
  const staged = await mkdtemp(join(folder, ".incoming-"));
  try {
    await cp(source, staged, { recursive: true, preserveTimestamps: true });
    await rename(staged, kept);
  } finally {
    await rm(staged, { recursive: true, force: true });
  }
  await prune(folder);
}

/**
 * A stack can only be held at a bundle that is here, where machines are made that have not run it. One that is built here
 * is kept.
 * @param folder of the kept bundles
 * @throws CliError when it is not there
 */
export async function requireKept(digest: string, folder: string): Promise<void> {
  if (existsSync(join(folder, digest))) return;
  if ((await builtDigest()) === digest) return keepBundle(folder);
  throw new CliError(
    `the stack would go back to the app's bundle ${digest.slice(0, 12)}, which is not on this computer: new machines could not be made with it. Nothing was changed`,
    `Run it where that release was deployed from, or bring ${digest} from there to ${folder}. Or build it in a checkout of the app as it was then (./dukaan env), and name that here: DUKAAN_API_BUNDLE=<checkout>/dist/bundles/api ./dukaan rollback`,
    ExitCode.precondition,
  );
}

async function prune(folder: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => !name.includes("."));
  const ages = await Promise.all(
    names.map(async (name) => ({ name, at: (await stat(join(folder, name))).mtimeMs })),
  );
  const old = ages.toSorted((a, b) => b.at - a.at).slice(KEEP);
  for (const { name } of old) {
    await rm(join(folder, `${name}.json`), { force: true });
    await rm(join(folder, name), { recursive: true, force: true });
  }
}

/** The digest of the bundle that is deployed. @throws CliError when there is none */
export function bundleOf(resources: readonly StateResource[]): string {
  const release = resources.find(({ type }) => type === "dukaan:index:Release");
  const bundle = release?.inputs?.["bundle"] as { digest?: string } | undefined;
  if (bundle?.digest !== undefined) return bundle.digest;
  throw new CliError("the stack has no release yet", "Run ./dukaan up first.", ExitCode.precondition);
}
