import { existsSync, readdirSync, realpathSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { HostError } from "./machines/host.js";

/** Where a local cloud keeps what outlives its server. */
export interface InstanceFolder {
  /** Of all local clouds of this computer. */
  home: string;
  path: string;
  /** SQLite; 0600. */
  state: string;
  /** What clients send; 0600, and the caller's own when the cloud was started with sudo. */
  token: string;
  /** Where the server listens and its process id, for everyone to read; absent while none runs. */
  endpoint: string;
  /** JSON lines; 0600. */
  log: string;
  /** Of the object storage: its objects, keys and log. */
  objects: string;
}

/** The state folder of the local clouds: DUKAAN_LOCAL_HOME, or /var/lib/dukaan. */
export const localHome = (): string => process.env["DUKAAN_LOCAL_HOME"] || "/var/lib/dukaan";

/** @throws RangeError when the name is not `[a-z][a-z0-9-]{0,11}` */
export function instanceFolder(instance: string, wantedHome = localHome()): InstanceFolder {
  if (!/^[a-z][a-z0-9-]{0,11}$/.test(instance)) {
    throw new RangeError(
      `instance "${instance}" must start with a letter and have at most 12 of a-z, 0-9 and "-" in all`,
    );
  }
  const home = realPath(resolve(wantedHome));
  const path = join(home, instance);
  const file = (name: string): string => join(path, name);
  return {
    home,
    path,
    state: file("state.db"),
    token: file("token"),
    endpoint: file("endpoint.json"),
    log: file("server.log"),
    objects: file("objects"),
  };
}

/** The kernel tells where disks and mounts are by their real paths: with another one they would not be found again. */
function realPath(path: string): string {
  if (existsSync(path)) return realpathSync(path);
  return join(realPath(dirname(path)), basename(path));
}

/** Whether a local cloud keeps its files there: the log is the first of them, the state the second. */
export const isLocalCloud = (folder: InstanceFolder): boolean => areLocalCloud(folder, filesIn(folder));

function areLocalCloud({ log, state }: InstanceFolder, files: readonly string[]): boolean {
  return [log, state].some((path) => files.includes(basename(path)));
}

/** Looked at once: another local cloud of that name may be writing its first files, or removing its last. */
function filesIn({ path }: InstanceFolder): string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}

/** @throws HostError when the folder is used for something else: it would go when the local cloud goes */
export function requireOwnFolder(folder: InstanceFolder): void {
  const files = filesIn(folder);
  if (files.length === 0 || areLocalCloud(folder, files)) return;
  throw new HostError(
    `${folder.path}, where the local cloud would keep its files, holds something else`,
    "Set DUKAAN_LOCAL_HOME to a folder that nothing else uses.",
  );
}

/** What endpoint.json says. */
export interface Endpoint {
  instance: string;
  /** e.g. "http://127.0.0.1:8470/v1" */
  endpoint: string;
  port: number;
  pid: number;
  /** When that process was started, in the kernel's own count: process ids are used again. */
  started: string;
}
