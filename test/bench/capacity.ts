// CPU time that one piece of work takes, by program: where the defaults of dukaan:capacity come from.
// node scripts/build.mjs && node dist/test/bench/capacity.js
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { projectRoot } from "../../src/project.js";
import { runStatement, startPgBouncer, startPostgres } from "../app/postgres.js";
import { type Ask, HttpClient } from "../../src/load/http-client.js";

/** The unit of /proc/<pid>/stat's times, in milliseconds (USER_HZ is 100 on every platform of Node.js). */
const tickMs = 10;
const rounds = Number(process.env["ROUNDS"] ?? 2000);
const port = 18_345;
const address = { street: "1, Load Street", city: "Bengaluru", pin: "560001" };

const folder = mkdtempSync(join(tmpdir(), "dukaan-capacity-"));
const postgres = await startPostgres();
const pgbouncer = await startPgBouncer(postgres);
const database = await postgres.createDatabase();
const program = (name: string) => join(projectRoot, "dist/bundles/api", name);
const env = {
  PUBLIC_URL: "https://shop.test",
  SESSION_SECRET: "0123456789abcdef0123456789abcdef",
  DATABASE_URL: pgbouncer.throughPool(database),
  MIGRATION_DATABASE_URL: database,
  RELEASE_ID: "bench",
  SMS_GATEWAY: "log",
  PORT: String(port),
  // As on the smallest server, so that collecting garbage is in the figures.
  NODE_OPTIONS: "--max-old-space-size=96 --max-semi-space-size=8",
};
const run = (name: string, ...args: string[]) =>
  execFileSync(process.execPath, [program(name), ...args], { env, stdio: ["ignore", "ignore", "inherit"] });

run("migrate.mjs");
run("seed.mjs", "--stores", "200", "--products", "100");
await runStatement(database, "ANALYZE");
const server = spawn(process.execPath, [program("server.mjs")], {
  env,
  // Requests are logged, as on a server; nobody reads it here.
  stdio: ["ignore", "ignore", "inherit"],
});
try {
  const client = new HttpClient({ url: `http://127.0.0.1:${port}`, connections: 8 });
  const get = (path: string): Ask => ({ method: "GET", path });
  for (let tries = 0; ; tries++) {
    const answer = await client.send(get("/readyz"), 1000).catch(() => undefined);
    if (answer?.status === 200) break;
    if (tries > 100) throw new Error("the service does not become ready");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const { rows } = await runStatement(
    database,
    "SELECT s.slug, p.id FROM products p JOIN stores s ON s.id = p.store_id ORDER BY md5(p.id::text) LIMIT 4000",
  );
  const products = rows as { slug: string; id: string }[];
  const product = (index: number) => products[index % products.length]!;

  const kinds: Record<string, (index: number) => Ask> = {
    "store page": (index) => get(`/s/${product(index).slug}`),
    "product page": (index) => get(`/s/${product(index).slug}/p/${product(index).id}`),
    order: (index) => ({
      method: "POST",
      path: `/api/v1/stores/${product(index).slug}/orders`,
      headers: {
        "content-type": "application/json",
        "idempotency-key": `bench-${index}-${Date.now().toString(36)}`,
      },
      body: JSON.stringify({
        buyer: { name: "Asha", phone: "+919800000000", address },
        lines: [{ productId: Number(product(index).id), quantity: 1 }],
      }),
    }),
  };
  for (const [kind, ask] of Object.entries(kinds)) {
    await repeat(client, ask, rounds / 4);
    const before = cpuTicks();
    const statuses = await repeat(client, ask, rounds);
    const after = cpuTicks();
    const ms = (name: string) => (((after[name] ?? 0) - (before[name] ?? 0)) * tickMs) / rounds;
    // Node.js names its process after its main thread.
    const parts = ["MainThread", "pgbouncer", "postgres"].map((name) => `${name} ${ms(name).toFixed(2)} ms`);
    const failed = Object.keys(statuses).filter((status) => !["200", "201", "409"].includes(status));
    if (failed.length > 0) throw new Error(`${kind}: answers with status ${failed.join(", ")}`);
    console.log(`${kind}: ${parts.join(", ")}  (${JSON.stringify(statuses)})`);
  }
} finally {
  server.kill();
  await pgbouncer.stop();
  await postgres.stop();
  rmSync(folder, { recursive: true, force: true });
}

/** Sends requests, eight at once. @returns how often each status came back */
async function repeat(client: HttpClient, ask: (index: number) => Ask, count: number) {
  const statuses: Record<number, number> = {};
  let next = 0;
  const work = async () => {
    while (next < count) {
      const { status } = await client.send(ask(next++), 30_000);
      statuses[status] = (statuses[status] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: 8 }, work));
  return statuses;
}

/** CPU time of this process's children and theirs, ended ones included, by program; in ticks. */
function cpuTicks(): Record<string, number> {
  const processes = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
        const [, name, rest] = /^\d+ \((.*)\) (.*)$/s.exec(stat)!;
        const fields = rest!.split(" ");
        const [utime, stime, cutime, cstime] = fields.slice(11, 15).map(Number);
        return [
          {
            pid: Number(pid),
            parent: Number(fields[1]),
            name: name!,
            ticks: utime! + stime! + cutime! + cstime!,
          },
        ];
      } catch {
        return []; // It has ended meanwhile.
      }
    });
  const mine = new Set([process.pid]);
  const sums: Record<string, number> = {};
  for (let found = true; found;) {
    found = false;
    for (const { pid, parent, name, ticks } of processes) {
      if (!mine.has(parent) || mine.has(pid)) continue;
      mine.add(pid);
      found = true;
      sums[name] = (sums[name] ?? 0) + ticks;
    }
  }
  return sums;
}
