import { letGoVariable } from "../protection.js";
import { policyPackVariable, runOperation } from "./pulumi.js";
import { exportState, type StateResource } from "./recovery/state.js";
import type { Session } from "./session.js";

/**
 * Has AWS let go of what it would refuse to delete, by an update of just that: Pulumi's provider cannot lift that
 * protection itself. Whoever calls this was told that the data may go; Pulumi's own protection has been lifted.
 */
export async function letGo({ pulumi }: Session, report: (message: string) => void): Promise<void> {
  const { deployment } = await exportState(pulumi);
  const held = (deployment.resources ?? []).filter(isHeld);
  if (held.length === 0) return;
  // Its rules are for what is to stay.
  const { [policyPackVariable]: _pack, ...env } = pulumi.env;
  await runOperation(
    { ...pulumi, env: { ...env, [letGoVariable]: "yes" } },
    "up",
    report,
    held.flatMap(({ urn }) => ["--target", urn]),
  );
}

/** By type, the input that says so. */
const protections: Readonly<Record<string, string>> = {
  "aws:rds/instance:Instance": "deletionProtection",
  "aws:lb/loadBalancer:LoadBalancer": "enableDeletionProtection",
};

function isHeld({ type, inputs }: StateResource): boolean {
  const protection = protections[type];
  return protection !== undefined && inputs?.[protection] === true;
}
