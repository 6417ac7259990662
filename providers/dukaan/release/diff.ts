import type { Diff } from "../resource.js";
import { changedInputs } from "../resources/changed-inputs.js";
import { isObject, type Properties } from "../values.js";
import { releaseId, type ReleaseInputs } from "./inputs.js";

/**
 * Paths on the operator's computer do not count, only the digests of what they name: two people with clones in
 * different folders see no difference. A refresh that found another release serving, or none, shows as `active`.
 */
export function diffRelease(active: string, olds: ReleaseInputs, news: ReleaseInputs): Diff {
  const changes = changedInputs(comparable(olds), comparable(news));
  const id = releaseId(news);
  if (Object.keys(changes).length === 0 && id !== undefined && active !== id) changes["active"] = "update";
  return { changes, replaces: ["serverId", "service"].filter((name) => name in changes) };
}

/** What counts, by property path. */
function comparable(inputs: ReleaseInputs): Properties {
  const { serverId, service, user, bundle, runtime, modules, environment } = inputs;
  const { migrate = [], checks = [], readySeconds = 60 } = inputs;
  return {
    serverId,
    service,
    user,
    migrate,
    checks,
    readySeconds,
    ...(isObject(bundle) ? { "bundle.digest": bundle.digest } : { bundle }),
    ...(isObject(runtime)
      ? { "runtime.digest": runtime.digest, "runtime.version": runtime.version }
      : { runtime }),
    ...(isObject(modules) ? { "modules.digest": modules.digest } : modules && { modules }),
    ...(isObject(environment)
      ? Object.fromEntries(Object.entries(environment).map(([name, value]) => [`environment.${name}`, value]))
      : { environment }),
  };
}
