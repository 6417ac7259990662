import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bundleApi, type BundleManifest } from "../../apps/bundle.js";
import { withoutIds } from "./logged.js";
import { runStatement, startPgBouncer, startPostgres, type PgBouncer, type Postgres } from "./postgres.js";

const root = join(import.meta.dirname, "../..");

let directory: string;
let bundle: BundleManifest;
let postgres: Postgres;
let pgbouncer: PgBouncer;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "dukaan-bundle-"));
  bundle = await bundleApi(root, directory);
  postgres = await startPostgres();
  pgbouncer = await startPgBouncer(postgres);
});
afterAll(async () => {
  await pgbouncer.stop();
  await postgres.stop();
  rmSync(directory, { recursive: true, force: true });
});

interface Run {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs a program of the bundle to its end, with nothing but the given environment. */
async function run(program: string, environment: Record<string, string>, ...args: string[]): Promise<Run> {
  return await new Promise((resolve) => {
    const options = { env: environment, cwd: "/" };
    const child = execFile(
      process.execPath,
      [join(directory, "api", program), ...args],
      options,
      (_error, stdout, stderr) => resolve({ code: child.exitCode ?? -1, stdout, stderr }),
    );
  });
}

const SETTINGS = {
  PUBLIC_URL: "https://shop.test",
  SESSION_SECRET: "0123456789abcdef0123456789abcdef",
  SMS_GATEWAY: "log",
};

async function migratedEnvironment(): Promise<Record<string, string>> {
  const databaseUrl = await postgres.createDatabase();
  const environment = {
    ...SETTINGS,
    DATABASE_URL: pgbouncer.throughPool(databaseUrl),
    MIGRATION_DATABASE_URL: databaseUrl,
    RELEASE_ID: "r1",
    LISTEN_SOCKET: join(directory, `api-${Math.random().toString(36).slice(2)}.sock`),
    NODE_OPTIONS: "--max-old-space-size=96 --max-semi-space-size=8",
  };
  expect(await run("migrate.mjs", environment)).toMatchObject({ code: 0 });
  return environment;
}

describe("the bundle", () => {
  test("is the same from a clone in another folder", async () => {
    const clone = mkdtempSync(join(tmpdir(), "dukaan-clone-"));
    try {
      cpSync(join(root, "apps"), join(clone, "apps"), { recursive: true });
      for (const file of ["package.json", "tsconfig.json"]) cpSync(join(root, file), join(clone, file));
      symlinkSync(join(root, "node_modules"), join(clone, "node_modules"));
      mkdirSync(join(clone, "dist"));
      expect(await bundleApi(clone, join(clone, "dist"))).toEqual(bundle);
    } finally {
      rmSync(clone, { recursive: true });
    }
  });

  test("changes its digest with its content, is small and names no folder of this computer", async () => {
    const server = readFileSync(join(directory, "api/server.mjs"), "utf8");
    expect(server).not.toContain(root);
    expect(server).not.toContain(dirname(process.execPath));
    expect(bundle.bytes).toBeLessThan(3_000_000);
    expect(bundle.digest).toMatch(/^[0-9a-f]{64}$/);
    expect(JSON.parse(readFileSync(join(directory, "api.json"), "utf8"))).toEqual(bundle);

    const changed = mkdtempSync(join(tmpdir(), "dukaan-changed-"));
    cpSync(join(root, "apps"), join(changed, "apps"), { recursive: true });
    cpSync(join(root, "package.json"), join(changed, "package.json"));
    symlinkSync(join(root, "node_modules"), join(changed, "node_modules"));
    cpSync(join(root, "apps/api/assets/icon.svg"), join(changed, "apps/api/assets/icon2.svg"));
    const other = await bundleApi(changed, join(changed, "dist"));
    rmSync(changed, { recursive: true });
    expect(other.digest).not.toBe(bundle.digest);
  });
});

describe("migrate.mjs", () => {
  test("applies, reports and fails in words", async () => {
    const databaseUrl = await postgres.createDatabase();
    const environment = { MIGRATION_DATABASE_URL: databaseUrl };
    const before = await run("migrate.mjs", environment, "--status");
    expect(before.code).toBe(1);
    expect(JSON.parse(before.stdout).applied).toEqual([]);
    expect((await run("migrate.mjs", environment)).code).toBe(0);
    const after = await run("migrate.mjs", environment, "--status");
    expect(after.code).toBe(0);
    expect(JSON.parse(after.stdout).pending).toEqual([]);

    const clashing = await postgres.createDatabase();
    await runStatement(clashing, "CREATE TABLE orders (id int)");
    const failed = await run("migrate.mjs", { MIGRATION_DATABASE_URL: clashing });
    expect(failed.code).toBe(1);
    expect(failed.stderr).toContain(
      'Migration failed, nothing was changed: relation "orders" already exists',
    );
    await expect(runStatement(clashing, "SELECT FROM stores")).rejects.toThrow("does not exist");
  });

  test("names wrong settings and options without showing a password", async () => {
    const url = "mysql://dukaan:hunter2@/dukaan";
    const wrong = await run("migrate.mjs", { MIGRATION_DATABASE_URL: url });
    expect(wrong.code).toBe(78);
    expect(wrong.stderr).toContain("MIGRATION_DATABASE_URL must be a PostgreSQL address");
    expect(wrong.stderr).not.toContain("hunter2");
    expect((await run("migrate.mjs", {}, "--undo")).code).toBe(64);
  });
});

describe("seed.mjs", () => {
  test("makes the same shops in every database, and nothing when run again", async () => {
    const digest = `SELECT md5(string_agg(slug || stores.name || p.name || price_paise || stock, ';' ORDER BY p.id)) AS md5
      FROM stores JOIN products p ON p.store_id = stores.id`;
    const args = ["--stores", "20", "--products", "50", "--giant"];
    const digests = [];
    for (let database = 0; database < 2; database++) {
      const environment = await migratedEnvironment();
      const first = await run("seed.mjs", environment, ...args);
      expect(first.stderr).toContain("21,000 of 21,000 products");
      const summary = JSON.parse(first.stdout);
      expect(summary).toMatchObject({ created: { stores: 21, products: 21_000 } });
      expect(summary.paths).toContain("/s/giant-bazaar");
      digests.push((await runStatement(environment["MIGRATION_DATABASE_URL"]!, digest)).rows[0].md5);
      const again = JSON.parse((await run("seed.mjs", environment, ...args)).stdout);
      expect(again.created).toEqual({ stores: 0, products: 0 });
    }
    expect(digests[0]).toMatch(/^[0-9a-f]{32}$/);
    expect(digests[1]).toBe(digests[0]);
  });

  test.each(["--stores=-1", "--stores=x", "--products=5001", "--nope"])("refuses %s", async (arg) => {
    const { code, stderr } = await run("seed.mjs", {}, arg);
    expect(code).toBe(64);
    expect(stderr).toContain("Usage: node seed.mjs");
  });
});

async function get(socketPath: string, path: string): Promise<number | undefined> {
  return await send({ socketPath, path });
}

async function send(
  options: { socketPath: string; path: string; method?: string; headers?: Record<string, string> },
  body?: string,
): Promise<number | undefined> {
  const outgoing = request({ agent: false, ...options });
  outgoing.end(body);
  const [response] = await once(outgoing, "response");
  response.resume();
  await once(response, "end");
  return response.statusCode;
}

describe("flag.mjs", () => {
  test("lists the flags and switches them, once", async () => {
    const environment = await migratedEnvironment();
    const flag = async (...words: string[]) => (await run("flag.mjs", environment, ...words)).stdout;
    expect(await flag("on", "exports_off")).toMatch(/"changed":true.*"exports_off","enabled":true/);
    expect(await flag("on", "exports_off")).toMatch(/"changed":false.*"exports_off","enabled":true/);
    expect(await flag("off", "exports_off")).toMatch(/"changed":true.*"exports_off","enabled":false/);
    const refused = { code: 64, stderr: expect.stringContaining("read_only      Refuse") as string };
    for (const words of [[], ["on"], ["on", "readonly"], ["list", "read_only"]])
      expect(await run("flag.mjs", {}, ...words)).toMatchObject(refused);
  });
});

describe("server.mjs", () => {
  const servers: ChildProcess[] = [];
  afterAll(() => {
    for (const server of servers) server.kill("SIGKILL");
  });

  interface Server {
    process: ChildProcess;
    exited: Promise<unknown>;
    /** Everything that it printed, once it has ended. */
    output: Promise<string>;
  }

  function start(environment: Record<string, string>): Server {
    const child = spawn(process.execPath, [join(directory, "api/server.mjs")], {
      env: environment,
      cwd: "/",
    });
    servers.push(child);
    return { process: child, exited: once(child, "exit"), output: text(child.stdout) };
  }

  async function startReady(environment: Record<string, string>): Promise<Server> {
    const server = start(environment);
    const socket = environment["LISTEN_SOCKET"]!;
    await expect.poll(() => get(socket, "/readyz").catch(() => undefined), { timeout: 60_000 }).toBe(200);
    return server;
  }

  test("says everything that is wrong with its environment and exits with 78", async () => {
    const { code, stderr } = await run("server.mjs", {
      DATABASE_URL: "http://x",
      DATABASE_POOL_MAX: "0",
      PUBLIC_URL: "https://shop.test/path",
      SESSION_SECRET: "short",
      SMS_GATEWAY: "http://sms.test/",
      LISTEN_SOCKET: "relative.sock",
      LOG_LEVEL: "loud",
    });
    expect(code).toBe(78);
    const named = [...stderr.matchAll(/^ {2}- (\w+) must/gm)].map((match) => match[1]!).toSorted();
    expect(named.join(" ")).toBe(
      "DATABASE_POOL_MAX DATABASE_URL LISTEN_SOCKET LOG_LEVEL PUBLIC_URL SESSION_SECRET SMS_GATEWAY SMS_WEBHOOK_SECRET",
    );
  });

  test("listens for its group only, stays small, and logs requests as JSON without secrets", async () => {
    const environment = await migratedEnvironment();
    const socket = environment["LISTEN_SOCKET"]!;
    const server = await startReady(environment);
    expect(statSync(socket).mode & 0o777).toBe(0o660);
    const headers = { "x-forwarded-for": "203.0.113.9, 198.51.100.7" };
    await send({ socketPath: socket, path: `/o/${"A".repeat(22)}?token=hunter2`, headers });
    const rss = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${server.process.pid}/status`, "utf8"));
    expect(Number(rss?.[1])).toBeLessThan(100_000);
    server.process.kill("SIGTERM");
    await server.exited;
    expect(server.process.exitCode).toBe(0);
    const lines = (await server.output)
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    const logged = lines.find((line) => line.route === "/o/:order");
    expect(logged).toMatchObject({
      level: "info",
      service: "api",
      release: "r1",
      method: "GET",
      status: 404,
      ip: "198.51.100.7",
    });
    expect(logged.reqId).toMatch(/^[0-9a-f-]{36}$/);
    expect(await server.output).not.toMatch(/hunter2|AAAAAAAA/);
  });

  test("finishes what it has begun after SIGTERM, takes nothing new, and tells what took long", async () => {
    const environment = await migratedEnvironment();
    const socket = environment["LISTEN_SOCKET"]!;
    await run("seed.mjs", environment, "--stores", "1", "--products", "1");
    const server = await startReady(environment);
    const blocker = new Client({ connectionString: environment["MIGRATION_DATABASE_URL"]! });
    await blocker.connect();
    await blocker.query("BEGIN; UPDATE products SET stock = 5");
    const order = send(
      {
        socketPath: socket,
        path: "/api/v1/stores/ashas-sarees-001/orders",
        method: "POST",
        headers: { "content-type": "application/json", "idempotency-key": "0123456789abcdef" },
      },
      JSON.stringify({
        buyer: {
          name: "Ravi",
          phone: "9876543210",
          address: { street: "12, 4th Cross", city: "Bengaluru", pin: "560038" },
        },
        lines: [{ productId: 1, quantity: 1 }],
      }),
    );
    const waiting = "SELECT count(*)::int AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
    await expect.poll(async () => (await blocker.query(waiting)).rows[0].n).toBe(1);
    server.process.kill("SIGTERM");
    await expect
      .poll(() => get(socket, "/livez").catch((error: NodeJS.ErrnoException) => error.code))
      .toBe("ENOENT");
    // A statement is slow from 250 ms on.
    await blocker.query("SELECT pg_sleep(0.3); COMMIT");
    await blocker.end();
    expect(await order).toBe(201);
    await server.exited;
    expect(server.process.exitCode).toBe(0);
    expect(await server.output).toMatch(
      /"statement":".* for no key update.*"milliseconds":(2[5-9]\d|[3-9]\d\d|\d{4,}),.*slow/,
    );
    expect(withoutIds(await server.output)).not.toContain("98765");
  });

  test("starts over the socket of a killed process, but not over one in use", async () => {
    const environment = await migratedEnvironment();
    const socket = environment["LISTEN_SOCKET"]!;
    const killed = await startReady(environment);
    killed.process.kill("SIGKILL");
    await killed.exited;
    expect(statSync(socket).isSocket()).toBe(true);
    await startReady(environment);
    const second = await run("server.mjs", environment);
    expect(second.code).not.toBe(0);
    expect(second.stderr).toContain("EADDRINUSE");
    expect(await get(socket, "/livez")).toBe(200);
  });
});
