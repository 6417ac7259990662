// The service's process: environment in, requests served, SIGTERM drains. Started as `node server.mjs`.
import { connect } from "node:net";
import { rm } from "node:fs/promises";
import { createApp } from "./app.js";
import { EX_CONFIG } from "./command-line.js";
import { openDatabase, type SlowStatement } from "./database/database.js";
import {
  EnvironmentError,
  readServerEnvironment,
  type Listen,
  type ServerEnvironment,
} from "./environment.js";
import type { App } from "./http/app.js";
import { startHousekeeping } from "./housekeeping.js";
import { createLog } from "./log.js";
import { oncePerSecond } from "./once-per-second.js";

/** How long requests may take to end after SIGTERM, in milliseconds. */
const DRAIN_LIMIT = 20_000;

let environment: ServerEnvironment;
try {
  environment = readServerEnvironment(process.env);
} catch (error) {
  if (!(error instanceof EnvironmentError)) throw error;
  console.error(error.message);
  process.exit(EX_CONFIG);
}

const logger = createLog(environment.logLevel, environment.releaseId);
const database = openDatabase({
  url: environment.databaseUrl,
  poolMax: environment.databasePoolMax,
  onConnectionLost: (error) => logger.warn({ err: error }, "a database connection was lost"),
  onSlowStatement: oncePerSecond((times, slow: SlowStatement) =>
    logger.warn({ ...slow, times }, "slow statement"),
  ),
});
const { app, health, services } = await createApp({ environment, ...database, logger });
const stopHousekeeping = startHousekeeping(services, (error) =>
  logger.warn({ err: error }, "housekeeping failed"),
);

process.once("SIGTERM", (signal) => void shutDown(signal));
process.once("SIGINT", (signal) => void shutDown(signal));

await listen(app, environment.listen);

async function listen(server: App, where: Listen): Promise<void> {
  if ("socket" in where) {
    await removeStaleSocket(where.socket);
    // nginx reaches the socket through its group; nobody else may.
    const umask = process.umask(0o117);
    await server.listen({ path: where.socket });
    process.umask(umask);
  } else {
    await server.listen({ host: where.host, port: where.port });
  }
}

/** Removes the socket that a killed process left behind; one that still answers is left alone and stops the start. */
async function removeStaleSocket(path: string): Promise<void> {
  const refused = await new Promise<boolean>((resolve) => {
    const probe = connect({ path }, () => {
      probe.destroy();
      resolve(false);
    });
    probe.once("error", (error: NodeJS.ErrnoException) => resolve(error.code === "ECONNREFUSED"));
  });
  if (refused) await rm(path, { force: true });
}

async function shutDown(signal: NodeJS.Signals): Promise<void> {
  logger.info({ signal }, "draining");
  health.draining = true;
  stopHousekeeping();
  const limit = setTimeout(() => {
    logger.error("requests did not end in time; they are cut off");
    process.exit(1);
  }, DRAIN_LIMIT);
  limit.unref();
  await app.close();
  // Not db.destroy(): Kysely forgets a pool that it never used itself.
  await database.pool.end();
  clearTimeout(limit);
  logger.info("stopped");
}
