import { defaultServerType, serverType } from "../topology/catalog.js";
import { mostAppServersOf } from "../topology/connections.js";
import type { Candidate } from "./rules.js";
import type { Problem } from "./schema.js";

/** How many app servers there can be, and where their number is the load's affair. */
export function appServerRules(candidate: Candidate): Problem[] {
  return [...connectionProblems(candidate), ...groupProblems(candidate.settings)];
}

/** Every database that AWS runs is large enough for as many as there may ever be. */
function connectionProblems({ settings, local }: Candidate): Problem[] {
  const { appServers, databaseServerType, serverType: appType, provider } = settings;
  const name = databaseServerType ?? appType ?? defaultServerType(local, provider);
  if (appServers === undefined) return [];
  const most = mostAppServersOf(serverType(name));
  return appServers <= most
    ? []
    : [
        {
          path: "dukaan:appServers",
          reason: `is ${appServers}, and a database on ${name} has connections for ${most} app servers`,
          remedy: `Use at most ${most}, or a larger dukaan:databaseServerType.`,
        },
      ];
}

/** An Auto Scaling group's machines are told nothing by anybody: what they talk to must not go by their addresses. */
function groupProblems(settings: Candidate["settings"]): Problem[] {
  const { appServersMost: most, appServers: least, provider, managed, loadBalancer } = settings;
  if (most === undefined || provider === undefined) return [];
  const path = "dukaan:appServersMost";
  const wanted: [missing: boolean, what: string, set: string][] = [
    [provider !== "aws", `${provider} starts no servers by itself`, "dukaan:provider to aws"],
    [managed !== true, "its servers reach only a database that AWS runs", "dukaan:managed to true"],
    [loadBalancer !== "managed", "only AWS's load balancer finds them", "dukaan:loadBalancer to managed"],
  ];
  const problems = wanted
    .filter(([missing]) => missing)
    .map(([, what, set]) => ({ path, reason: `is set, and ${what}`, remedy: `Remove it, or set ${set}.` }));
  if (least === undefined) return problems;
  if (least < 2) {
    // AWS judges by its own machines' load, and none has none.
    const reason = "is 1, and the group of dukaan:appServersMost has one server beside the first at least";
    return [...problems, { path: "dukaan:appServers", reason, remedy: "Use 2 or more." }];
  }
  if (most > least) return problems;
  const reason = `is ${most}, and there are ${least} app servers at least (dukaan:appServers)`;
  return [...problems, { path, reason, remedy: `Use ${least + 1} or more, or remove it.` }];
}
