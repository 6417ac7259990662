import { diffRelease } from "../release/diff.js";
import { checkRelease, releaseId, type ReleaseInputs } from "../release/inputs.js";
import { ProviderError, type Context, type ResourceType } from "../resource.js";
import { checkPublic } from "../role/inputs.js";
import type { Machine } from "../ssh/machine.js";
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
    const { openMachine, runScript, description, NoAccessError } = await ssh();
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
    runtimeArchive,
    modulesArchive,
    uploadArchive,
    switchFiles,
    runScript,
    Transcript,
  } = await ssh();
  const id = releaseId(inputs) ?? "";
  const machine = await openMachine(inputs.connection, purpose, context);
  if (purpose === "create") await waitForCloudInit(machine, context);
  const found = await probe(machine, inputs, id);
  // Nothing is switched, so nothing has to be migrated or started: the machine went there before us (a rollback).
  const there = found.serving && found.active === id && found.release === "complete";
  if (there && (inputs.checks ?? []).length === 0) return { active: id, digest: id };
  const runtime = runtimeArchive(inputs);
  const modules = modulesArchive(inputs);
  if (found.runtime !== runtime.digest) await uploadArchive(machine, runtime, context);
  if (modules && found.modules !== modules.digest) await uploadArchive(machine, modules, context);
  const isThere = found.release === "complete";
  const files = await switchFiles(inputs, id, { isThere, prepare });
  const transcript = new Transcript(`release ${id} of ${inputs.service}`, context);
  const { code } = await runScript(machine, "switch-release.sh", files, transcript.add);
  if (code !== 0) throw transcript.failure(machine.host);
  return { active: id, digest: id };
}

async function probe(machine: Machine, inputs: ReleaseInputs, id: string) {
  const { runScript, description } = await ssh();
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

function expectedOutputs(inputs: ReleaseInputs): Properties {
  const id = releaseId(inputs) ?? unknown;
  return { active: id, digest: id };
}

/** Loaded when a machine is really to be reached; no preview does that. */
async function ssh() {
  const [machine, script, connect, prepare, transcript, archives, upload, switching] = await Promise.all([
    import("../ssh/machine.js"),
    import("../ssh/script.js"),
    import("../ssh/connect.js"),
    import("../ssh/prepare.js"),
    import("../ssh/transcript.js"),
    import("../release/archives.js"),
    import("../release/upload.js"),
    import("../release/switch-files.js"),
  ]);
  return {
    ...machine,
    ...script,
    ...connect,
    ...prepare,
    ...transcript,
    ...archives,
    ...upload,
    ...switching,
  };
}
