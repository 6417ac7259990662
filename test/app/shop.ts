import { pino } from "pino";
import { createApp } from "../../apps/api/app.js";
import { openDatabase, type OpenDatabase } from "../../apps/api/database/database.js";
import { migrate } from "../../apps/api/database/migrations.js";
import type { ServerEnvironment } from "../../apps/api/environment.js";
import type { App } from "../../apps/api/http/app.js";
import { migrationsDirectory } from "../../apps/api/release-files.js";
import { startPgBouncer, startPostgres, type PgBouncer, type Postgres } from "./postgres.js";

export const PUBLIC_URL = "https://shop.test";

/** The service on a database of its own, reached through a real PgBouncer in transaction pooling. */
export interface Shop extends OpenDatabase {
  app: App;
  postgres: Postgres;
  pgbouncer: PgBouncer;
  /** Address of the database without the pooler. */
  databaseUrl: string;
  environment: ServerEnvironment;
  stop(): Promise<void>;
}

/** Starts PostgreSQL, PgBouncer and the service, migrated. */
export async function startShop(options: { migrated?: boolean; timeoutMillis?: number } = {}): Promise<Shop> {
  const postgres = await startPostgres();
  const pgbouncer = await startPgBouncer(postgres);
  const databaseUrl = await postgres.createDatabase();
  if (options.migrated ?? true) await migrate(databaseUrl, migrationsDirectory, () => undefined);
  const environment: ServerEnvironment = {
    databaseUrl: pgbouncer.throughPool(databaseUrl),
    databasePoolMax: 8,
    publicUrl: PUBLIC_URL,
    sessionSecret: "a secret of the tests, 32 characters",
    listen: { socket: "/nowhere/api.sock" },
    logLevel: "silent",
  };
  const { db, pool } = openDatabase({
    url: environment.databaseUrl,
    poolMax: environment.databasePoolMax,
    timeoutMillis: options.timeoutMillis ?? 2_000,
    onConnectionLost: () => undefined,
  });
  const { app } = await createApp({ environment, db, pool, logger: pino({ level: "silent" }) });
  return {
    app,
    db,
    pool,
    postgres,
    pgbouncer,
    databaseUrl,
    environment,
    stop: async () => {
      await app.close();
      await pool.end();
      await pgbouncer.stop();
      await postgres.stop();
    },
  };
}

interface Answer {
  status: number;
  body: string;
  location: string | undefined;
  headers: Record<string, number | string | string[] | undefined>;
}

/** A visitor with a cookie jar that honours cookie paths, as a browser without JavaScript does. */
export class Visitor {
  readonly #cookies = new Map<string, { name: string; value: string; path: string }>();

  constructor(readonly app: App) {}

  async get(path: string, headers: Record<string, string> = {}): Promise<Answer> {
    return await this.#send("GET", path, headers);
  }

  /** Sends a form as a browser does from a page of the same site. */
  async post(
    path: string,
    form: Record<string, string>,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    return await this.#send(
      "POST",
      path,
      { "content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin", ...headers },
      new URLSearchParams(form).toString(),
    );
  }

  cookie(name: string): string | undefined {
    return [...this.#cookies.values()].find((cookie) => cookie.name === name)?.value;
  }

  async #send(
    method: "GET" | "POST",
    path: string,
    headers: Record<string, string>,
    payload?: string,
  ): Promise<Answer> {
    const { pathname } = new URL(path, PUBLIC_URL);
    const sent = [...this.#cookies.values()].filter(
      (cookie) => cookie.path === "/" || pathname === cookie.path || pathname.startsWith(`${cookie.path}/`),
    );
    const response = await this.app.inject({
      method,
      url: path,
      headers: {
        ...headers,
        ...(sent.length > 0 && { cookie: sent.map(({ name, value }) => `${name}=${value}`).join("; ") }),
      },
      ...(payload !== undefined && { payload }),
    });
    for (const { name, value, path: cookiePath = "/", expires } of response.cookies) {
      const key = `${name} ${cookiePath}`;
      if (expires && expires.getTime() <= Date.now()) this.#cookies.delete(key);
      else this.#cookies.set(key, { name, value, path: cookiePath });
    }
    const { location } = response.headers;
    return {
      status: response.statusCode,
      body: response.body,
      location,
      headers: response.headers,
    };
  }
}

/** A merchant who has opened a shop and is signed in. */
export async function openShop(app: App, slug: string): Promise<{ merchant: Visitor; adminKey: string }> {
  const merchant = new Visitor(app);
  const answer = await merchant.post("/stores", { name: `Shop ${slug}`, slug });
  if (answer.status !== 201) throw new Error(`No shop was opened: ${answer.status} ${answer.body}`);
  return { merchant, adminKey: textOf(answer.body, /<code>([\w-]+)<\/code>/) };
}

/** Adds a product through the dashboard and returns its id. */
export async function addProduct(
  merchant: Visitor,
  slug: string,
  product: { name: string; price: string; stock: number },
): Promise<number> {
  const answer = await merchant.post(`/admin/${slug}/products`, { ...product, stock: String(product.stock) });
  if (answer.status !== 303) throw new Error(`No product was added: ${answer.status} ${answer.body}`);
  const list = await merchant.get(`/admin/${slug}/products`);
  return Number(textOf(list.body, new RegExp(`/admin/${slug}/products/(\\d+)`)));
}

/** What a page says at a place; fails when it is not there. */
export function textOf(body: string, pattern: RegExp): string {
  const match = pattern.exec(body)?.[1];
  if (match === undefined) throw new Error(`${pattern} is not in the page:\n${body}`);
  return match;
}
