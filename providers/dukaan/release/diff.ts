import type { Diff } from "../resource.js";
import { changedInputs } from "../resources/changed-inputs.js";
import type { Properties } from "../values.js";
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
function comparable({
  serverId,
  service,
  user,
  bundle,
  runtime,
  environment,
  ...rest
}: ReleaseInputs): Properties {
  return {
    serverId,
    service,
    user,
    "bundle.digest": bundle.digest,
    "runtime.digest": runtime.digest,
    "runtime.version": runtime.version,
    ...Object.fromEntries(Object.entries(environment).map(([name, value]) => [`environment.${name}`, value])),
    migrate: rest.migrate ?? [],
    checks: rest.checks ?? [],
    readySeconds: rest.readySeconds ?? 60,
  };
}
