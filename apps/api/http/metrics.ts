import type pg from "pg";
import { collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { App } from "./app.js";
import { notFound } from "./problem.js";

/**
 * Measures every request by method, route pattern and status, and serves /metrics in Prometheus' text format.
 * Never labelled by store: a label value a store would make the number of series grow with the customers.
 * Only a scraper on the machine itself gets an answer: over the Unix socket and not through nginx.
 */
export function registerMetrics(app: App, pool: pg.Pool, onUnixSocket: boolean): void {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const duration = new Histogram({
    name: "http_request_duration_seconds",
    help: "Time from the request's arrival to the end of its answer",
    labelNames: ["method", "route", "status"],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [registry],
  });
  registry.registerMetric(poolGauge(pool));

  app.addHook("onResponse", (request, reply, done) => {
    const route = request.routeOptions.url ?? "none";
    duration.observe({ method: request.method, route, status: reply.statusCode }, reply.elapsedTime / 1000);
    done();
  });

  app.get("/metrics", async (request, reply) => {
    if (!onUnixSocket || request.headers["x-forwarded-for"] !== undefined)
      throw notFound("There is no such page.");
    return await reply.type(registry.contentType).send(await registry.metrics());
  });
}

function poolGauge(pool: pg.Pool): Gauge<"state"> {
  return new Gauge({
    name: "db_pool_connections",
    help: "Database connections of this process; waiting counts requests that wait for one",
    labelNames: ["state"],
    registers: [],
    collect() {
      this.set({ state: "idle" }, pool.idleCount);
      this.set({ state: "busy" }, pool.totalCount - pool.idleCount);
      this.set({ state: "waiting" }, pool.waitingCount);
    },
  });
}
