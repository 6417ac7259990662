import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { UntypedServiceImplementation } from "@grpc/grpc-js";
import {
  AboutResponse,
  GetProgramDependenciesResponse,
  GetRequiredPackagesResponse,
  InstallDependenciesResponse,
  LanguageHandshakeResponse,
  RunPluginResponse,
  RunResponse,
  type GetProgramDependenciesRequest,
  type GetRequiredPackagesRequest,
  type InstallDependenciesRequest,
  type LanguageHandshakeRequest,
  type RunPluginRequest,
  type RunRequest,
} from "@pulumi/pulumi/proto/language_pb.js";
import { PluginInfo } from "@pulumi/pulumi/proto/plugin_pb.js";
import { Empty } from "google-protobuf/google/protobuf/empty_pb.js";
import { messageOf, streaming, unary } from "./methods.js";
import { programDependencies, requiredPackages } from "./packages.js";
import { type Ending, runNode } from "./process.js";
import {
  isPolicyPack,
  pluginArguments,
  pluginEnvironment,
  programArguments,
  programEnvironment,
} from "./program.js";

/** The version of the protocol that is spoken here: that of the Pulumi CLI this host is made for. */
export const version = "3.259.0";

/** A program ends with this code after it has reported its error itself. */
const alreadyReported = 32;

/**
 * The methods the engine calls. What only code generators and `pulumi new` call (GenerateProgram, Pack, …) is not here:
 * gRPC answers "unimplemented" for it.
 */
export function languageRuntime(engineAddress: string): UntypedServiceImplementation {
  let engine = engineAddress;
  const cancelled = new AbortController();
  return {
    handshake: unary((request: LanguageHandshakeRequest) => {
      engine = request.getEngineAddress();
      return new LanguageHandshakeResponse();
    }),
    getPluginInfo: unary(() => new PluginInfo().setVersion(version)),
    about: unary(about),
    getRequiredPackages: unary((request: GetRequiredPackagesRequest) =>
      new GetRequiredPackagesResponse().setPackagesList(
        requiredPackages(request.getInfo()?.getProgramDirectory() ?? ""),
      ),
    ),
    getProgramDependencies: unary((request: GetProgramDependenciesRequest) =>
      new GetProgramDependenciesResponse().setDependenciesList(
        programDependencies(
          request.getInfo()?.getProgramDirectory() ?? "",
          request.getTransitivedependencies(),
        ),
      ),
    ),
    run: unary((request: RunRequest, call) =>
      run(request, engine, AbortSignal.any([cancelled.signal, call])),
    ),
    runPlugin: streaming((request: RunPluginRequest, send: (message: RunPluginResponse) => void, call) =>
      runPlugin(request, send, AbortSignal.any([cancelled.signal, call])),
    ),
    installDependencies: streaming(installDependencies),
    cancel: unary(() => {
      cancelled.abort();
      return new Empty();
    }),
  };
}

/** What `pulumi about` shows. */
function about(): AboutResponse {
  const response = new AboutResponse().setExecutable(process.execPath).setVersion(process.version);
  response.getMetadataMap().set("packagemanager", "npm");
  return response;
}

/** Runs a program. What it prints goes through to the engine, which shows it. */
async function run(request: RunRequest, engine: string, cancelled: AbortSignal): Promise<RunResponse> {
  if (request.getAttachDebugger()) {
    return new RunResponse().setError(
      "This language host attaches no debugger; set runtime.options.nodeargs to --inspect-brk instead.",
    );
  }
  try {
    const ending = await runNode(programArguments(request, engine), {
      cwd: request.getInfo()?.getProgramDirectory() ?? ".",
      env: programEnvironment(request),
      stdio: ["ignore", "inherit", "inherit"],
      cancelled,
    });
    if (ending.code === alreadyReported) return new RunResponse().setBail(true);
    return new RunResponse().setError(ending.code === 0 ? "" : describe(ending));
  } catch (error) {
    return new RunResponse().setError(messageOf(error));
  }
}

function describe({ code, signal }: Ending): string {
  return code === undefined
    ? `Program was ended by the signal ${signal}`
    : `Program exited with non-zero exit code: ${code}`;
}

/** Runs a provider or a policy pack written for Node.js until the engine closes the call. */
async function runPlugin(
  request: RunPluginRequest,
  send: (message: RunPluginResponse) => void,
  cancelled: AbortSignal,
): Promise<void> {
  const directory = request.getInfo()?.getProgramDirectory() ?? ".";
  const ending = await runNode(
    pluginArguments(request),
    {
      // @pulumi/policy reads the package.json of the folder it is started in.
      cwd: isPolicyPack(request) ? directory : request.getPwd() || directory,
      env: pluginEnvironment(request),
      stdio: ["ignore", "pipe", "pipe"],
      cancelled,
    },
    (child) => {
      child.stdout?.on("data", (chunk: Buffer) => send(new RunPluginResponse().setStdout(chunk)));
      child.stderr?.on("data", (chunk: Buffer) => send(new RunPluginResponse().setStderr(chunk)));
    },
  );
  if (ending.code === undefined) throw new Error(describe(ending));
  send(new RunPluginResponse().setExitcode(ending.code));
}

/** Installs what the program's package.json asks for, for `pulumi install`. */
function installDependencies(
  request: InstallDependenciesRequest,
  send: (message: InstallDependenciesResponse) => void,
): Promise<void> {
  const directory = request.getInfo()?.getProgramDirectory() ?? ".";
  const command = existsSync(join(directory, "package-lock.json")) ? "ci" : "install";
  return new Promise((resolve, reject) => {
    const npm = spawn("npm", [command, "--no-audit", "--no-fund"], {
      cwd: directory,
      stdio: ["ignore", "pipe", "pipe"],
    });
    npm.stdout.on("data", (chunk: Buffer) => send(new InstallDependenciesResponse().setStdout(chunk)));
    npm.stderr.on("data", (chunk: Buffer) => send(new InstallDependenciesResponse().setStderr(chunk)));
    npm.once("error", (error) => reject(new Error(`npm could not be started: ${error.message}`)));
    npm.once("close", (code) =>
      code === 0 ? resolve() : reject(new Error(`npm ${command} failed in ${directory}`)),
    );
  });
}
