import { join } from "node:path";

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
export const localHome = (): string => process.env["DUKAAN_LOCAL_HOME"] ?? "/var/lib/dukaan";

/** @throws RangeError when the name is not `[a-z][a-z0-9-]{0,11}` */
export function instanceFolder(instance: string, home = localHome()): InstanceFolder {
  if (!/^[a-z][a-z0-9-]{0,11}$/.test(instance)) {
    throw new RangeError(
      `instance "${instance}" must start with a letter and have at most 12 of a-z, 0-9 and "-" in all`,
    );
  }
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

/** What endpoint.json says. */
export interface Endpoint {
  instance: string;
  /** e.g. "http://127.0.0.1:8470/v1" */
  endpoint: string;
  port: number;
  pid: number;
}
