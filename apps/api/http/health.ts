import { CompiledQuery } from "kysely";
import type { Database } from "../database/database.js";
import { migrationStatus } from "../database/migrations.js";
import type { App } from "./app.js";

export interface Health {
  /** Stops the readiness answer, so that nothing new is sent here during a shutdown. */
  draining: boolean;
}

/** For how long one look at the database answers everybody who asks whether it is there, in milliseconds. */
const LOOK_HOLDS = 200;

/**
 * /livez: the process answers. /readyz: it can serve, because the database answers and has every migration of
 * this release (once seen they are not asked for again: migrations are never undone).
 */
export function registerHealth(
  app: App,
  db: Database,
  migrationsDirectory: string,
  release: string | undefined,
): Health {
  const health: Health = { draining: false };
  const ready = { status: "ready", ...(release !== undefined && { release }) };
  let migrated = false;
  let look: { at: number; result: Promise<readonly string[]> } | undefined;

  // Anybody may ask, however often: one look at a time, so that no more than one connection is taken from buyers.
  const pendingMigrations = async (): Promise<readonly string[]> => {
    if (!look || performance.now() - look.at > LOOK_HOLDS) {
      const mine = { at: Number.POSITIVE_INFINITY, result: lookAtDatabase() };
      const ended = () => (mine.at = performance.now());
      mine.result.then(ended, ended);
      look = mine;
    }
    return await look.result;
  };

  const query = async (text: string) => await db.executeQuery<{ name: string }>(CompiledQuery.raw(text));

  const lookAtDatabase = async (): Promise<readonly string[]> => {
    if (migrated) {
      await query("SELECT 1");
      return [];
    }
    const { pending } = await migrationStatus({ query }, migrationsDirectory);
    migrated = pending.length === 0;
    return pending;
  };

  app.get("/livez", (_request, reply) => reply.header("cache-control", "no-store").send({ status: "ok" }));

  app.get("/readyz", async (request, reply) => {
    reply.header("cache-control", "no-store");
    if (health.draining) return await reply.code(503).send({ status: "draining" });
    try {
      const pending = await pendingMigrations();
      if (pending.length > 0) return await reply.code(503).send({ status: "migrations-pending", pending });
      return ready;
    } catch (error) {
      request.log.warn({ err: error }, "not ready: the database does not answer");
      return await reply.code(503).send({ status: "database-unavailable" });
    }
  });

  return health;
}
