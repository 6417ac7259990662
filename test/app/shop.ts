import type { HTTPMethods } from "fastify";
import { pino } from "pino";
import { createApp } from "../../apps/api/app.js";
import { openDatabase, type OpenDatabase } from "../../apps/api/database/database.js";
import { migrate } from "../../apps/api/database/migrations.js";
import type { ServerEnvironment } from "../../apps/api/environment.js";
import type { App } from "../../apps/api/http/app.js";
import type { Bucket } from "../../apps/api/images/image-store.js";
import { migrationsDirectory } from "../../apps/api/release-files.js";
import { LogStream } from "./log-stream.js";
import { startPgBouncer, startPostgres, type PgBouncer, type Postgres } from "./postgres.js";

export const PUBLIC_URL = "https://shop.test";

/** What each service has logged, line by line. */
const logs = new WeakMap<App, string[]>();

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
export async function startShop(
  options: { migrated?: boolean; timeoutMillis?: number; images?: Bucket } = {},
): Promise<Shop> {
  const postgres = await startPostgres();
  const pgbouncer = await startPgBouncer(postgres);
  const databaseUrl = await postgres.createDatabase();
  if (options.migrated ?? true) await migrate(databaseUrl, migrationsDirectory, () => undefined);
  const environment: ServerEnvironment = {
    databaseUrl: pgbouncer.throughPool(databaseUrl),
    databasePoolMax: 8,
    publicUrl: PUBLIC_URL,
    sessionSecret: "a secret of the tests, 32 characters",
    sms: "log",
    listen: { socket: "/nowhere/api.sock" },
    logLevel: "info",
    ...(options.images && { images: options.images }),
  };
  const database = openDatabase({
    url: environment.databaseUrl,
    poolMax: environment.databasePoolMax,
    // More patient than in production: on a busy computer a statement takes what it takes.
    timeoutMillis: options.timeoutMillis ?? 10_000,
    onConnectionLost: () => undefined,
  });
  const log = new LogStream();
  const { app } = await createApp({ environment, ...database, logger: pino({ level: "info" }, log) });
  logs.set(app, log.lines);
  return {
    app,
    ...database,
    postgres,
    pgbouncer,
    databaseUrl,
    environment,
    stop: async () => {
      await app.close();
      await database.pool.end();
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

  async get(
    path: string,
    headers: Record<string, string> = {},
    method: HTTPMethods = "GET",
  ): Promise<Answer> {
    return await this.#send(method, path, headers);
  }

  /**
   * Sends a form as a browser does from a page of the same site; a merchant's form has the key of a page that was just
   * opened, unless it brings one.
   */
  async post(
    path: string,
    form: Record<string, string>,
    headers: Record<string, string> = {},
    method: HTTPMethods = "POST",
  ): Promise<Answer> {
    return await this.#send(
      method,
      path,
      { "content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin", ...headers },
      new URLSearchParams({ ...(await this.#formKey(path)), ...form }).toString(),
    );
  }

  /** Sends a product's picture as a browser does from the product's page, or with that page's form to another product. */
  async upload(
    page: string,
    picture: Buffer,
    fields: Record<string, string> = {},
    target = page,
  ): Promise<Answer> {
    const form = new FormData();
    const texts = { ...hiddenFields((await this.get(page)).body, `${page}/images`), alt: "", ...fields };
    for (const [name, value] of Object.entries(texts)) form.set(name, value);
    form.set("picture", new Blob([new Uint8Array(picture)]), "picture.jpg");
    const body = new Response(form);
    const headers = {
      "content-type": body.headers.get("content-type") ?? "",
      "sec-fetch-site": "same-origin",
    };
    return await this.#send("POST", `${target}/images`, headers, Buffer.from(await body.arrayBuffer()));
  }

  /** Opens a page, fills in its form with this action and sends it with all its hidden fields. */
  async submit(page: string, action: string, form: Record<string, string>): Promise<Answer> {
    const { body } = await this.get(page);
    return await this.post(action, { ...hiddenFields(body, action), ...form });
  }

  /** What a browser that is to go on in this visitor's place must have. */
  get cookies(): readonly { name: string; value: string; path: string }[] {
    return [...this.#cookies.values()];
  }

  cookie(name: string): string | undefined {
    return [...this.#cookies.values()].find((cookie) => cookie.name === name)?.value;
  }

  async #formKey(path: string): Promise<Record<string, string>> {
    if (!/^\/(admin|stores|logout)\b/.test(path)) return {};
    const { status, body } = await this.get("/stores");
    return status === 200 ? hiddenFields(body, "/logout/everywhere") : {};
  }

  async #send(
    method: HTTPMethods,
    path: string,
    headers: Record<string, string>,
    payload?: string | Buffer,
  ): Promise<Answer> {
    const { pathname } = new URL(path, PUBLIC_URL);
    const sent = [...this.#cookies.values()].filter(
      (cookie) => cookie.path === "/" || pathname === cookie.path || pathname.startsWith(`${cookie.path}/`),
    );
    const response = await this.app.inject({
      method: method as "GET",
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

/** The hidden fields of a page's form, by name. */
export function hiddenFields(page: string, action: string): Record<string, string> {
  const form = page.split("<form").find((part) => part.includes(`action="${action}"`));
  if (form === undefined) throw new Error(`No form with the action ${action} is in the page:\n${page}`);
  const inputs = form.slice(0, form.indexOf("</form>")).match(/<input[^>]*type="hidden"[^>]*>/g) ?? [];
  return Object.fromEntries(
    inputs.map((input) => [textOf(input, /name="([^"]*)"/), textOf(input, /value="([^"]*)"/)]),
  );
}

/** The lines that a service has logged. */
export function logOf(app: App): readonly string[] {
  return logs.get(app) ?? [];
}

/** The newest sign-in code for a number, where a developer finds it: in the log. */
export function loggedCode(app: App, phone: string): string {
  const line = logOf(app).findLast((each) => each.includes('"sign-in code"') && each.includes(phone));
  if (line === undefined) throw new Error(`No code for ${phone} is in the log`);
  return (JSON.parse(line) as { code: string }).code;
}

let numbers = 0;

/** A mobile number that no other call gives. */
export function newPhone(): string {
  return `+919${String(++numbers).padStart(9, "0")}`;
}

/** The header with which nginx tells an address; one that no other call gives, so that limits by address do not add up. */
export function newAddress(): { "x-forwarded-for": string } {
  const number = ++numbers;
  return { "x-forwarded-for": `10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}` };
}

/** Signs a visitor in with number and code, and returns where that led. */
export async function signIn(visitor: Visitor, phone: string): Promise<string | undefined> {
  const address = newAddress();
  const asked = await visitor.post("/login", { phone }, address);
  if (asked.status !== 303) throw new Error(`No code was sent: ${asked.status} ${asked.body}`);
  const entered = await visitor.post("/login/code", { code: loggedCode(visitor.app, phone) }, address);
  if (entered.status !== 303) throw new Error(`Not signed in: ${entered.status} ${entered.body}`);
  return entered.location;
}

/** A merchant with a new number who has opened a shop and is signed in. */
export async function openShop(app: App, slug: string): Promise<{ merchant: Visitor; phone: string }> {
  const merchant = new Visitor(app);
  const phone = newPhone();
  await signIn(merchant, phone);
  const answer = await merchant.submit("/stores", "/stores", { name: `Shop ${slug}`, slug });
  if (answer.location !== `/admin/${slug}/opened`)
    throw new Error(`No shop was opened: ${answer.status} ${answer.body}`);
  return { merchant, phone };
}

/** Adds a product through the dashboard and returns its id. */
export async function addProduct(
  merchant: Visitor,
  slug: string,
  product: { name: string; price: string; stock: number },
): Promise<number> {
  const form = { ...product, stock: String(product.stock) };
  const path = `/admin/${slug}/products`;
  const answer = await merchant.submit(`${path}/new`, path, form);
  if (answer.status !== 303) throw new Error(`No product was added: ${answer.status} ${answer.body}`);
  const list = await merchant.get(path);
  return Number(textOf(list.body, new RegExp(`/admin/${slug}/products/(\\d+)`)));
}

/** What a page says at a place; fails when it is not there. */
export function textOf(body: string, pattern: RegExp): string {
  const match = pattern.exec(body)?.[1];
  if (match === undefined) throw new Error(`${pattern} is not in the page:\n${body}`);
  return match;
}
