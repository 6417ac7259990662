/**
 * The local cloud of one instance, as a process of its own:
 *
 *     node dist/local/server.js --instance lab [--home /var/lib/dukaan] [--port 8470]
 *
 * It logs JSON lines to its standard output. SIGTERM and SIGINT end it and leave the machines running; its next start
 * adopts them. A parent that started it with an IPC channel is told { ready } or { error, remedy }.
 */
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { chown, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { execa } from "execa";
import { pino } from "pino";
import { ensureVersitygw } from "../toolchain/index.js";
import type { App } from "./api/app.js";
import { Door } from "./api/door.js";
import { startCloud, type RunningCloud } from "./api/start.js";
import { runningServer } from "./connection.js";
import { instanceFolder, localHome, requireOwnFolder, type Endpoint, type InstanceFolder } from "./folder.js";
import { ensureHostPackages } from "./image/host-packages.js";
import { ensureImage } from "./image/image.js";
import { HostError } from "./machines/host.js";
import { addressesInRealUse } from "./machines/host-routes.js";
import { instanceOf } from "./machines/instance.js";
import { createLinuxHost } from "./machines/linux-host.js";
import { withLock } from "./machines/lock.js";
import { startTimeOf } from "./machines/pid-file.js";
import { acquireSlot, releaseSlot, slotsInUse } from "./machines/slots.js";
import { RecentLog } from "./page/recent-log.js";
import { State } from "./state/database.js";
import { StorageServer } from "./storage/server.js";

/** What the parent hears over the IPC channel. */
export type ServerMessage = { progress: string } | { ready: true } | { error: string; remedy: string };

const recentLog = new RecentLog();
const logger = pino(
  { base: { pid: process.pid } },
  pino.multistream([{ stream: process.stdout }, { stream: recentLog }]),
);

/** The parent stops listening once we are up, and may be gone earlier. */
const tell = (message: ServerMessage, then?: () => void): void => {
  if (process.send && process.connected) process.send(message, undefined, undefined, () => then?.());
  else then?.();
};

/** Port of slot 0; the others follow. */
const firstPort = 8470;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      instance: { type: "string", default: process.env["DUKAAN_INSTANCE"] ?? "lab" },
      home: { type: "string", default: localHome() },
      port: { type: "string" },
    },
  });
  const { instance } = values;
  const folder = instanceFolder(instance, values.home);
  if (process.getuid?.() !== 0) {
    throw new HostError("the local cloud must run as root", "Start it with: sudo ./dukaan local up");
  }
  requireOwnFolder(folder);
  const say = (progress: string): void => {
    logger.info(progress);
    tell({ progress });
  };
  await ensureHostPackages(say);
  const image = await ensureImage(say);
  const program = await ensureVersitygw({ onProgress: say });
  // Whoever started us has made it.
  if (process.send) requireFolder(folder);
  await mkdir(folder.path, { recursive: true, mode: 0o755 });
  // Of two that start at the same time the second waits until the first is up, and then finds it.
  const { cloud, storage, door } = await withLock(folder.path, () =>
    start(instance, folder, values.port, image.path, program),
  );
  tell({ ready: true });

  const stop = async (signal: string): Promise<void> => {
    logger.info({ signal }, "stopping; the machines go on running");
    storage.close();
    door.close();
    await cloud.close();
    await rm(folder.endpoint, { force: true });
    process.exit(0);
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.once(signal, () => {
      stop(signal).catch(fail);
    });
  }
}

/** @throws HostError when the folder went while we were getting ready: `local down` does not know of us before */
function requireFolder({ path }: InstanceFolder): void {
  if (existsSync(path)) return;
  throw new HostError(
    `the local cloud in ${path} was removed while it was being started`,
    "Start it again: ./dukaan local up",
  );
}

async function start(
  instance: string,
  folder: InstanceFolder,
  wantedPort: string | undefined,
  image: string,
  program: string,
): Promise<{ cloud: RunningCloud; storage: StorageServer; door: Door }> {
  requireFolder(folder);
  const other = await runningServer(folder);
  if (other) {
    throw new HostError(
      `the local cloud "${instance}" runs already, as process ${other.pid} at ${other.endpoint}`,
      "Use that one, or stop it with `./dukaan local down`.",
    );
  }
  // Before anything else: its file tells others that this folder is a local cloud's.
  const state = new State(folder.state);
  const token = await readOrMakeToken(folder);
  const isNew = state.setting("slot") === undefined;
  const forgetIfNew = async (error: unknown): Promise<never> => {
    if (isNew) await forget(instance, folder);
    throw error;
  };
  const slot = await takeSlot(state, instance, folder.home).catch(forgetIfNew);
  const port = wantedPort === undefined ? firstPort + slot : Number(wantedPort);
  const host = createLinuxHost({
    instance,
    slot,
    home: folder.home,
    image,
    onLog: (message) => logger.info(message),
  });
  const place = instanceOf(instance, slot, folder.home);
  const storage = new StorageServer({ instance: place, folder: folder.objects, program, logger });
  const door = new Door({ instance: place, objects: folder.objects, logger });
  let api: App;
  const cloud = await startCloud({
    host,
    state,
    slot,
    reserved: new Set(await addressesInRealUse()),
    token,
    logger,
    recentLog,
    listen: async (app) => {
      api = app;
      await app
        .listen({ host: "127.0.0.1", port })
        .catch(async (error: unknown) => forgetIfNew(await explainListenError(error, port)));
      await writeEndpoint(folder, {
        instance,
        endpoint: `http://127.0.0.1:${port}/v1`,
        port,
        pid: process.pid,
        started: (await startTimeOf(process.pid)) ?? "",
      });
    },
    hostIsUp: async () => {
      await storage.start();
      await door.open(api);
    },
  });
  logger.info({ instance, port, slot }, "the local cloud is up");
  return { cloud, storage, door };
}

/** The slot decides the addresses that servers have: a state that has one can only run in it. */
async function takeSlot(state: State, instance: string, home: string): Promise<number> {
  const before = state.setting("slot");
  const slot = await acquireSlot(instance, home, before === undefined ? undefined : Number(before));
  if (before !== undefined && Number(before) !== slot) {
    throw new HostError(
      `the addresses of the local cloud "${instance}" (slot ${before}) were given to another one meanwhile`,
      "Remove that one first, or remove this one with `./dukaan local down`.",
    );
  }
  state.saveSetting("slot", String(slot));
  return slot;
}

/** Leaves nothing of an instance that never came up. */
async function forget(instance: string, folder: InstanceFolder): Promise<void> {
  // The slot may belong to another local cloud of that name, which has its state elsewhere.
  const used = await slotsInUse();
  if (used.some((slot) => slot.instance === instance && slot.home === folder.home)) {
    await releaseSlot(instance, () => Promise.resolve());
  }
  await rm(folder.path, { recursive: true, force: true });
}

async function readOrMakeToken({ token: path }: InstanceFolder): Promise<string> {
  const known = await readFile(path, "utf8").catch(() => "");
  if (/^[0-9a-f]{64}$/.test(known)) return known;
  const token = randomBytes(32).toString("hex");
  await writeFile(path, token, { mode: 0o600 });
  const { SUDO_UID, SUDO_GID } = process.env;
  if (SUDO_UID !== undefined && SUDO_GID !== undefined) await chown(path, Number(SUDO_UID), Number(SUDO_GID));
  return token;
}

async function writeEndpoint({ endpoint: path }: InstanceFolder, endpoint: Endpoint): Promise<void> {
  await writeFile(`${path}.new`, `${JSON.stringify(endpoint)}\n`, { mode: 0o644 });
  await rename(`${path}.new`, path);
}

async function explainListenError(error: unknown, port: number): Promise<unknown> {
  if (!(error instanceof Error && "code" in error && error.code === "EADDRINUSE")) return error;
  const { stdout } = await execa("ss", ["-Hltnp", `sport = :${port}`], { reject: false });
  const [, program, pid] = /users:\(\("([^"]*)",pid=(\d+)/.exec(stdout) ?? [];
  const who = pid === undefined ? "another process" : `process ${pid} (${program})`;
  return new HostError(
    `port ${port} of 127.0.0.1, on which the local cloud listens, is taken by ${who}`,
    pid === undefined
      ? `See who it is: sudo ss -ltnp 'sport = :${port}'`
      : `Stop it (kill ${pid}), then start again.`,
    { cause: error },
  );
}

function fail(error: unknown): void {
  logger.fatal({ err: error }, "the local cloud cannot run");
  const message = error instanceof Error ? error.message : String(error);
  tell({ error: message, remedy: error instanceof HostError ? error.remedy : "" }, () => process.exit(1));
}

process.on("uncaughtException", fail);
main().catch(fail);
