// Many servers in one local cloud: how long ten take that are asked for at once, against ten of the least shell script
// that boots the same image; then, with 40 servers that idle and 500 other resources, what a server holds in memory,
// how soon the API answers, and what the cloud's process uses while nobody asks.
// Needs root and 6 GB of memory: node dist/test/bench/crowd.js
import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { loadavg } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { startLocalCloud, stopLocalCloud } from "../../local/client.js";
import { ensureImage } from "../../local/image/image.js";
import { projectRoot } from "../../src/project.js";

interface Created {
  server: { id: number; public_net: { ipv4: { ip: string } | null } };
}

const atOnce = Number(process.env["AT_ONCE"] ?? 10);
const crowd = Number(process.env["CROWD"] ?? 40);
const others = 500;
const idleSeconds = Number(process.env["IDLE_SECONDS"] ?? 60);
const instance = "crowd";
const note = (message: string) => process.stderr.write(`${message}\n`);
const say = (message: string) => process.stdout.write(`${message} (load ${loadavg()[0]?.toFixed(1)})\n`);

const { path: image } = await ensureImage(note);
const cloud = await startLocalCloud({ instance, onProgress: note });

const call = (method: string, path: string, body?: object) =>
  fetch(`${cloud.endpoint}${path}`, {
    method,
    headers: { authorization: `Bearer ${cloud.token}` },
    ...(body && { body: JSON.stringify(body) }),
  });

let count = 0;
async function boot(): Promise<Created["server"]> {
  const name = `crowd-${++count}`;
  const body = { name, server_type: "local-512", image: "debian-12", location: "fsn1" };
  const answer = await call("POST", "/servers", body);
  if (!answer.ok) throw new Error(`POST /servers: ${answer.status} ${await answer.text()}`);
  const { server }: Created = JSON.parse(await answer.text());
  while (!(await greets(server.public_net.ipv4?.ip ?? ""))) await sleep(20);
  return server;
}

/** Whether an SSH server says its name at port 22. */
function greets(host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port: 22, timeout: 1000 });
    const settle = (answers: boolean) => {
      socket.destroy();
      resolve(answers);
    };
    socket.on("data", (banner) => settle(banner.toString().startsWith("SSH-")));
    for (const end of ["error", "timeout", "close"] as const) socket.on(end, () => settle(false));
  });
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}

const many = <T>(length: number, work: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length }, (_, index) => work(index)));

/** CPU time of a process in seconds. */
async function cpuOf(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Anonymous memory of a server's processes and what the kernel keeps for them, in MB; not its page cache. */
async function memoryOf(id: number): Promise<number> {
  const group = `/sys/fs/cgroup/memory/dukaan/${instance}/${id}`;
  const stat = await readFile(`${group}/memory.stat`, "utf8").catch(() =>
    readFile(`/sys/fs/cgroup/dukaan/${instance}/${id}/memory.stat`, "utf8"),
  );
  const bytes = (name: string) => Number(new RegExp(`^${name} ([0-9]+)$`, "m").exec(stat)?.[1] ?? 0);
  const kernel = await readFile(`${group}/memory.kmem.usage_in_bytes`, "utf8").catch(() =>
    String(bytes("kernel")),
  );
  return ((bytes("total_rss") || bytes("anon")) + Number(kernel)) / 2 ** 20;
}

const percentile = (sorted: number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;

try {
  const script = join(projectRoot, "test/bench/bare-boot.sh");
  const bare = await seconds(() => many(atOnce, (index) => execa("bash", [script, image, String(index)])));
  const made: Created["server"][] = [];
  const ours = await seconds(async () => made.push(...(await many(atOnce, boot))));
  say(
    `${atOnce} servers at once: ${ours.toFixed(1)} s, the bare script's: ${bare.toFixed(1)} s, ratio ${(ours / bare).toFixed(2)}`,
  );

  while (made.length < crowd) made.push(...(await many(Math.min(8, crowd - made.length), boot)));
  for (let index = 0; index < others; index++) {
    const labels = { number: String(index) };
    await call("POST", index % 2 === 0 ? "/firewalls" : "/placement_groups", {
      name: `other-${index}`,
      labels,
      ...(index % 2 === 1 && { type: "spread" }),
    });
  }
  // What runs after a boot has its time to end.
  await sleep(Number(process.env["SETTLE_SECONDS"] ?? 20) * 1000);
  const memory = await Promise.all(made.map(({ id }) => memoryOf(id)));
  const mean = memory.reduce((sum, each) => sum + each, 0) / memory.length;
  say(
    `memory of ${memory.length} idle servers: ${mean.toFixed(1)} MB each, the largest ${Math.max(...memory).toFixed(1)} MB`,
  );

  const before = await cpuOf(cloud.pid);
  await sleep(idleSeconds * 1000);
  const idle = ((await cpuOf(cloud.pid)) - before) / idleSeconds;
  say(`the cloud's process, idle for ${idleSeconds} s: ${(100 * idle).toFixed(2)} % of a core`);

  const paths = [
    "/servers?per_page=50",
    `/servers/${made[0]?.id}`,
    "/firewalls?per_page=50",
    "/placement_groups?label_selector=number%3D7",
    "/actions?id=1",
    "/networks",
  ];
  const times: number[] = [];
  const worst = new Map<string, number>();
  for (let round = 0; round < 100; round++) {
    for (const path of paths) {
      const took = 1000 * (await seconds(async () => (await call("GET", path)).text()));
      times.push(took);
      worst.set(path, Math.max(worst.get(path) ?? 0, took));
    }
  }
  times.sort((one, other) => one - other);
  say(
    `the API, one request after another: median ${percentile(times, 0.5).toFixed(1)} ms, p99 ${percentile(times, 0.99).toFixed(1)} ms`,
  );
  for (const [path, took] of worst) note(`  ${path}: ${took.toFixed(0)} ms at most`);
} finally {
  await stopLocalCloud(instance, { onProgress: note });
}
