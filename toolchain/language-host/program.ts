import { createRequire } from "node:module";
import { join } from "node:path";
import type { ProgramInfo, RunPluginRequest, RunRequest } from "@pulumi/pulumi/proto/language_pb.js";

/** What `runtime.options` of a Pulumi.yaml may say. Other options of Pulumi concern the installation only. */
interface Options {
  typescript: boolean;
  tsconfig?: string;
  nodeargs: string[];
}

/** Reads the options; throws an error that names the wrong one. */
export function readOptions(info: ProgramInfo | undefined): Options {
  const { typescript = true, tsconfig, nodeargs = "" } = info?.getOptions()?.toJavaScript() ?? {};
  if (typeof typescript !== "boolean") throw new Error("runtime.options.typescript must be true or false");
  if (typeof nodeargs !== "string") throw new Error("runtime.options.nodeargs must be a text");
  if (tsconfig !== undefined && typeof tsconfig !== "string") {
    throw new Error("runtime.options.tsconfig must be a text");
  }
  return {
    typescript,
    nodeargs: nodeargs.split(/\s+/).filter((arg) => arg !== ""),
    ...(tsconfig !== undefined && { tsconfig }),
  };
}

/** The arguments for Node.js that run a program with the launcher of its own Pulumi SDK. */
export function programArguments(request: RunRequest, engineAddress: string): string[] {
  const info = request.getInfo();
  const directory = info?.getProgramDirectory() ?? "";
  const flags: [string, string | undefined][] = [
    ["monitor", request.getMonitorAddress()],
    ["engine", engineAddress],
    ["organization", request.getOrganization()],
    ["project", request.getProject()],
    ["root-directory", info?.getRootDirectory()],
    ["stack", request.getStack()],
    ["pwd", directory],
    ["parallel", String(request.getParallel())],
  ];
  return [
    ...readOptions(info).nodeargs,
    launcher(directory, "run"),
    ...flags.flatMap(([name, value]) => (value ? [`--${name}`, value] : [])),
    ...(request.getDryrun() ? ["--dry-run"] : []),
    info?.getEntryPoint() || ".",
    ...request.getArgsList(),
  ];
}

/** The environment of a program: that of the engine, and the stack's configuration (secrets among it, in the clear). */
export function programEnvironment(request: RunRequest): NodeJS.ProcessEnv {
  return {
    ...process.env,
    ...optionEnvironment(request.getInfo()),
    PULUMI_CONFIG: JSON.stringify(Object.fromEntries(request.getConfigMap().toArray())),
    PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(request.getConfigsecretkeysList()),
  };
}

/** Whether the plugin is a policy pack, which is started differently from a provider. */
export function isPolicyPack(request: RunPluginRequest): boolean {
  return request.getKind() === "analyzer";
}

/** The arguments for Node.js that run a provider or a policy pack. */
export function pluginArguments(request: RunPluginRequest): string[] {
  const info = request.getInfo();
  const directory = info?.getProgramDirectory() ?? "";
  const { nodeargs } = readOptions(info);
  // A policy pack's launcher expects the engine's address first and the program last.
  return isPolicyPack(request)
    ? [...nodeargs, launcher(directory, "run-policy-pack"), ...request.getArgsList(), directory]
    : [...nodeargs, launcher(directory, "run-plugin"), directory, ...request.getArgsList()];
}

/** The environment of a plugin: what the engine says, nothing else. */
export function pluginEnvironment(request: RunPluginRequest): NodeJS.ProcessEnv {
  const given = request.getEnvList().map((entry) => {
    const equals = entry.indexOf("=");
    return [entry.slice(0, equals), entry.slice(equals + 1)];
  });
  return { ...Object.fromEntries(given), ...optionEnvironment(request.getInfo()) };
}

function optionEnvironment(info: ProgramInfo | undefined): NodeJS.ProcessEnv {
  const { typescript, tsconfig } = readOptions(info);
  return {
    NODE_NO_WARNINGS: "1",
    NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"],
    ...(typescript && { PULUMI_NODEJS_TYPESCRIPT: "true" }),
    ...(tsconfig !== undefined && { PULUMI_NODEJS_TSCONFIG_PATH: tsconfig }),
  };
}

function launcher(directory: string, name: string): string {
  try {
    return createRequire(join(directory, "index.js")).resolve(`@pulumi/pulumi/cmd/${name}`);
  } catch (error) {
    throw new Error(`@pulumi/pulumi is not installed in ${directory} or above it: run npm ci there`, {
      cause: error,
    });
  }
}
