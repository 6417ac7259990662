import type pg from "pg";
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import type { ConnectionQueue } from "../database/connection-queue.js";
import type { App } from "./app.js";
import type { LoadGate } from "./overload.js";
import { notFound } from "./problem.js";

/** What is measured beside the requests themselves. */
export interface Measured {
  pool: pg.Pool;
  queue: ConnectionQueue;
  gate: LoadGate;
}

/**
 * Measures every request by method, route pattern and status, and serves /metrics in Prometheus' text format.
 * Never labelled by store: a label value a store would make the number of series grow with the customers.
 * Only a scraper on the machine itself gets an answer: over the Unix socket and not through nginx.
 */
export function registerMetrics(app: App, { pool, queue, gate }: Measured, onUnixSocket: boolean): void {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const duration = new Histogram({
    name: "http_request_duration_seconds",
    help: "Time from the request's arrival to the end of its answer",
    labelNames: ["method", "route", "status"],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [registry],
  });
  registry.registerMetric(poolGauge(pool, queue));
  registry.registerMetric(refusedCounter(gate));
  const waits = new Histogram({
    name: "db_pool_wait_seconds",
    help: "Time for which a transaction waited for a database connection",
    buckets: [0.001, 0.005, 0.025, 0.1, 0.5, 2.5],
    registers: [registry],
  });
  queue.onWaited = (seconds) => waits.observe(seconds);

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

function poolGauge(pool: pg.Pool, queue: ConnectionQueue): Gauge<"state"> {
  return new Gauge({
    name: "db_pool_connections",
    help: "Database connections of this process; waiting counts requests that wait for one",
    labelNames: ["state"],
    registers: [],
    collect() {
      this.set({ state: "idle" }, pool.idleCount);
      this.set({ state: "busy" }, pool.totalCount - pool.idleCount);
      this.set({ state: "waiting" }, queue.length);
    },
  });
}

function refusedCounter(gate: LoadGate): Counter<"shortage"> {
  return new Counter({
    name: "http_requests_refused_total",
    help: "Requests that were answered 503 at once, because they could not have been served in time",
    labelNames: ["shortage"],
    registers: [],
    collect() {
      this.reset();
      for (const [shortage, times] of Object.entries(gate.refused)) this.inc({ shortage }, times);
    },
  });
}
