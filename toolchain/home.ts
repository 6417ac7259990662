import { existsSync, readFileSync, realpathSync, statSync } from "node:fs";
import { copyFile, link, mkdir, readdir, realpath, rename, rm, symlink, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, dirname, join } from "node:path";
import { cacheDirectory, contentKey, toolsDirectory } from "./cache.js";
import { languageHostDirectory } from "./language-host/bundle.js";
import { awsPlugin, pulumi, type Tool, toolDirectory, tools } from "./tools.js";

/** Where a tool was found. */
export interface Located {
  tool: Tool;
  path: string;
}

/** What a home was made from, kept beside it so that it is noticed when a tool has changed or gone since. */
interface HomeRecord {
  files: { path: string; size: number; modified: number }[];
}

/** The home that belongs to the wanted tools and to this Node.js; another version of anything, another home. */
export function homeDirectory(): string {
  // The plugin for AWS may never be in it. But checkouts that want different builds must not put them in one another's way.
  const wanted = [...tools, awsPlugin]
    .map(toolDirectory)
    .concat(languageHostDirectory())
    .map((path) => basename(path));
  return join(toolsDirectory(), `home-${contentKey([], ...wanted, process.execPath)}`);
}

const recordName = "toolchain.json";
const languageHost = "pulumi-language-nodejs";

/**
 * Fills an empty folder so that it can be Pulumi's home (PULUMI_HOME): the CLI and its language host in bin/, as
 * Pulumi's installer lays them out, and the plugins where Pulumi looks for those it has installed itself.
 * @param hostFile the language host of ours, used where the CLI comes without one
 */
export async function makeHome(directory: string, found: Located[], hostFile: string): Promise<void> {
  const bin = join(directory, "bin");
  await mkdir(bin, { recursive: true });
  for (const { tool, path } of found) {
    if (tool === pulumi) {
      await addPulumi(bin, await realpath(path), hostFile);
    } else {
      await addPlugin(directory, { tool, path });
    }
  }
  const record: HomeRecord = { files: [...found.map(({ path }) => path), hostFile].map(describeFile) };
  await writeFile(join(directory, recordName), JSON.stringify(record));
}

/** Puts a plugin where Pulumi looks for those it has installed itself, in place of another build of it. */
export async function addPlugin(home: string, { tool, path }: Located): Promise<void> {
  const place = join(home, pluginFolder(tool), tool.executable);
  const fresh = `${place}.new`;
  await mkdir(dirname(place), { recursive: true });
  await rm(fresh, { force: true });
  await symlink(path, fresh);
  await rename(fresh, place);
}

/** Whether a home has a plugin: one that was installed by other means, or the build that is wanted now. */
export function hasPlugin(home: string, tool: Tool): boolean {
  const place = join(home, pluginFolder(tool), tool.executable);
  if (!existsSync(place)) return false;
  const path = realpathSync(place);
  const ours = realpathSync(toolsDirectory());
  return !path.startsWith(ours) || dirname(path) === join(ours, basename(toolDirectory(tool)));
}

/** Where Pulumi keeps a plugin, below its home. */
export function pluginFolder(tool: Tool): string {
  return join("plugins", `resource-${tool.name}-v${tool.version}`);
}

async function addPulumi(bin: string, executable: string, hostFile: string): Promise<void> {
  const folder = dirname(executable);
  if (existsSync(join(folder, languageHost))) {
    const names = (await readdir(folder)).filter((name) => name.startsWith("pulumi"));
    await Promise.all(names.map((name) => symlink(join(folder, name), join(bin, name))));
    return;
  }
  // Pulumi follows symbolic links and looks for its language host where it really lies, so this must be no such link.
  await link(executable, join(bin, "pulumi")).catch(() => copyFile(executable, join(bin, "pulumi")));
  const script = `#!/bin/sh
NODE_COMPILE_CACHE=\${NODE_COMPILE_CACHE:-${shellText(compileCache())}}
export NODE_COMPILE_CACHE
exec ${shellText(process.execPath)} --no-warnings ${shellText(hostFile)} "$@"
`;
  await writeFile(join(bin, languageHost), script, { mode: 0o755 });
}

/** Whether a home is there and everything in it still is what it was when the home was made. */
export function isIntact(directory: string): boolean {
  try {
    const record: HomeRecord = JSON.parse(readFileSync(join(directory, recordName), "utf8"));
    return record.files.every((file) => JSON.stringify(file) === JSON.stringify(describeFile(file.path)));
  } catch {
    return false; // not there, or a file of it is not
  }
}

function describeFile(path: string): HomeRecord["files"][number] {
  const { size, mtimeMs } = statSync(path);
  return { path, size, modified: mtimeMs };
}

/** The variables with which Pulumi uses a home, for it and for everything it starts. */
export function homeEnvironment(home: string): Record<string, string> {
  const { PATH = "", PULUMI_CREDENTIALS_PATH, PULUMI_HOME } = process.env;
  const bin = join(home, "bin");
  return {
    PATH: PATH.split(":").includes(bin) ? PATH : `${bin}:${PATH}`,
    PULUMI_HOME: home,
    // Whoever has run `pulumi login` stays logged in.
    PULUMI_CREDENTIALS_PATH: PULUMI_CREDENTIALS_PATH || PULUMI_HOME || join(homedir(), ".pulumi"),
    PULUMI_SKIP_UPDATE_CHECK: "true",
    PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
    NODE_COMPILE_CACHE: compileCache(),
    NODE_NO_WARNINGS: "1",
  };
}

/** Where Node.js keeps compiled JavaScript, so that every later start is quicker. */
function compileCache(): string {
  return join(cacheDirectory(), "node-compile");
}

function shellText(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
