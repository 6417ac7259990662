import type { FastifyBaseLogger } from "fastify";
import type { Host } from "../machines/host.js";
import type { RecentLog } from "../page/recent-log.js";
import { Actions } from "../state/actions.js";
import type { State } from "../state/database.js";
import { publicPool } from "./addresses.js";
import { createApi, type App } from "./app.js";
import { createCatalog } from "./catalog.js";
import type { Cloud } from "./cloud.js";
import { scheduleBackups } from "./image-actions.js";
import { createJobs } from "./jobs.js";
import { LoadBalancerJobs } from "./load-balancer-jobs.js";
import { Samples, startSampling } from "./metrics.js";
import { NameJobs } from "./name-jobs.js";
import { NetworkJobs } from "./network-jobs.js";
import { reconcile } from "./reconcile.js";
import { setStatus } from "./server-rows.js";

export interface CloudOptions {
  host: Host;
  state: State;
  /** 0 to 3: decides the public addresses. */
  slot: number;
  /** Addresses in the slot's ranges that something else on this computer has. */
  reserved?: ReadonlySet<string>;
  token: string;
  logger: FastifyBaseLogger;
  rateLimit?: number;
  /** What the page at / shows of the log. */
  recentLog?: RecentLog;
  /** How often what runs is measured, in milliseconds. */
  sampleMs?: number;
  /** Called with the API before anything of the computer changes; requests wait until the cloud is up. */
  listen?: (app: App) => Promise<unknown>;
  /** Called when the host is up: starts what else the cloud consists of. Requests wait for it too. */
  hostIsUp?: () => Promise<void>;
}

export interface RunningCloud {
  app: App;
  /** Stops answering, waits for what is being done (no longer than that) and leaves the machines running. */
  close(milliseconds?: number): Promise<void>;
}

/** Brings an instance up: its API, the host, what the state says, what was interrupted. Closing it closes the state. */
export async function startCloud({
  host,
  state,
  slot,
  reserved,
  token,
  logger,
  rateLimit,
  sampleMs,
  recentLog,
  listen,
  hostIsUp,
}: CloudOptions): Promise<RunningCloud> {
  const actions = new Actions(state, logger);
  const catalog = createCatalog(process.arch === "arm64" ? "arm" : "x86");
  const cloud: Cloud = {
    state,
    actions,
    host,
    catalog,
    pool: publicPool(slot, reserved),
    samples: new Samples(),
  };
  const networks = new NetworkJobs(cloud);
  const balancers = new LoadBalancerJobs(cloud, networks, logger);
  const names = new NameJobs(cloud, logger);
  actions.use({ ...createJobs(cloud, networks, balancers, logger), ...names.jobs() });

  host.onExit((machine, how) => {
    const id = Number(machine);
    logger.info({ server: id, how }, "a machine's init ended by itself");
    // While an action switches the machine, that action says what the status is.
    if (how !== "reboot" && !actions.isLocked(id)) setStatus(state, id, "off");
  });
  const up = Promise.withResolvers<void>();
  const app = createApi({ cloud, token, logger, recentLog, ...(rateLimit !== undefined && { rateLimit }) });
  app.addHook("preHandler", () => up.promise);
  await listen?.(app);
  try {
    await host.up();
    await hostIsUp?.();
    await reconcile(cloud, networks, logger);
    await balancers.refresh();
    names.follow();
    actions.watch(() => {
      void balancers.refresh();
      names.follow();
    });
    actions.resume();
    up.resolve();
  } catch (error) {
    up.promise.catch(() => undefined);
    up.reject(error);
    await app.close();
    throw error;
  }

  const timers = [scheduleBackups(cloud, logger), startSampling(cloud, logger, sampleMs)];
  return {
    app,
    async close(milliseconds = 15_000) {
      for (const timer of timers) timer.stop();
      await app.close();
      const late = new Promise<void>((resolve) => void setTimeout(resolve, milliseconds).unref());
      const ended = actions.close();
      // It can take minutes, and machines stand still meanwhile; the next start begins it anew.
      host.images.stop();
      await Promise.race([ended, late]);
      await host.close();
      state.close();
    },
  };
}
