import { setTimeout as sleep } from "node:timers/promises";
import { createCatalog } from "../api/catalog.js";
import { detectControlGroups } from "../machines/cgroups.js";
import type { Instance } from "../machines/instance.js";
import { isRunning } from "../machines/nspawn.js";
import { readMachines } from "../machines/records.js";
import { State } from "../state/database.js";
import { checkLoadBalancers } from "./balancers.js";
import { checkLeftovers } from "./leftovers.js";
import { busyResources, type Difference, type Look } from "./look.js";
import { checkNames } from "./names.js";
import { checkNetworks } from "./networks.js";
import { checkServers } from "./servers.js";
import { checkState } from "./state.js";
import { checkWorld } from "./world.js";

export type { Difference } from "./look.js";

export interface CheckResult {
  /** Empty: both tell the same story. */
  differences: Difference[];
  /** What was not judged because an action is changing it, e.g. "server:10000000007". */
  busy: string[];
  /** How many of each kind were compared. */
  counts: Record<"servers" | "networks" | "volumes" | "load balancers" | "zones", number>;
}

/** After a first look that found something, how long until the next ones, in milliseconds. */
const LOOK_AGAIN_MS = [400, 1200, 2500];

/**
 * Compares what the state (SQLite) says with what is on this computer: processes, namespaces, interfaces, addresses,
 * routes, firewall rules, control groups, mounts, loop devices, HAProxy, name server, files. Changes nothing, and needs no running
 * server. What only one of several looks finds was a change on its way, and is not told.
 *
 * @param stateFile path of the instance's database
 * @param patience for how long, in milliseconds, to wait for actions that are under way
 * @param lookAgainMs after a look that found something, how long until the next ones
 */
export async function checkInstance(
  instance: Instance,
  stateFile: string,
  patience = 0,
  lookAgainMs = LOOK_AGAIN_MS,
): Promise<CheckResult> {
  const state = new State(stateFile, "read");
  try {
    const waitingEnds = performance.now() + patience;
    while (performance.now() < waitingEnds && busyResources(state).size > 0) await sleep(100);
    let result = await lookOnce(instance, state);
    for (const pause of lookAgainMs) {
      if (result.differences.length === 0) break;
      await sleep(pause);
      const next = await lookOnce(instance, state);
      const before = new Set(result.differences.map(text));
      result = { ...next, differences: next.differences.filter((one) => before.has(text(one))) };
    }
    return result;
  } finally {
    state.close();
  }
}

const text = ({ subject, difference }: Difference): string => `${subject}: ${difference}`;

async function lookOnce(instance: Instance, state: State): Promise<CheckResult> {
  const differences: Difference[] = [];
  const machines = new Map((await readMachines(instance)).map((machine) => [machine.id, machine]));
  const running = new Set<string>();
  for (const id of machines.keys()) if (await isRunning(instance, id)) running.add(id);
  const busy = busyResources(state);
  const look: Look = {
    instance,
    groups: await detectControlGroups(),
    cloud: { state, catalog: createCatalog(process.arch === "arm64" ? "arm" : "x86") },
    machines,
    running,
    busy,
    differ: (subject, difference) => differences.push({ subject, difference }),
  };
  checkState(look);
  await Promise.all([
    checkServers(look),
    checkNetworks(look),
    checkLoadBalancers(look),
    checkNames(look),
    checkWorld(look),
    checkLeftovers(look),
  ]);
  const count = (table: string) => state.get<{ n: number }>(`SELECT count(*) AS n FROM ${table}`)?.n ?? 0;
  return {
    differences,
    busy: [...busy].sort(),
    counts: {
      servers: count("servers"),
      networks: count("networks"),
      volumes: count("volumes"),
      "load balancers": count("load_balancers"),
      zones: count("zones"),
    },
  };
}
