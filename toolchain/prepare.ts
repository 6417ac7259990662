import { existsSync } from "node:fs";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { toolsDirectory } from "./cache.js";
import { download } from "./download.js";
import { buildWithGo } from "./go.js";
import { addPlugin, isIntact, type Located, makeHome } from "./home.js";
import { findInstalled } from "./installed.js";
import { bundleLanguageHost, languageHostDirectory } from "./language-host/bundle.js";
import { withLock } from "./lock.js";
import type { Report } from "./progress.js";
import { type Tool, toolDirectory, tools } from "./tools.js";

/** Names of files and folders that are still being made begin so. */
const unfinished = ".unfinished-";

/** Makes a home for Pulumi with everything it needs, unless another process has done so meanwhile. */
export async function prepareHome(home: string, report: Report): Promise<void> {
  await withToolsLock(report, async () => {
    if (isIntact(home)) return;
    const found: Located[] = [];
    for (const tool of tools) found.push({ tool, path: await prepareTool(tool, report) });
    const host = languageHostDirectory();
    await makeOnce(host, bundleLanguageHost);
    await rm(home, { recursive: true, force: true });
    await makeOnce(home, (directory) => makeHome(directory, found, join(host, "host.cjs")));
  });
}

/** Adds a plugin to a home that is there. */
export async function preparePlugin(tool: Tool, home: string, report: Report): Promise<void> {
  await withToolsLock(report, async () => {
    await addPlugin(home, { tool, path: await prepareTool(tool, report) });
  });
}

/**
 * Finds, downloads or builds a tool. The caller holds the lock.
 * @returns the path of its executable
 */
export async function prepareTool(tool: Tool, report: Report): Promise<string> {
  const directory = toolDirectory(tool);
  const kept = join(directory, tool.executable);
  if (existsSync(kept)) return kept;
  const installed = await findInstalled(tool);
  if (installed !== undefined) return installed;
  await makeOnce(directory, async (empty) => {
    if (!(await download(tool, empty, report))) await buildWithGo(tool, empty, report);
  });
  report(`The ${tool.title} ${tool.version} is ready`);
  return kept;
}

/**
 * Makes a folder by filling an empty one beside it and renaming that: it is there completely or not at all.
 * Does nothing if it is there. The caller holds the lock.
 */
export async function makeOnce(directory: string, fill: (empty: string) => Promise<void>): Promise<void> {
  if (existsSync(directory)) return;
  const staging = join(dirname(directory), unfinished + basename(directory));
  await rm(staging, { recursive: true, force: true });
  await mkdir(staging, { recursive: true });
  try {
    await fill(staging);
    await rename(staging, directory);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

/** Runs `work` as the only one that changes the tools, after removing what interrupted runs have left. */
export async function withToolsLock<Result>(report: Report, work: () => Promise<Result>): Promise<Result> {
  const directory = toolsDirectory();
  const removeLeftovers = async () => {
    const names = (await readdir(directory)).filter((name) => name.startsWith(unfinished));
    await Promise.all(names.map((name) => rm(join(directory, name), { recursive: true, force: true })));
  };
  return withLock(
    join(directory, "lock"),
    async () => {
      await removeLeftovers();
      return work();
    },
    () => report("Waiting for another run of Dukaan that is preparing the same tools"),
  );
}
