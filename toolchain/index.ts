/**
 * The tools this project needs besides Node.js: Pulumi's CLI, its language host and its plugins, each in one pinned
 * version. Each is taken from where it is installed already, else downloaded from its makers, else built from pinned
 * sources that come from package registries alone.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { hasPlugin, homeDirectory, homeEnvironment, isIntact } from "./home.js";
import type { ToolReport } from "./inspect.js";
import type { Report } from "./progress.js";
import { awsPlugin, pebble, pebbleDns, pulumi, type Tool, toolDirectory, versitygw } from "./tools.js";

export { ToolchainError } from "./errors.js";
export type { ToolReport } from "./inspect.js";
export { ensureImageLibrary, type ImageLibrary } from "./image-library.js";
export { ensureNodeRuntime, type NodeRuntime } from "./node-runtime.js";

/** Everything that is needed to run Pulumi. */
export interface Toolchain {
  /** The path of the CLI. */
  pulumi: string;
  /** The folder of the CLI and the language host. */
  binDir: string;
  /** PULUMI_HOME: the folder with the plugins. */
  pulumiHome: string;
  /** The variables to run Pulumi with, on top of the caller's environment; PATH is complete. */
  env: Record<string, string>;
}

/**
 * Makes sure that all tools are there. Takes milliseconds when they are, else up to ten minutes. Any number of
 * processes may call it at the same time; an interrupted call leaves nothing half-made.
 * @throws ToolchainError with a remedy
 */
export async function ensureToolchain(options: { onProgress?: Report } = {}): Promise<Toolchain> {
  const home = homeDirectory();
  if (!isIntact(home)) {
    // Loaded only when needed: most starts find everything in place.
    const { prepareHome } = await import("./prepare.js");
    await prepareHome(home, options.onProgress ?? (() => undefined));
  }
  const binDir = join(home, "bin");
  return { pulumi: join(binDir, pulumi.executable), binDir, pulumiHome: home, env: homeEnvironment(home) };
}

/**
 * Adds the plugin for AWS to what {@link ensureToolchain} has made; on its own, because its build is heavy and only stacks
 * on AWS need it. Takes milliseconds when it is there.
 * @throws ToolchainError with a remedy
 */
export async function ensureAwsPlugin(
  { pulumiHome }: Toolchain,
  options: { onProgress?: Report } = {},
): Promise<void> {
  if (hasPlugin(pulumiHome, awsPlugin)) return;
  const { preparePlugin } = await import("./prepare.js");
  await preparePlugin(awsPlugin, pulumiHome, options.onProgress ?? (() => undefined));
}

/** Whether the plugin for AWS is there, so that nothing has to be downloaded or built; else what that takes, for people. */
export async function awsPluginState(): Promise<{ there: true } | { there: false; takes: string }> {
  if (existsSync(join(toolDirectory(awsPlugin), awsPlugin.executable))) return { there: true };
  const { findInstalled } = await import("./installed.js");
  if ((await findInstalled(awsPlugin)) !== undefined) return { there: true };
  const { costOf } = await import("./go.js");
  return { there: false, takes: costOf(awsPlugin) };
}

/**
 * Makes sure that the local cloud's S3 server is there; on its own, because real clouds do not need it.
 * @returns the path of its executable
 * @throws ToolchainError with a remedy
 */
export async function ensureVersitygw(options: { onProgress?: Report } = {}): Promise<string> {
  return ensureTool(versitygw, options);
}

/** Pebble, an ACME authority for tests, and its DNS server. @returns the paths of both executables */
export async function ensurePebble(
  options: { onProgress?: Report } = {},
): Promise<{ pebble: string; dns: string }> {
  return { pebble: await ensureTool(pebble, options), dns: await ensureTool(pebbleDns, options) };
}

/**
 * Makes sure that one tool is there.
 * @returns the path of its executable
 * @throws ToolchainError with a remedy
 */
export async function ensureTool(tool: Tool, options: { onProgress?: Report } = {}): Promise<string> {
  const kept = join(toolDirectory(tool), tool.executable);
  if (existsSync(kept)) return kept;
  const report = options.onProgress ?? (() => undefined);
  const { prepareTool, withToolsLock } = await import("./prepare.js");
  return withToolsLock(report, () => prepareTool(tool, report));
}

/** Looks at every tool. Changes nothing, downloads nothing. */
export async function inspectToolchain(): Promise<ToolReport[]> {
  const { inspectTools } = await import("./inspect.js");
  return inspectTools();
}
