// Many servers in one local cloud: how long ten take that are asked for at once, against ten of the least shell script
// that boots the same image; then, with 40 servers that idle and 500 other resources, what a server holds in memory,
// how soon the API answers, and what the cloud's process and those it starts use while nobody asks.
// Needs root and 6 GB of memory: node dist/test/bench/crowd.js
import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { loadavg } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { startLocalCloud, stopLocalCloud } from "../../local/client.js";
import { ensureImage } from "../../local/image/image.js";
import { detectControlGroups } from "../../local/machines/cgroups.js";
import { killAll } from "../../local/machines/nspawn.js";
import { projectRoot } from "../../src/project.js";
import { compare, time as seconds } from "./compare.js";

interface Created {
  server: { id: number; public_net: { ipv4: { ip: string } | null } };
}

const atOnce = Number(process.env["AT_ONCE"] ?? 10);
const rounds = Number(process.env["ROUNDS"] ?? 3);
const crowd = Number(process.env["CROWD"] ?? 40);
const others = 500;
const idleSeconds = Number(process.env["IDLE_SECONDS"] ?? 60);
const instance = "crowd";
const bareGroup = `${instance}-bare`;
const note = (message: string) => process.stderr.write(`${message}\n`);
const say = (message: string) => process.stdout.write(`${message} (load ${loadavg()[0]?.toFixed(1)})\n`);

const { path: image } = await ensureImage(note);
// On a busy computer a local cloud's machines have a larger share of it than what else runs: so have the bare ones.
const groups = await detectControlGroups();
await groups.make(bareGroup);
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

async function removed(server: Created["server"] | undefined): Promise<void> {
  if (!server) return;
  await call("DELETE", `/servers/${server.id}`);
  while ((await call("GET", `/servers/${server.id}`)).status !== 404) await sleep(50);
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

const many = <T>(length: number, work: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length }, (_, index) => work(index)));

/** CPU time of a process, and of those it has started and that have ended, in seconds. */
async function cpuOf(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / 100;
}

interface Memory {
  /** Anonymous memory of its processes, its supervisor among them. */
  processes: number;
  /** Its tmpfs file systems (/run, /tmp, /dev/shm): without swap the kernel cannot take them back. */
  tmpfs: number;
  /** What the kernel keeps for it: stacks, page tables, sockets, and all slab, also what it could give back. */
  kernel: number;
}

/**
 * What is charged to a server's control group, in MB, without the pages of files: those the kernel gives back when
 * somebody else needs memory. On cgroup v1 the page cache contains tmpfs, so that "cache" as a whole says nothing.
 */
async function memoryOf(id: number): Promise<Memory> {
  const group = `/sys/fs/cgroup/memory/dukaan/${instance}/${id}`;
  const stat = await readFile(`${group}/memory.stat`, "utf8").catch(() =>
    readFile(`/sys/fs/cgroup/dukaan/${instance}/${id}/memory.stat`, "utf8"),
  );
  const bytes = (name: string) => Number(new RegExp(`^${name} ([0-9]+)$`, "m").exec(stat)?.[1] ?? 0);
  const kernel = await readFile(`${group}/memory.kmem.usage_in_bytes`, "utf8").catch(() =>
    String(bytes("kernel")),
  );
  return {
    processes: (bytes("total_rss") || bytes("anon")) / 2 ** 20,
    tmpfs: (bytes("total_shmem") || bytes("shmem")) / 2 ** 20,
    kernel: Number(kernel) / 2 ** 20,
  };
}

const mean = (list: number[]): number => list.reduce((sum, each) => sum + each, 0) / list.length;

const percentile = (sorted: { took: number }[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]?.took ?? 0;

try {
  const script = join(projectRoot, "test/bench/bare-boot.sh");
  const made: Created["server"][] = [];
  const bootThroughApi = async () => {
    await many(made.length, async () => removed(made.pop()));
    return seconds(async () => made.push(...(await many(atOnce, boot))));
  };
  const inGroup = 'for group in $OWN_GROUPS; do echo 0 >"$group"; done; exec bash "$@"';
  const env = { OWN_GROUPS: groups.joinFiles(bareGroup).join(" ") };
  const bootBare = async () => {
    // Each says itself how long it took: until SSH answers, without the end of what it has started.
    const took = await many(atOnce, async (index) =>
      Number((await execa("sh", ["-c", inGroup, "sh", script, image, String(index)], { env })).stdout),
    );
    // The script ends its supervisor; what runs in the machine outlives that.
    await killAll(groups, bareGroup);
    return Math.max(...took);
  };
  await compare(
    { name: `POST /servers, ${atOnce} at once`, run: bootThroughApi },
    { name: `bare script, ${atOnce} at once`, run: bootBare },
    rounds,
  );
  say("both until SSH answers on all of them");

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
  const sums = memory.map(({ processes, tmpfs, kernel }) => processes + tmpfs + kernel);
  const part = (name: keyof Memory) => `${name} ${mean(memory.map((one) => one[name])).toFixed(1)}`;
  say(
    `memory of ${memory.length} idle servers: ${mean(sums).toFixed(1)} MB each (${part("processes")}, ${part("tmpfs")}, ${part("kernel")}), the largest ${Math.max(...sums).toFixed(1)} MB`,
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
  for (const clients of [1, 8]) {
    const times = (
      await many(clients, async () => {
        const own: { path: string; took: number }[] = [];
        for (let round = 0; round < 100; round++) {
          for (const path of paths)
            own.push({ path, took: 1000 * (await seconds(async () => (await call("GET", path)).text())) });
        }
        return own;
      })
    )
      .flat()
      .toSorted((one, other) => one.took - other.took);
    const took = (share: number) => percentile(times, share).toFixed(1);
    say(
      `the API, ${clients} clients, one request after another: median ${took(0.5)} ms, p99 ${took(0.99)} ms, at most ${took(1)} ms`,
    );
    note(
      `  the slowest: ${times
        .slice(-3)
        .map(({ path }) => path)
        .join(", ")}`,
    );
  }
} finally {
  await stopLocalCloud(instance, { onProgress: note });
  await killAll(groups, bareGroup);
  await groups.remove(bareGroup);
  await groups.removeRoot();
}
