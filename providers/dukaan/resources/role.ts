import { ProviderError, type Context, type ResourceType } from "../resource.js";
import { diffRole } from "../role/diff.js";
import { checkPublic, checkRole, type RoleInputs } from "../role/inputs.js";
import { isSecretFile, observe, sealFiles } from "../role/observe.js";
import { applyFiles, fileDigests, readFiles, roleDigest } from "../role/specification.js";
import { isKnown, unknown, type Properties } from "../values.js";

/** Packages, users, files and services of one purpose on one machine. The work is done there, by apply-role.sh. */
export const role: ResourceType<RoleInputs, { digest: string }> = {
  check(news, _olds, wrapped) {
    return [...checkRole(news), ...checkPublic(wrapped, ["connection", "files"])];
  },

  store: sealFiles,

  diff({ olds, oldInputs, news }) {
    return diffRole(olds.digest, oldInputs, news);
  },

  async create(inputs, context) {
    const id = isKnown(inputs.serverId) ? `${inputs.serverId}/${inputs.name}` : "";
    return {
      id,
      outputs: context.preview ? expectedOutputs(inputs) : await apply(inputs, "create", context),
    };
  },

  async update({ news }, context) {
    return context.preview ? expectedOutputs(news) : apply(news, "update", context);
  },

  async read({ inputs, wrapped }, context) {
    const { openMachine, runScript, NoAccessError } = await ssh();
    const isSecretPath = (path: string) => isSecretFile(wrapped, path);
    try {
      const machine = await openMachine(inputs.connection, "read", context);
      const { code, lines } = await runScript(machine, "read-role.sh", readFiles(inputs, isSecretPath));
      if (code !== 0)
        throw new ProviderError(
          `role ${inputs.name} on ${machine.host} cannot be read\n  ${lines.join("\n  ")}`,
        );
      return observe(inputs, lines, isSecretPath);
    } catch (error) {
      // Not an error of the refresh: it must get past a server that is gone, so that an `up` can make it anew. If the
      // server is still there, that `up` is where the error comes.
      if (!(error instanceof NoAccessError)) throw error;
      context.log("warning", `role ${inputs.name} could not be looked at: ${error.message}`);
      return { outputs: { digest: "not reachable", fileDigests: {} }, inputs: wrapped };
    }
  },

  async delete({ inputs }, context) {
    const { openMachine, runScript, NoAccessError } = await ssh();
    try {
      const machine = await openMachine(inputs.connection, "delete", context);
      const { code, lines } = await runScript(
        machine,
        "remove-role.sh",
        readFiles(inputs, () => true),
      );
      if (code !== 0) throw new ProviderError(lines.join("\n"));
    } catch (error) {
      // The usual case: the machine is gone with everything on it.
      if (!(error instanceof NoAccessError)) throw error;
      context.log("warning", `role ${inputs.name} is forgotten, but was not stopped: ${error.message}`);
    }
  },
};

async function apply(
  inputs: RoleInputs,
  purpose: "create" | "update",
  context: Context,
): Promise<Properties> {
  const { openMachine, runScript, waitForCloudInit, Transcript } = await ssh();
  const digest = roleDigest(inputs) ?? "";
  const machine = await openMachine(inputs.connection, purpose, context);
  if (purpose === "create") await waitForCloudInit(machine, context);
  const transcript = new Transcript(`role ${inputs.name}`, context);
  const { code } = await runScript(machine, "apply-role.sh", applyFiles(inputs, digest), transcript.add);
  if (code !== 0) throw transcript.failure(machine.host);
  return { digest, fileDigests: fileDigests(inputs) };
}

function expectedOutputs(inputs: RoleInputs): Properties {
  const digests = isKnown(inputs.files) ? fileDigests(inputs) : unknown;
  return { digest: roleDigest(inputs) ?? unknown, fileDigests: digests };
}

/** Loaded when a machine is really to be reached; no preview does that. */
async function ssh() {
  const [machine, script, connect, prepare, transcript] = await Promise.all([
    import("../ssh/machine.js"),
    import("../ssh/script.js"),
    import("../ssh/connect.js"),
    import("../ssh/prepare.js"),
    import("../ssh/transcript.js"),
  ]);
  return { ...machine, ...script, ...connect, ...prepare, ...transcript };
}
