import { topologyOf } from "../../stacks/index.js";
import type { Settings } from "../settings/schema.js";
import type { Tier } from "../topology/addresses.js";
import { type Guarded, guarded, stageChange } from "../topology/guard.js";
import type { Topology } from "../topology/topology.js";
import { exportState, isServer, serverSize, type StateResource } from "./recovery/state.js";
import { awaitInRotation, joinRotation, leaveRotation } from "./rotation.js";
import type { Session } from "./session.js";

/** Of these a stack has several that stand in for one another. */
const tiers: ReadonlySet<Tier> = new Set<Tier>(["app", "edge"]);

/** A server that gets another size. */
export interface Resize {
  machine: string;
  urn: string;
}

/**
 * Gives servers that stand in for one another their new size one after the other. A cloud switches a server off for that,
 * and Pulumi would do it to all of them at the same time, which would close the shop.
 * @param run `pulumi up` with further options
 */
export async function resizeOneByOne(
  session: Session,
  settings: Settings,
  report: (message: string) => void,
  run: (options: string[]) => Promise<unknown>,
): Promise<void> {
  const { resources = [] } = (await exportState(session.pulumi)).deployment;
  for (const { machine, urn } of resizes(resources, settings, topologyOf(settings))) {
    await leaveRotation(session, machine, report);
    report(`${machine} gets another size: it is off for a minute, the others serve`);
    try {
      await run(["--target", urn]);
    } catch (error) {
      await joinRotation(session, machine);
      throw error;
    }
    report(`waiting until ${machine} serves again`);
    await awaitInRotation(session, machine);
  }
}

/**
 * The servers to resize, in order. None where there is nobody to stand in, or the stage guard is going to refuse the change.
 * @param resources of the state
 */
export function resizes(
  resources: readonly StateResource[],
  settings: Settings,
  topology: Topology,
): Resize[] {
  const before = resources.find(({ type }) => type === "dukaan:index:Stage")?.inputs as unknown as
    | Guarded
    | undefined;
  const token = settings.changeToken;
  if (!before || stageChange(before, { ...guarded(settings, topology), token })) return [];
  const servers = new Map(
    resources.filter(isServer).map((server) => [server.urn.split("::").at(-1), server]),
  );
  return [...tiers].flatMap((tier) => {
    const there = topology.machines.filter((machine) => machine.tier === tier && servers.has(machine.name));
    if (there.length < 2) return [];
    return there.flatMap(({ name, serverType }) => {
      const server = servers.get(name)!;
      return serverSize(server) === serverType ? [] : [{ machine: name, urn: server.urn }];
    });
  });
}
