import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ensureVersitygw } from "../toolchain/index.js";
import type { CheckResult } from "./check/check.js";
import { ask, connect, runningServer, serversOf, type RunningCloud } from "./connection.js";
import { instanceFolder, isLocalCloud, requireOwnFolder, type InstanceFolder } from "./folder.js";
import { ensureHostPackages } from "./image/host-packages.js";
import { ensureImage, findImage } from "./image/image.js";
import { commandInMachine, logsOfMachine } from "./machines/enter.js";
import { HostError } from "./machines/host.js";
import { instanceOf, type Instance } from "./machines/instance.js";
import { withLock } from "./machines/lock.js";
import { projectRoot } from "./machines/project-root.js";
import { inspectRequirements, type Requirement } from "./machines/requirements.js";
import { acquireSlot, slotsInUse } from "./machines/slots.js";
import { tracesOf } from "./machines/traces.js";
import type { ServerMessage } from "./server.js";
import { type ObjectStorage, readObjectStorage } from "./storage/access.js";

// What removes, checks and breaks a local cloud is imported when it is asked for: every command imports this module, and
// most only ask where the cloud is.

type Progress = (message: string) => void;

export interface LocalCloud extends RunningCloud {
  alreadyRunning: boolean;
  objectStorage: ObjectStorage;
}

/**
 * Starts a local cloud, or finds it running; machines of an earlier run are adopted.
 *
 * @throws HostError with a remedy when it cannot: not root, something is missing, the port is taken
 */
export async function startLocalCloud(options: {
  instance: string;
  onProgress: Progress;
}): Promise<LocalCloud> {
  const { instance, onProgress } = options;
  const folder = instanceFolder(instance);
  const running = await connect(folder);
  if (running) return withStorage(folder, running, true);
  requireRoot(
    `the local cloud "${instance}" does not run, and only root can start it`,
    "sudo ./dukaan local up",
  );
  requireOwnFolder(folder);
  await ensureHostPackages(onProgress);
  await ensureImage(onProgress);
  await ensureVersitygw({ onProgress });
  await mkdir(folder.path, { recursive: true, mode: 0o755 });
  try {
    await startServer(instance, folder, onProgress);
  } catch (error) {
    // Somebody else may have started it at the same time.
    const other = await connect(folder);
    if (other) return withStorage(folder, other, true);
    throw error;
  }
  const started = await connect(folder);
  if (!started) throw new HostError("the local cloud ended right after its start", `Its log: ${folder.log}`);
  return withStorage(folder, started, false);
}

async function withStorage(
  folder: InstanceFolder,
  cloud: RunningCloud,
  alreadyRunning: boolean,
): Promise<LocalCloud> {
  const objectStorage = await readObjectStorage(folder.objects);
  if (objectStorage) return { ...cloud, alreadyRunning, objectStorage };
  throw new HostError(
    `the keys of the local cloud's object storage in ${folder.objects} cannot be read`,
    "Run the command with sudo, or as the user who started the cloud with sudo.",
  );
}

/** Starts the server as a process that outlives us, and waits until it says that it is ready. */
async function startServer(instance: string, folder: InstanceFolder, onProgress: Progress): Promise<void> {
  const program = join(projectRoot(), "dist/local/server.js");
  const log = await open(folder.log, "a", 0o600);
  const server = spawn(process.execPath, [program, "--instance", instance, "--home", folder.home], {
    detached: true,
    cwd: "/",
    env: ownEnvironment(),
    stdio: ["ignore", log.fd, log.fd, "ipc"],
  });
  await log.close();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.once("exit", (code) => {
        reject(new HostError(`the local cloud ended with exit code ${code}`, `Its log: ${folder.log}`));
      });
      server.on("message", (message: ServerMessage) => {
        if ("progress" in message) onProgress(message.progress);
        else if ("ready" in message) resolve();
        else reject(new StartError(message.error, message.remedy));
      });
    });
  } finally {
    if (server.connected) server.disconnect();
    server.unref();
  }
}

/** An error of the server's start; its message is complete already. */
class StartError extends HostError {
  constructor(message: string, remedy: string) {
    super(message, remedy);
    this.message = message;
  }
}

/** Only what the server needs: passphrases and tokens of its caller are none of its business. */
function ownEnvironment(): NodeJS.ProcessEnv {
  const wanted =
    /^(PATH|HOME|LANG|LC_.*|TZ|TMPDIR|DUKAAN_.*|XDG_.*|SUDO_UID|SUDO_GID|NODE_COMPILE_CACHE|.*_proxy)$/i;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => wanted.test(name)));
}

/**
 * Removes a local cloud: its server, its machines and networks, its state. Nothing happens when there is none.
 *
 * @throws HostError when something is there and the caller is not root
 */
export async function stopLocalCloud(instance: string, options: { onProgress: Progress }): Promise<void> {
  const folder = instanceFolder(instance);
  const known = (await slotsInUse()).find((slot) => slot.instance === instance && slot.home === folder.home);
  if (!known && !isLocalCloud(folder)) return;
  requireRoot(`only root can remove the local cloud "${instance}"`, "sudo ./dukaan local down");
  const remove = () => removeLocalCloud(instance, folder, known?.slot, options.onProgress);
  // One that is just being started holds the lock until it is up.
  if (!existsSync(folder.path)) return remove();
  await withLock(folder.path, remove, () =>
    options.onProgress("Waiting until it is up: it is being started"),
  );
}

async function removeLocalCloud(
  instance: string,
  folder: InstanceFolder,
  knownSlot: number | undefined,
  onProgress: Progress,
): Promise<void> {
  if (await pauseLocalCloud(instance)) onProgress("Stopped its server");
  const slot = knownSlot ?? (await acquireSlot(instance, folder.home));
  const { createLinuxHost } = await import("./machines/linux-host.js");
  const host = createLinuxHost({
    instance,
    slot,
    home: folder.home,
    image: "",
    onLog: onProgress,
  });
  await host.down();
  // First what takes time: whoever is interrupted in it finds the folder to be a local cloud's the next time, too.
  await rm(folder.objects, { recursive: true, force: true });
  await rm(folder.path, { recursive: true, force: true });
  onProgress("Removed its machines, networks and state");
}

/** Stops only the server; machines go on running and the next start adopts them. @returns whether there was one */
export async function pauseLocalCloud(instance: string): Promise<boolean> {
  const folder = instanceFolder(instance);
  const server = await runningServer(folder);
  if (!server) return false;
  requireRoot(`only root can stop the local cloud "${instance}"`, "sudo ./dukaan local down");
  process.kill(server.pid, "SIGTERM");
  // It waits 15 s at most for what it is doing.
  const patience = performance.now() + 25_000;
  while ((await runningServer(folder)) !== undefined) {
    if (performance.now() > patience) process.kill(server.pid, "SIGKILL");
    await sleep(50);
  }
  await rm(folder.endpoint, { force: true });
  return true;
}

/** A local cloud that runs: where it answers and its token. */
export async function findLocalCloud(instance: string): Promise<RunningCloud | undefined> {
  return connect(instanceFolder(instance));
}

export interface LocalCloudStatus {
  running: boolean;
  endpoint?: string;
  port?: number;
  pid?: number;
  /** Endpoint of the S3 API. */
  objectStorage?: string;
  servers: { id: string; name: string; state: string; type: string; ipv4?: string | undefined }[];
}

/** What runs, as the cloud itself says. */
export async function localCloudStatus(instance: string): Promise<LocalCloudStatus> {
  const cloud = await connect(instanceFolder(instance));
  if (!cloud) return { running: false, servers: [] };
  const { endpoint, port, pid } = cloud;
  const servers = (await serversOf(cloud)).map(
    ({ id, name, status, server_type: type, public_net: net }) => ({
      id: String(id),
      name,
      state: status,
      type: type.name,
      ipv4: net.ipv4?.ip,
    }),
  );
  const storage = await readObjectStorage(instanceFolder(instance).objects);
  return {
    running: true,
    endpoint,
    port,
    pid,
    ...(storage && { objectStorage: storage.endpoint }),
    servers,
  };
}

/**
 * The program, with its arguments, that runs a command (by default a shell) in a server, on the caller's terminal.
 * @param server name or id
 */
export async function shellOn(instance: string, server: string, command: string[]): Promise<string[]> {
  requireRoot("only root can enter a server without SSH", `sudo ./dukaan local ssh ${server}`);
  const id = await serverId(instance, server);
  return commandInMachine(await located(instance), id, command.length > 0 ? command : ["bash", "-l"]);
}

/**
 * Cuts a server's power as a real computer loses it: what was not yet synced to its disk and volumes is lost, and
 * peers hear nothing. It is off afterwards. (Of a server that is reset or powered off by the API everything that it
 * wrote is kept.)
 *
 * @param server name or id
 * @throws HostError when the server is off
 */
export async function cutServerPower(instance: string, server: string): Promise<void> {
  requireRoot("only root can cut a server's power", `sudo ./dukaan local power-cut ${server}`);
  const id = await serverId(instance, server);
  const { loseUnsyncedData } = await import("./machines/power-cut.js");
  await loseUnsyncedData(await located(instance), id);
  const cloud = await requireCloud(instance);
  for (const deadline = performance.now() + CHECK_PATIENCE_MS; ; await sleep(100)) {
    const off = (await serversOf(cloud)).every((one) => String(one.id) !== id || one.status === "off");
    if (off) return;
    if (performance.now() > deadline) {
      throw new HostError(`server ${server} does not go off`, "Look at `./dukaan local logs`.");
    }
    // Refused while another action is under way on it; asked again, it is a no-op once it is off.
    await ask(cloud, "POST", `/servers/${id}/actions/poweroff`);
  }
}

/** The program, with its arguments, that prints a server's journal, or the log of the cloud itself. */
export async function logsOf(instance: string, server: string | undefined): Promise<string[]> {
  requireRoot("only root can read these logs", `sudo ./dukaan local logs ${server ?? ""}`.trim());
  const { log } = instanceFolder(instance);
  if (server !== undefined)
    return logsOfMachine(await located(instance), await serverId(instance, server), false);
  if (existsSync(log)) return ["tail", "-n", "200", log];
  throw new HostError(`there is no local cloud "${instance}"`, "Start it: sudo ./dukaan local up");
}

/** Whether this computer can run a local cloud; changes nothing. */
export async function inspectHost(): Promise<Requirement[]> {
  const requirements = await inspectRequirements(instanceFolder("lab").home);
  const image = await findImage().catch(() => undefined);
  return [
    ...requirements,
    {
      tool: "base image debian-12",
      ok: true,
      version: image ? "built" : "will be built at the first start (about a minute)",
      ...(image && { path: image.path }),
      remedy: "",
    },
  ];
}

/**
 * Whether a local cloud's state and this computer tell the same story; it need not run. Waits for actions under way.
 *
 * @throws HostError when there is no such cloud, or the caller is not root
 */
export async function checkLocalCloud(instance: string): Promise<CheckResult> {
  const folder = instanceFolder(instance);
  if (!existsSync(folder.state)) {
    throw new HostError(`there is no local cloud "${instance}"`, "Start it: sudo ./dukaan local up");
  }
  requireRoot("only root can look at everything of a local cloud", "sudo ./dukaan local check");
  const { checkInstance } = await import("./check/check.js");
  return checkInstance(await located(instance), folder.state, CHECK_PATIENCE_MS);
}

/** How long a check waits for actions: longer than a reboot that the guest does not react to. */
const CHECK_PATIENCE_MS = 75_000;

/** What of an instance is on this computer, a line each; empty when there is no trace of it. */
export async function localCloudTraces(instance: string): Promise<string[]> {
  const folder = instanceFolder(instance);
  const server = await runningServer(folder);
  return [
    ...(await tracesOf(await located(instance))),
    ...(server ? [`process ${server.pid} (the local cloud's server)`] : []),
    ...(existsSync(folder.path) ? [`folder ${folder.path}`] : []),
  ];
}

/** The instance on this computer; its slot does not matter for what has no addresses. */
async function located(instance: string): Promise<Instance> {
  const { home } = instanceFolder(instance);
  const used = (await slotsInUse()).find((slot) => slot.instance === instance);
  return instanceOf(instance, used?.slot ?? 0, home);
}

async function requireCloud(instance: string): Promise<RunningCloud> {
  const cloud = await connect(instanceFolder(instance));
  if (cloud) return cloud;
  throw new HostError(`the local cloud "${instance}" does not run`, "Start it: sudo ./dukaan local up");
}

async function serverId(instance: string, nameOrId: string): Promise<string> {
  const cloud = await requireCloud(instance);
  const servers = await serversOf(cloud);
  const found = servers.find(({ id, name }) => name === nameOrId || String(id) === nameOrId);
  if (found) return String(found.id);
  const names = servers.map(({ name }) => name).join(", ") || "none";
  throw new HostError(`the local cloud "${instance}" has no server "${nameOrId}"`, `Its servers: ${names}.`);
}

function requireRoot(what: string, command: string): void {
  if (process.getuid?.() !== 0) throw new HostError(what, `Run: ${command}`);
}
