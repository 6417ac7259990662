import type { Pulumi } from "../pulumi.js";
import { exportState, isOfCloud, refresh } from "./state.js";

/**
 * Reads what is in the cloud, and the files of roles, into the state: so `up` makes anew what is gone and puts back what
 * was changed by hand. Releases are left out: one that a machine went back from must not be deployed again.
 */
export async function lookAtWhatIsThere(pulumi: Pulumi, report: (message: string) => void): Promise<void> {
  const { deployment } = await exportState(pulumi);
  const urns = (deployment.resources ?? [])
    .filter(({ type, id }) => id !== undefined && (isOfCloud(type) || type === "dukaan:index:Role"))
    .map(({ urn }) => urn);
  if (urns.length === 0) return;
  report("looking at what is there");
  await refresh(pulumi, urns);
}
