import { diffRelease } from "../release/diff.js";
import {
  checkRelease,
  environmentFile,
  modulesFolder,
  releaseId,
  type ReleaseInputs,
} from "../release/inputs.js";
import { ProviderError, type Context, type ResourceType } from "../resource.js";
import { checkPublic } from "../role/inputs.js";
import { checkFiles } from "../role/specification.js";
import type { Machine } from "../ssh/machine.js";
import type { ScriptFile } from "../ssh/script.js";
import { isKnown, unknown, type Properties } from "../values.js";

/**
 * What a release and a candidate for one have in common.
 * @param candidate it is started and looked at, and nothing is switched
 */
function deployed(candidate: boolean): ResourceType<ReleaseInputs, { active: string }> {
  return {
    check(news, _olds, wrapped) {
      return [...checkRelease(news), ...checkPublic(wrapped, ["connection", "environment"])];
    },

    diff({ olds, oldInputs, news }) {
      return diffRelease(olds.active, oldInputs, news);
    },

    async create(inputs, context) {
      const ending = candidate ? "/candidate" : "";
      return {
        id: isKnown(inputs.serverId) ? `${inputs.serverId}/${inputs.service}${ending}` : "",
        outputs: context.preview
          ? expectedOutputs(inputs)
          : await deploy(inputs, "create", context, candidate),
      };
    },

    async update({ news }, context) {
      return context.preview ? expectedOutputs(news) : deploy(news, "update", context, candidate);
    },
  };
}

/** One service's release on one machine. The switch is done there, by switch-release.sh. */
export const release: ResourceType<ReleaseInputs, { active: string }> = {
  ...deployed(false),

  async read({ inputs, wrapped }, context) {
    const { openMachine, NoAccessError } = await ssh();
    try {
      const machine = await openMachine(inputs.connection, "read", context);
      const found = await probe(machine, inputs, releaseId(inputs) ?? "-");
      // What is no release as it should be has no id; the difference to the wanted one then shows in the preview.
      const state = !found.serving ? " (not serving)" : found.release === "modified" ? " (modified)" : "";
      const active = found.active + state;
      return { outputs: { active, digest: active }, inputs: wrapped };
    } catch (error) {
      // As with roles: a refresh must get past a server that is gone.
      if (!(error instanceof NoAccessError)) throw error;
      context.log("warning", `release of ${inputs.service} could not be looked at: ${error.message}`);
      return { outputs: { active: "not reachable", digest: "not reachable" }, inputs: wrapped };
    }
  },

  async delete({ inputs }, context) {
    const { openMachine, runScript, NoAccessError } = await ssh();
    try {
      const machine = await openMachine(inputs.connection, "delete", context);
      const { code, lines } = await runScript(machine, "remove-release.sh", [description(inputs, "-")]);
      if (code !== 0) throw new ProviderError(lines.join("\n"));
    } catch (error) {
      // The usual case: the machine is gone with everything on it.
      if (!(error instanceof NoAccessError)) throw error;
      context.log(
        "warning",
        `release of ${inputs.service} is forgotten, but was not stopped: ${error.message}`,
      );
    }
  },
};

/** Seconds after which an instance ends that is not switched to: as long as the slowest of many servers may take. */
const candidateSeconds = 900;

/** A release started and looked at beside the one that serves; a `Release` with the same inputs switches to it. */
export const releaseCandidate = deployed(true);

/** @param prepare nothing is switched */
async function deploy(
  inputs: ReleaseInputs,
  purpose: "create" | "update",
  context: Context,
  prepare = false,
): Promise<Properties> {
  const {
    openMachine,
    waitForCloudInit,
    bundleFiles,
    uploadRuntime,
    uploadModules,
    readScript,
    runScript,
    quote,
    Transcript,
  } = await ssh();
  const id = releaseId(inputs) ?? "";
  const machine = await openMachine(inputs.connection, purpose, context);
  if (purpose === "create") await waitForCloudInit(machine, context);
  const found = await probe(machine, inputs, id);
  // Nothing is switched, so nothing has to be migrated or started: the machine went there before us (a rollback).
  const there = found.serving && found.active === id && found.release === "complete";
  if (there && (inputs.checks ?? []).length === 0) return { active: id, digest: id };
  if (found.runtime !== inputs.runtime.digest) await uploadRuntime(machine, inputs, context);
  if (found.modules !== inputs.modules?.digest) await uploadModules(machine, inputs, context);
  const files: ScriptFile[] = [
    description(inputs, id),
    { path: "env", content: environmentFile(inputs, id) },
    { path: "credentials", content: (inputs.credentials ?? []).map((name) => `${name}\n`).join("") },
    ...(found.release === "complete" ? [] : await bundleFiles(inputs)),
    { path: "fall-back", content: await readScript("fall-back-release.sh") },
    ...(inputs.migrate ? [{ path: "migrate", content: quote(inputs.migrate) }] : []),
    ...Object.entries(inputs.rotation ?? {}).map(([step, command]) => ({
      path: `rotation/${step}`,
      content: quote(command),
    })),
    ...(prepare ? [{ path: "prepare", content: `${candidateSeconds}\n` }] : []),
    ...checkFiles(inputs.checks),
  ];
  const transcript = new Transcript(`release ${id} of ${inputs.service}`, context);
  const { code } = await runScript(machine, "switch-release.sh", files, transcript.add);
  if (code !== 0) throw transcript.failure(machine.host);
  return { active: id, digest: id };
}

async function probe(machine: Machine, inputs: ReleaseInputs, id: string) {
  const { runScript } = await ssh();
  const { code, lines } = await runScript(machine, "probe-release.sh", [description(inputs, id)]);
  if (code !== 0)
    throw new ProviderError(
      `release of ${inputs.service} on ${machine.host} cannot be read\n${lines.join("\n")}`,
    );
  const found = new Map(lines.map((line) => [line.replace(/\t.*/, ""), line.replace(/^.*\t/, "")]));
  return {
    runtime: found.get("runtime"),
    modules: found.get("modules"),
    release: found.get("release"),
    active: found.get("active") ?? "-",
    serving: found.get("serving") === "yes",
  };
}

/** The file `release` of the scripts. */
function description(inputs: ReleaseInputs, id: string): ScriptFile {
  const { service, bundle, runtime, user, readySeconds = 60, standbySeconds = 180, serverId } = inputs;
  const runtimeFolder = `node-${runtime.version.replace(/^v/, "")}`;
  const fields = [
    service,
    id,
    runtimeFolder,
    user,
    readySeconds,
    serverId,
    bundle.digest,
    standbySeconds,
    modulesFolder(inputs),
  ];
  return { path: "release", content: `${fields.join("\t")}\n` };
}

function expectedOutputs(inputs: ReleaseInputs): Properties {
  const id = releaseId(inputs) ?? unknown;
  return { active: id, digest: id };
}

/** Loaded when a machine is really to be reached; no preview does that. */
async function ssh() {
  const [machine, script, connect, prepare, transcript, upload] = await Promise.all([
    import("../ssh/machine.js"),
    import("../ssh/script.js"),
    import("../ssh/connect.js"),
    import("../ssh/prepare.js"),
    import("../ssh/transcript.js"),
    import("../release/upload.js"),
  ]);
  return { ...machine, ...script, ...connect, ...prepare, ...transcript, ...upload };
}
