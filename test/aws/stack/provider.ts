import type { ResourceType } from "../../../providers/dukaan/resource.js";
import { createInstanceRefresh } from "../../../providers/dukaan/resources/instance-refresh.js";
import { runProvider } from "../../../providers/dukaan/run.js";
import { resourceType } from "../../../providers/dukaan/types.js";

// The provider of the project for clouds whose machines do not boot: keys, certificates, the stage's guard and instance
// refreshes are the real ones; roles and releases are checked, compared and recorded as ever, and applied nowhere.

const onMachines = new Set(["dukaan:index:Role", "dukaan:index:Release", "dukaan:index:ReleaseCandidate"]);

/** The emulator takes a step each time that it is asked. */
const refresh = createInstanceRefresh({ between: 0.2, atMost: 120, clear: 10 });

async function withoutMachines(token: string): Promise<ResourceType> {
  if (token === "dukaan:index:InstanceRefresh") return refresh;
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
