import type { ResourceType } from "../../../providers/dukaan/resource.js";
import { runProvider } from "../../../providers/dukaan/run.js";
import { resourceType } from "../../../providers/dukaan/types.js";

// The provider of the project for clouds whose machines do not boot: keys, certificates and the stage's guard are the real
// ones; roles and releases are checked, compared and recorded as ever, and applied nowhere.

const onMachines = new Set(["dukaan:index:Role", "dukaan:index:Release", "dukaan:index:ReleaseCandidate"]);

async function withoutMachines(token: string): Promise<ResourceType> {
  const type = await resourceType(token);
  if (!onMachines.has(token)) return type;
  return {
    ...(type.check && { check: (...request) => type.check!(...request) }),
    ...(type.store && { store: (wrapped) => type.store!(wrapped) }),
    diff: (request) => type.diff(request),
    // A preview tells what would come of it, without a machine. What is recorded is then all there is.
    create: (news, context) => type.create(news, { ...context, preview: true }),
    update: (request, context) => type.update!(request, { ...context, preview: true }),
  };
}

await runProvider(withoutMachines);
