import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client, type QueryResult } from "pg";

const BINARIES = "/usr/lib/postgresql/15/bin";
const STARTUP_LIMIT = 60_000;

/** A PostgreSQL 15 of its own on a Unix socket in a temporary folder; nothing of it outlives {@link stop}. */
export interface Postgres {
  /** Folder of the socket. */
  socketDirectory: string;
  /** Address of a database on the socket, for a superuser. */
  addressOf(name: string): string;
  /** Makes an empty database and returns its address. */
  createDatabase(): Promise<string>;
  /** Stops the server at once, as a crash of its machine would. */
  crash(): Promise<void>;
  /** Starts it again after {@link crash}. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** How a server is reached over the network: at 127.0.0.1, with TLS and a password alone. PEM. */
export interface Listening {
  port: number;
  certificate: string;
  privateKey: string;
}

/** Starts a throw-away PostgreSQL. Installs Debian's package when it is missing and this process is root. */
export async function startPostgres(listening?: Listening): Promise<Postgres> {
  installWhenMissing(join(BINARIES, "postgres"), "postgresql-15");
  const directory = mkdtempSync(join(tmpdir(), "dukaan-postgres-"));
  const data = join(directory, "data");
  const owner = serviceUser();
  giveToService(directory);
  execFileSync(
    join(BINARIES, "initdb"),
    ["-D", data, "-U", "dukaan", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8"],
    { cwd: directory, stdio: ["ignore", "ignore", "inherit"], ...owner },
  );
  writeFileSync(
    join(data, "postgresql.auto.conf"),
    [
      ...(listening ? listenWith(data, listening) : ["listen_addresses = ''"]),
      `unix_socket_directories = '${directory}'`,
      "max_connections = 40",
      "shared_buffers = '32MB'",
      // As on a machine, so that queries are planned alike.
      "random_page_cost = 1.1",
      "jit = off",
      // Speed over durability: this data is thrown away.
      "fsync = off",
      "synchronous_commit = off",
      "full_page_writes = off",
    ].join("\n"),
  );

  const addressOf = (name: string): string =>
    `postgresql://dukaan@/${name}?host=${directory}${listening ? `&port=${listening.port}` : ""}`;
  let server: ChildProcess | undefined;
  let databases = 0;
  const start = async (): Promise<void> => {
    server = spawnService(directory, join(BINARIES, "postgres"), "-D", data);
    await waitUntilReady(addressOf("postgres"), server);
  };
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (!server || server.exitCode !== null || server.signalCode !== null) return;
    const exited = once(server, "exit");
    server.kill(signal);
    await exited;
  };
  await start();
  return {
    socketDirectory: directory,
    addressOf,
    start,
    crash: async () => await end("SIGQUIT"),
    stop: async () => {
      await end("SIGQUIT");
      rmSync(directory, { recursive: true, force: true });
    },
    createDatabase: async () => {
      const name = `test_${++databases}`;
      await runStatement(addressOf("postgres"), `CREATE DATABASE ${name}`);
      return addressOf(name);
    },
  };
}

function listenWith(data: string, { port, certificate, privateKey }: Listening): string[] {
  const [certificateFile, keyFile] = [join(data, "server.crt"), join(data, "server.key")];
  writeFileSync(certificateFile, certificate);
  writeFileSync(keyFile, privateKey, { mode: 0o600 });
  giveToService(keyFile);
  writeFileSync(
    join(data, "pg_hba.conf"),
    "local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n",
  );
  return [
    "listen_addresses = '127.0.0.1'",
    `port = ${port}`,
    "ssl = on",
    `ssl_cert_file = '${certificateFile}'`,
    `ssl_key_file = '${keyFile}'`,
  ];
}

/** A PgBouncer in transaction pooling in front of a {@link Postgres}. */
export interface PgBouncer {
  /** The address of a database as the app reaches it through the pooler. */
  throughPool(databaseUrl: string): string;
  /** Stops it from doing anything until {@link thaw}; connections stay open. */
  freeze(): void;
  thaw(): void;
  stop(): Promise<void>;
}

const PGBOUNCER_PORT = 6432;

/** Starts PgBouncer on a Unix socket, configured as on a machine: few server connections, nothing of a session kept. */
export async function startPgBouncer(postgres: Postgres): Promise<PgBouncer> {
  const directory = mkdtempSync(join(tmpdir(), "dukaan-pgbouncer-"));
  const configuration = `[databases]
* = host=${postgres.socketDirectory} user=dukaan
[pgbouncer]
listen_addr =
listen_port = ${PGBOUNCER_PORT}
unix_socket_dir = ${directory}
auth_type = any
pool_mode = transaction
default_pool_size = 5
server_login_retry = 1
query_wait_timeout = 10
max_client_conn = 100
pkt_buf = 16384
`;
  const throughPool = (databaseUrl: string): string => {
    const url = new URL(databaseUrl.replace("@/", "@pool/"));
    return `postgresql://dukaan@${url.pathname}?host=${directory}&port=${PGBOUNCER_PORT}`;
  };
  const { server, stop } = await runPgBouncer(
    directory,
    configuration,
    throughPool("postgresql://dukaan@/postgres"),
  );
  return {
    throughPool,
    freeze: () => void server.kill("SIGSTOP"),
    thaw: () => void server.kill("SIGCONT"),
    stop,
  };
}

/**
 * Starts PgBouncer in a folder, which goes away with it.
 * @param url answers when it is ready
 */
export async function runPgBouncer(
  directory: string,
  configuration: string,
  url: string,
): Promise<{ server: ChildProcess; stop: () => Promise<void> }> {
  installWhenMissing("/usr/sbin/pgbouncer", "pgbouncer");
  const file = join(directory, "pgbouncer.ini");
  writeFileSync(file, configuration);
  chmodSync(file, 0o644);
  giveToService(directory);
  const server = spawnService(directory, "/usr/sbin/pgbouncer", file);
  await waitUntilReady(url, server);
  return {
    server,
    stop: async () => {
      const exited = once(server, "exit");
      server.kill("SIGKILL");
      await exited;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Runs one statement on a connection of its own. */
export async function runStatement(databaseUrl: string, statement: string): Promise<QueryResult> {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    return await client.query(statement);
  } finally {
    await client.end();
  }
}

async function waitUntilReady(url: string, server: ChildProcess): Promise<void> {
  const giveUp = performance.now() + STARTUP_LIMIT;
  for (;;) {
    try {
      await runStatement(url, "SELECT 1");
      return;
    } catch (error) {
      if (server.exitCode !== null)
        throw new Error(`${server.spawnfile} exited with ${server.exitCode}`, { cause: error });
      if (performance.now() > giveUp) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

const SERVICE_USER = "postgres";

/** Starts a server as the user that Debian's package makes: both refuse to run as root. It ends when this process dies. */
function spawnService(directory: string, ...command: string[]): ChildProcess {
  const user = serviceUser() ? [`--reuid=${SERVICE_USER}`, `--regid=${SERVICE_USER}`, "--init-groups"] : [];
  return spawn("setpriv", ["--pdeathsig=QUIT", ...user, ...command], { cwd: directory, stdio: "ignore" });
}

function serviceUser(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  return { uid: idOfServiceUser("-u"), gid: idOfServiceUser("-g") };
}

/** Lets the service's user have what was made as root. */
function giveToService(path: string): void {
  const owner = serviceUser();
  if (owner) chownSync(path, owner.uid, owner.gid);
}

function idOfServiceUser(flag: "-u" | "-g"): number {
  return Number(execFileSync("id", [flag, SERVICE_USER], { encoding: "utf8" }));
}

function installWhenMissing(binary: string, debianPackage: string): void {
  if (existsSync(binary)) return;
  if (process.getuid?.() !== 0)
    throw new Error(`${binary} is missing. Install it: sudo apt-get install ${debianPackage}`);
  console.error(`Installing ${debianPackage}, which the tests of the app need …`);
  // Two files of tests may come here at the same time.
  const waiting = ["-o", "DPkg::Lock::Timeout=300"];
  execFileSync("apt-get", [...waiting, "install", "-y", "--no-install-recommends", debianPackage], {
    stdio: ["ignore", "ignore", "inherit"],
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
  });
}
