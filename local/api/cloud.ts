import type { Host } from "../machines/host.js";
import type { Action, Actions } from "../state/actions.js";
import type { State } from "../state/database.js";
import type { PublicPool } from "./addresses.js";
import type { Catalog } from "./catalog.js";
import type { Samples } from "./metrics.js";

/** What every part of the API works with. */
export interface Cloud {
  state: State;
  actions: Actions;
  host: Host;
  catalog: Catalog;
  pool: PublicPool;
  /** What servers and load balancers have done lately. */
  samples: Samples;
}

/**
 * How long an answer waits for its actions, in milliseconds. Most changes take less; the client then reads "success"
 * and need not poll.
 */
export const settleTime = 150;

/** The answer of an operation that started one action. */
export async function settled({ actions }: Cloud, started: Action): Promise<{ action: Action }> {
  const [action = started] = await actions.settle([started], settleTime);
  return { action };
}
