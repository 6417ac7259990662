import { cloudAccess } from "./cloud-access.js";
import { liftProtection } from "./hetzner-api.js";
import { query } from "./pulumi.js";
import { exportState, type StateResource } from "./recovery/state.js";
import type { Session } from "./session.js";

const protectedKinds: Readonly<Record<string, Parameters<typeof liftProtection>[1]>> = {
  "hcloud:index/server:Server": "servers",
  "hcloud:index/network:Network": "networks",
  "hcloud:index/primaryIp:PrimaryIp": "primary_ips",
  "hcloud:index/floatingIp:FloatingIp": "floating_ips",
  "hcloud:index/volume:Volume": "volumes",
  "hcloud:index/loadBalancer:LoadBalancer": "load_balancers",
};

/**
 * Lets resources be deleted, for a command whose caller has said that their data may go: Pulumi's protection in the
 * state, and the cloud's own. The next `up` protects what it makes again.
 * @param wanted which of the stack's resources
 */
export async function unprotect(
  session: Session,
  wanted: (resource: StateResource) => boolean,
): Promise<void> {
  const { deployment } = await exportState(session.pulumi);
  const chosen = (deployment.resources ?? []).filter(wanted);
  const shielded = chosen.filter(({ protect }) => protect === true);
  if (shielded.length > 0) {
    await query(session.pulumi, ["state", "unprotect", "--yes", ...shielded.map(({ urn }) => urn)]);
  }
  const kinds = chosen.filter(({ type }) => type in protectedKinds);
  // EC2's own protection is lifted by Pulumi's provider, which ends instances.
  if (kinds.length === 0) return;
  const access = await cloudAccess(session);
  for (const { type, id } of kinds) {
    const kind = protectedKinds[type];
    if (kind && id !== undefined) await liftProtection(access, kind, id);
  }
}
