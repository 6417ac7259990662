// What a page costs in processor time: the app against a bare node:http server that sends the same bytes.
//   ./dukaan doctor; npm run build; sudo node dist/test/bench/pages.js
// One core for the server, the other for everything else (taskset); PgBouncer and PostgreSQL as on a machine, every page
// straight from the database. CPU_PROFILE=folder also writes a profile of the app. ROUNDS: pairs of turns that are counted, 20.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { sampleStore } from "../../apps/api/seed/catalogue.js";
import { projectRoot } from "../../src/project.js";
import { startPgBouncer, startPostgres } from "../app/postgres.js";
import { askFor, askOnce, cpuSeconds, residentMiB, waitForSocket } from "./closed-loop.js";
import { median } from "./compare.js";

/** Short turns, so that both meet the same weather when others use this computer as well. */
const SECONDS = 0.4;
/** Until the compiler has seen what it will see. */
const WARM_UP_SECONDS = 10;
const CONNECTIONS = 16;
const rounds = Number(process.env["ROUNDS"] ?? 20);
const profile = process.env["CPU_PROFILE"];
/** As on a machine of 512 MB. */
const NODE_OPTIONS = ["--max-old-space-size=96", "--max-semi-space-size=8"];

// The database, its pooler and the visitors: on the other core. What is started later inherits it.
execFileSync("taskset", ["--pid", "--cpu-list", "1", String(process.pid)], { stdio: "ignore" });
const folder = mkdtempSync(join(tmpdir(), "dukaan-bench-"));
const postgres = await startPostgres();
const pgbouncer = await startPgBouncer(postgres);
const children: ChildProcess[] = [];
try {
  const databaseUrl = await postgres.createDatabase();
  for (const program of ["migrate.mjs", "seed.mjs"])
    execFileSync(process.execPath, [bundle(program)], {
      env: { DATABASE_URL: databaseUrl, MIGRATION_DATABASE_URL: databaseUrl },
      stdio: "ignore",
    });

  await showPictures(databaseUrl);

  const appSocket = join(folder, "app.sock");
  const app = start(
    [...NODE_OPTIONS, ...(profile ? ["--cpu-prof", `--cpu-prof-dir=${profile}`] : []), bundle("server.mjs")],
    {
      DATABASE_URL: pgbouncer.throughPool(databaseUrl),
      PUBLIC_URL: "https://shop.test",
      SESSION_SECRET: "a secret of the bench, 32 characters",
      LISTEN_SOCKET: appSocket,
      SMS_GATEWAY: "log",
    },
  );
  await waitForSocket(appSocket);

  const { slug } = sampleStore(0);
  const list = await askOnce(appSocket, `/api/v1/stores/${slug}/products`);
  const { products } = JSON.parse(list.body) as { products: { id: number }[] };
  const pages = [
    { name: "page with 24 products", path: `/s/${slug}`, goal: 12 },
    { name: "product page", path: `/s/${slug}/p/${products[0]!.id}`, goal: 10 },
  ];
  for (const { name, path, goal } of pages) {
    const answer = await askOnce(appSocket, path);
    if (answer.status !== 200) throw new Error(`${path} is answered ${answer.status}`);
    const bareSocket = join(folder, `bare-${goal}.sock`);
    const content = join(folder, "content.json");
    writeFileSync(content, JSON.stringify(answer));
    const bare = start([join(import.meta.dirname, "bare-server.js"), bareSocket, content], {});
    await waitForSocket(bareSocket);
    const bareAnswer = await askOnce(bareSocket, path);
    if (bareAnswer.bytes !== answer.bytes)
      throw new Error(`the bare server sends ${bareAnswer.bytes} bytes, the app ${answer.bytes}`);

    const perCpuSecond = async (server: ChildProcess, socket: string, seconds = SECONDS): Promise<number> => {
      const before = cpuSeconds(server.pid!);
      const options = { connections: CONNECTIONS, bytes: answer.bytes };
      const answers = await askFor(seconds, socket, path, options);
      return answers / (cpuSeconds(server.pid!) - before);
    };
    await perCpuSecond(app, appSocket, WARM_UP_SECONDS);
    await perCpuSecond(bare, bareSocket, WARM_UP_SECONDS);
    const measured = { app: [] as number[], bare: [] as number[] };
    for (let round = 0; round < rounds; round++) {
      measured.app.push(await perCpuSecond(app, appSocket));
      measured.bare.push(await perCpuSecond(bare, bareSocket));
    }
    const ratios = measured.bare.map((rate, round) => rate / measured.app[round]!);
    const sorted = ratios.toSorted((one, other) => one - other);
    const quarters = [0.25, 0.75].map((share) => sorted[Math.floor(share * sorted.length)]!.toFixed(1));
    console.log(
      `${name} (${answer.bytes} bytes): app ${Math.round(median(measured.app))} a CPU second, ` +
        `bare ${Math.round(median(measured.bare))}, ` +
        `1/${median(ratios).toFixed(1)} (half of the pairs 1/${quarters[0]} to 1/${quarters[1]}); goal 1/${goal}; ` +
        `memory ${Math.round(residentMiB(app.pid!))} MiB`,
    );
    await end(bare);
  }
  await end(app);
} finally {
  for (const child of children) child.kill("SIGKILL");
  await pgbouncer.stop();
  await postgres.stop();
  rmSync(folder, { recursive: true, force: true });
}

/**
 * Gives eleven of twelve products one to three pictures, as a shop has them. Only rows: the pages name the files and do not
 * open them.
 */
async function showPictures(databaseUrl: string): Promise<void> {
  const client = new Client(databaseUrl);
  await client.connect();
  await client.query(`UPDATE products SET images = (
    SELECT jsonb_agg(jsonb_build_object('digest', md5(id || ' ' || number), 'width', 1280, 'height', 960,
      'widths', '[320, 640, 1280]'::jsonb, 'alt', name || ' from the front'))
    FROM generate_series(0, id % 3) AS number
  ) WHERE id % 12 <> 0`);
  await client.end();
}

/** Starts a program of Node.js on a core of its own. Its log goes where a service's goes: into a pipe that is read. */
function start(args: string[], environment: Record<string, string>): ChildProcess {
  const child = spawn("taskset", ["--cpu-list", "0", process.execPath, ...args], {
    env: { ...environment, NODE_ENV: "production" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  child.stdout.resume();
  children.push(child);
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  child.kill("SIGTERM");
  await once(child, "exit");
}

function bundle(program: string): string {
  return join(projectRoot, "dist/bundles/api", program);
}
