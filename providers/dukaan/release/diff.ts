import type { Diff, DiffKind } from "../resource.js";
import { changedInputs } from "../resources/changed-inputs.js";
import { isObject, type Properties } from "../values.js";
import { releaseId, type ReleaseContent, type ReleaseInputs } from "./inputs.js";

/** A refresh that found another release serving, or none, shows as `active`. */
export function diffRelease(active: string, olds: ReleaseInputs, news: ReleaseInputs): Diff {
  const changes = {
    ...changedInputs(beyondContent(olds), beyondContent(news)),
    ...changedContent(olds, news),
  };
  const id = releaseId(news);
  if (Object.keys(changes).length === 0 && id !== undefined && active !== id) changes["active"] = "update";
  return { changes, replaces: ["serverId", "service"].filter((name) => name in changes) };
}

function beyondContent({ serverId, migrate = [] }: ReleaseInputs): Properties {
  return { serverId, migrate };
}

/**
 * What differs between two releases, by property path. Paths on the operator's computer do not count, only the digests of
 * what they name: two people with clones in different folders see no difference.
 */
export function changedContent(olds: ReleaseContent, news: ReleaseContent): Record<string, DiffKind> {
  return changedInputs(comparable(olds), comparable(news));
}

/** What counts, by property path. */
function comparable(inputs: ReleaseContent): Properties {
  const { service, user, bundle, runtime, modules, environment } = inputs;
  const { checks = [], readySeconds = 60 } = inputs;
  return {
    service,
    user,
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
