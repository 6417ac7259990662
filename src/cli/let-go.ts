import { letGoVariable } from "../protection.js";
import { runOperation, withoutPolicies } from "./pulumi.js";
import { exportState, type StateResource } from "./recovery/state.js";
import { CliError, ExitCode } from "./errors.js";
import type { Session } from "./session.js";
import { writtenSettings } from "./stack.js";

/**
 * Has AWS let go of what it would refuse to delete, by an update of just that: Pulumi's provider cannot lift that
 * protection itself. Whoever calls this was told that it may go, and the settings still have it: an update would take
 * away what they have not.
 * @param wanted which of the stack's resources
 */
export async function letGo(
  { pulumi }: Pick<Session, "pulumi">,
  report: (message: string) => void,
  wanted: (resource: StateResource) => boolean = () => true,
): Promise<void> {
  const { deployment } = await exportState(pulumi);
  const held = (deployment.resources ?? []).filter((resource) => isHeld(resource) && wanted(resource));
  if (held.length === 0) return;
  // Its rules are for what is to stay.
  const free = withoutPolicies(pulumi);
  await runOperation(
    { ...free, env: { ...free.env, [letGoVariable]: "yes" } },
    "up",
    report,
    held.flatMap(({ urn }) => ["--target", urn]),
  );
}

/** By type: the input that says so, and the setting that the resource is there by. */
const protections: Readonly<Record<string, { input: string; setting: string; value: string }>> = {
  "aws:rds/instance:Instance": { input: "deletionProtection", setting: "dukaan:managed", value: "true" },
  "aws:lb/loadBalancer:LoadBalancer": {
    input: "enableDeletionProtection",
    setting: "dukaan:loadBalancer",
    value: "managed",
  },
};

/** See {@link requireSettingsOf}. */
export async function requireHeldBySettings({ pulumi, stack }: Session): Promise<void> {
  const { deployment } = await exportState(pulumi);
  requireSettingsOf(deployment.resources ?? [], await writtenSettings(stack));
}

/**
 * To be asked before anything is let go of: what the settings no longer have cannot be updated any more.
 * @param settings as they are written, by full key
 * @throws CliError (refused) that names the setting
 */
export function requireSettingsOf(
  resources: readonly Pick<StateResource, "type" | "urn" | "inputs">[],
  settings: Readonly<Record<string, unknown>>,
): void {
  for (const { type, urn } of resources.filter(isHeld)) {
    const { setting, value } = protections[type]!;
    if (String(settings[setting]) === value) continue;
    throw new CliError(
      `${urn.split("::").at(-1)} is there because ${setting} was ${value}, and AWS protects it from deletion; nothing was changed`,
      `Put ${setting} back to ${value} in the stack's settings, then run the same command again.`,
      ExitCode.refused,
    );
  }
}

/** Whether AWS refuses to delete it. */
export function isHeld({ type, inputs }: Pick<StateResource, "type" | "inputs">): boolean {
  const protection = protections[type];
  return protection !== undefined && inputs?.[protection.input] === true;
}
