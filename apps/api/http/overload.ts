import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import type { FastifyBaseLogger } from "fastify";
import type { ConnectionQueue } from "../database/connection-queue.js";
import { oncePerSecond } from "../once-per-second.js";
import { errorPage } from "../pages/error-page.js";
import type { Layout } from "../pages/layout.js";

/** What there is too little of: the process's own time, or connections to the database. */
export type Shortage = "event-loop" | "database";

/**
 * Requests that may be under way, or wait for a connection, however long it takes: a planned switch of the database or a
 * busy neighbour stops all of them for a moment, and each is served after it. Only more than these are too many.
 */
const MAX_REQUESTS = 128;
/**
 * How long things may take before new requests are refused, in milliseconds: more than a burst of visitors does, less
 * than a visitor notices.
 */
const MAX_WAIT = 300;
/**
 * Requests under way at the very most. Each holds memory, and a process that is short of memory spends its time on
 * collecting garbage; 200 buyers who come at the same moment fit.
 */
const MOST_REQUESTS = 2 * MAX_REQUESTS;
/** How often the event loop's delay is looked at, in milliseconds. */
const INTERVAL = 20;
const RETRY_AFTER = "5";

/** How a machine sees what goes on: never refused. Through nginx, which adds a field, anybody may ask: as any request. */
const EXEMPT = new Set(["/livez", "/readyz", "/metrics"]);

function isExempt({ url = "", headers }: IncomingMessage): boolean {
  return EXEMPT.has(url) && headers["x-forwarded-for"] === undefined;
}

/**
 * Refuses what cannot be served in time, so that the rest is: a service that takes everything serves nothing once it is
 * late. A refusal costs a small part of a page, because it is made before anything else is done for the request.
 */
export class LoadGate {
  /** Requests that were refused, by what was short; only ever grows. */
  readonly refused: Record<Shortage, number> = { "event-loop": 0, database: 0 };
  /** Requests that are being answered. */
  underWay = 0;
  readonly #queue: Pick<ConnectionQueue, "length" | "longestWait">;
  #due = Number.POSITIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  constructor(queue: Pick<ConnectionQueue, "length" | "longestWait">) {
    this.#queue = queue;
  }

  /** Begins to watch the event loop. */
  open(): void {
    const look = () => {
      this.#due = performance.now() + INTERVAL;
      this.#timer = setTimeout(look, INTERVAL).unref();
    };
    look();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#due = Number.POSITIVE_INFINITY;
  }

  /** Why a new request had better be refused now; `undefined`: it had not. */
  shortage(): Shortage | undefined {
    if (this.underWay >= MOST_REQUESTS) return this.#queue.length > MAX_REQUESTS ? "database" : "event-loop";
    // The timer is late by as much as requests are that wait in the kernel.
    if (this.underWay > MAX_REQUESTS && performance.now() - this.#due > MAX_WAIT) return "event-loop";
    if (this.#queue.length > MAX_REQUESTS && this.#queue.longestWait > MAX_WAIT) return "database";
    return undefined;
  }
}

/** What the server needs beside the handler of its requests. */
export interface GuardedServerOptions {
  gate: LoadGate;
  layout: Layout;
  /** Fields of every answer. */
  headers: Readonly<Record<string, string>>;
  logger: FastifyBaseLogger;
  http: { keepAliveTimeout?: number; requestTimeout?: number };
}

/**
 * The HTTP server with the gate before everything else. (Fastify would have built its request and reply, a logger and an
 * identifier before the first hook.)
 */
export function createGuardedServer(handler: RequestListener, options: GuardedServerOptions): Server {
  const { gate, layout, headers, logger, http } = options;
  const refuse = prepareRefusal(layout, headers);
  const log = oncePerSecond((times, shortage: Shortage) =>
    logger.warn({ shortage, times }, "requests refused: overload"),
  );
  const server = createServer((request, response) => {
    const shortage = gate.shortage();
    if (!shortage || isExempt(request)) {
      gate.underWay++;
      response.once("close", () => gate.underWay--);
      return handler(request, response);
    }
    gate.refused[shortage]++;
    log(shortage);
    refuse(request, response);
  });
  // Fastify sets its own server's limits only.
  server.keepAliveTimeout = http.keepAliveTimeout ?? server.keepAliveTimeout;
  server.requestTimeout = http.requestTimeout ?? server.requestTimeout;
  server.once("listening", () => gate.open());
  server.once("close", () => gate.close());
  return server;
}

function prepareRefusal(layout: Layout, headers: Readonly<Record<string, string>>): RequestListener {
  const message = "Too many visitors came at once. Please try again in a few seconds.";
  const page = Buffer.from(errorPage(layout, { statusCode: 503, message, details: [] }));
  const json = Buffer.from(JSON.stringify({ error: { code: "overloaded", message, details: [] } }));
  const common = { ...headers, "retry-after": RETRY_AFTER, "cache-control": "no-store" };
  return (request, response) => {
    const isApi = request.url?.startsWith("/api/") ?? false;
    const body = isApi ? json : page;
    response.writeHead(503, {
      ...common,
      "content-type": isApi ? "application/json; charset=utf-8" : "text/html; charset=utf-8",
      "content-length": body.length,
    });
    response.end(body);
  };
}
