import { existsSync, realpathSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { execa } from "execa";
import { toolsDirectory } from "./cache.js";
import { pluginFolder } from "./home.js";
import { pulumi, type Tool } from "./tools.js";

/**
 * Looks for a tool that was installed by other means, in exactly the wanted version: on PATH, and where Pulumi's
 * installer and `pulumi plugin install` put things.
 * @returns the path of its executable
 */
export async function findInstalled(tool: Tool): Promise<string | undefined> {
  const homes = [process.env["PULUMI_HOME"], join(homedir(), ".pulumi")].filter((home) => home !== undefined);
  const folders = [
    ...(process.env["PATH"] ?? "").split(delimiter),
    ...homes.map((home) => join(home, tool === pulumi ? "bin" : pluginFolder(tool))),
  ];
  for (const folder of folders) {
    const path = join(folder, tool.executable);
    // What lies in our own cache is found through its content key, not by its version alone.
    if (!existsSync(path) || realpathSync(path).startsWith(toolsDirectory())) continue;
    if ((await versionOf(tool, path)) === tool.version) return path;
  }
  return undefined;
}

/** The version that a tool says it has, without a leading "v"; undefined if it cannot say. */
export async function versionOf(tool: Tool, path: string): Promise<string | undefined> {
  const { exitCode, stdout } = await execa(path, tool === pulumi ? ["version"] : ["--version"], {
    env: { PULUMI_SKIP_UPDATE_CHECK: "true" },
    reject: false,
    timeout: 20_000,
  });
  return exitCode === 0 ? /^(?:Version *: )?v?(\S+)$/m.exec(stdout)?.[1] : undefined;
}
