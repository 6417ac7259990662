import type { FastifyBaseLogger } from "fastify";
import type { Host } from "../machines/host.js";
import { Actions } from "../state/actions.js";
import { State } from "../state/database.js";
import { publicPool } from "./addresses.js";
import { createApi, type App } from "./app.js";
import { createCatalog } from "./catalog.js";
import type { Cloud } from "./cloud.js";
import { createJobs } from "./jobs.js";
import { NetworkJobs } from "./network-jobs.js";
import { reconcile } from "./reconcile.js";
import { setStatus } from "./server-rows.js";

export interface CloudOptions {
  host: Host;
  /** Of the database; ":memory:" keeps nothing. */
  statePath: string;
  /** 0 to 3: decides the public addresses. */
  slot: number;
  token: string;
  logger: FastifyBaseLogger;
  rateLimit?: number;
}

export interface RunningCloud {
  app: App;
  /** Stops answering, waits for what is being done (no longer than that) and leaves the machines running. */
  close(milliseconds?: number): Promise<void>;
}

/** Brings an instance up: the host, the state, what was interrupted; the API is ready but does not listen yet. */
export async function startCloud({
  host,
  statePath,
  slot,
  token,
  logger,
  rateLimit,
}: CloudOptions): Promise<RunningCloud> {
  const state = new State(statePath);
  const actions = new Actions(state, logger);
  const catalog = createCatalog(process.arch === "arm64" ? "arm" : "x86");
  const cloud: Cloud = { state, actions, host, catalog, pool: publicPool(slot) };
  const networks = new NetworkJobs(cloud);
  actions.use(createJobs(cloud, networks));

  host.onExit((machine, how) => {
    const id = Number(machine);
    logger.info({ server: id, how }, "a machine's init ended by itself");
    // While an action switches the machine, that action says what the status is.
    if (how !== "reboot" && !actions.isLocked(id)) setStatus(state, id, "off");
  });
  await host.up();
  await reconcile(cloud, networks, logger);
  actions.resume();

  const app = createApi({ cloud, token, logger, ...(rateLimit === undefined ? {} : { rateLimit }) });
  return {
    app,
    async close(milliseconds = 15_000) {
      await app.close();
      const late = new Promise<void>((resolve) => void setTimeout(resolve, milliseconds).unref());
      await Promise.race([actions.close(), late]);
      await host.close();
      state.close();
    },
  };
}
