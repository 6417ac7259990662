import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Bucket } from "../../apps/api/images/image-store.js";
import { ensureVersitygw } from "../../toolchain/index.js";

/** An object storage of its own (versitygw above a temporary folder) on loopback; nothing of it outlives {@link stop}. */
export interface Storage {
  bucket: Bucket;
  /** Names of everything that is in the bucket; none when there is no bucket. */
  objects(): string[];
  /** Ends it at once; what it holds stays. */
  crash(): Promise<void>;
  /** Starts it, also after {@link crash}. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

export async function startStorage(): Promise<Storage> {
  const program = await ensureVersitygw();
  const folder = mkdtempSync(join(tmpdir(), "dukaan-storage-"));
  const data = join(folder, "data");
  mkdirSync(data);
  const port = await freePort();
  const bucket: Bucket = {
    endpoint: `http://127.0.0.1:${port}`,
    region: "local",
    bucket: "shop-images",
    accessKey: "test-access-key",
    secretKey: "test-secret-key-of-the-tests",
  };
  let server: ChildProcess | undefined;
  const crash = async (): Promise<void> => {
    if (!server) return;
    const exited = once(server, "exit");
    server.kill("SIGKILL");
    await exited;
    server = undefined;
  };
  const start = async (): Promise<void> => {
    const options = ["--port", `127.0.0.1:${port}`, "--region", bucket.region, "--quiet", "--keep-alive"];
    server = spawn("setpriv", ["--pdeathsig=KILL", program, ...options, "posix", data], {
      cwd: folder,
      stdio: "ignore",
      env: {
        ROOT_ACCESS_KEY: bucket.accessKey,
        ROOT_SECRET_KEY: bucket.secretKey,
        PATH: process.env["PATH"],
      },
    });
    const giveUp = performance.now() + 60_000;
    while (!(await fetch(bucket.endpoint).catch(() => undefined))) {
      if (performance.now() > giveUp || server.exitCode !== null) throw new Error("versitygw does not start");
      await sleep(20);
    }
  };
  await start();
  return {
    bucket,
    objects: () => {
      const place = join(data, bucket.bucket);
      if (!existsSync(place)) return [];
      return readdirSync(place, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name).slice(place.length + 1))
        .sort();
    },
    crash,
    start,
    stop: async () => {
      await crash();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}
