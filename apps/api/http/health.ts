import type pg from "pg";
import { migrationStatus } from "../database/migrations.js";
import type { App } from "./app.js";

export interface Health {
  /** Stops the readiness answer, so that nothing new is sent here during a shutdown. */
  draining: boolean;
}

/**
 * /livez: the process answers. /readyz: it can serve, because the database answers and has every migration of
 * this release (once seen they are not asked for again: migrations are never undone).
 */
export function registerHealth(
  app: App,
  pool: pg.Pool,
  migrationsDirectory: string,
  release: string | undefined,
): Health {
  const health: Health = { draining: false };
  const ready = { status: "ready", ...(release !== undefined && { release }) };
  let migrated = false;

  app.get("/livez", (_request, reply) => reply.header("cache-control", "no-store").send({ status: "ok" }));

  app.get("/readyz", async (request, reply) => {
    reply.header("cache-control", "no-store");
    if (health.draining) return await reply.code(503).send({ status: "draining" });
    try {
      if (migrated) {
        await pool.query("SELECT 1");
        return ready;
      }
      const { pending } = await migrationStatus(pool, migrationsDirectory);
      if (pending.length > 0) return await reply.code(503).send({ status: "migrations-pending", pending });
      migrated = true;
      return ready;
    } catch (error) {
      request.log.warn({ err: error }, "not ready: the database does not answer");
      return await reply.code(503).send({ status: "database-unavailable" });
    }
  });

  return health;
}
