import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { Client } from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { migrate } from "../../apps/api/database/migrations.js";
import { migrationsDirectory } from "../../apps/api/release-files.js";
import { createAuthority, createServerCertificate, type Issued } from "../../providers/dukaan/x509.js";
import { projectRoot } from "../../src/project.js";
import { managedDatabase } from "../../src/roles/managed-database/index.js";
import { rdsParameters } from "../../src/roles/managed-database/parameters.js";
import { pgbouncer } from "../../src/roles/pgbouncer/index.js";
import { scramVerifier } from "../../src/roles/postgresql/scram.js";
import { databaseSizing } from "../../src/roles/postgresql/sizing.js";
import type { RoleDefinition } from "../../src/roles/role.js";
import { type Postgres, runPgBouncer, runStatement, startPostgres } from "./postgres.js";

// The roles of app servers against a PostgreSQL as a provider runs it: reached by name, with TLS, by a master that is no
// superuser.

interface Setting {
  name: string;
  unit: string | null;
  context: string;
  min_val: string | null;
  max_val: string | null;
  enumvals: string[] | null;
  vartype: string;
}

const host = "localhost";
const master = { user: "master", password: "password of the master" };
const passwordOf = (number: number) => `password-of-shop-${number}`;
const login = (number: number) => ({
  name: `shop_${number}`,
  verifier: scramVerifier(passwordOf(number), Buffer.alloc(16, number).toString("base64")),
});

let port: number;
let authority: Issued;
let stranger: Issued;
let postgres: Postgres;
let directory: string;

beforeAll(async () => {
  const now = Date.now();
  authority = await createAuthority({ commonName: "authority", validityDays: 1, now });
  stranger = await createAuthority({ commonName: "authority", validityDays: 1, now });
  const { certificate, privateKey } = await createServerCertificate({
    caCertificate: authority.certificate,
    caPrivateKey: authority.privateKey,
    commonName: host,
    dnsNames: [host],
    ipAddresses: [],
    validityDays: 1,
    now,
  });
  port = await freePort();
  postgres = await startPostgres({ port, certificate, privateKey });
  // What RDS gives to the one whom it makes.
  for (const statement of [
    `create role master login createrole createdb password '${master.password}'`,
    "grant pg_signal_backend, pg_monitor to master",
  ]) {
    await runStatement(postgres.addressOf("postgres"), statement);
  }
  directory = mkdtempSync(join(tmpdir(), "dukaan-managed-"));
});

afterAll(async () => {
  await postgres.stop();
  rmSync(directory, { recursive: true, force: true });
});

/** Does what the role does on a machine, in a folder. */
async function setUp(numbers: readonly number[], trusted = authority): Promise<void> {
  const role = managedDatabase({
    host,
    authority: trusted.certificate,
    master: { ...master, password: pulumi.secret(master.password) },
    logins: numbers.map(login),
  });
  const root = await install(role);
  const [command] = role.activate ?? [];
  execFileSync(join(root, command![0]!), { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

/** Lays a role's files out below a folder, where they name one another. */
async function install(role: RoleDefinition): Promise<string> {
  const root = join(directory, role.name);
  for (const { path, content, mode } of role.files ?? []) {
    const text = (await valueOf(content)).replaceAll("/etc/dukaan/", `${root}/etc/dukaan/`);
    mkdirSync(join(root, path, ".."), { recursive: true });
    writeFileSync(join(root, path), text.replaceAll("port=5432", `port=${port}`), {
      mode: Number.parseInt(mode, 8),
    });
  }
  return root;
}

function valueOf<Value>(input: pulumi.Input<Value>): Promise<Value> {
  return new Promise((resolve) => {
    pulumi.output(input).apply((value) => resolve(value as Value));
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (typeof address !== "object" || address === null) throw new Error("no port");
  return address.port;
}

/** As the release's migration comes: past the pool, with the authority's certificate. */
function directly(number: number, trusted = authority): string {
  const file = join(directory, trusted === authority ? "authority.pem" : "stranger.pem");
  writeFileSync(file, trusted.certificate);
  const tls = `sslmode=verify-full&sslrootcert=${file}`;
  return `postgresql://shop_${number}:${passwordOf(number)}@/shop?host=${host}&port=${port}&${tls}`;
}

const rolesNow = async () => {
  const { rows } = await runStatement(
    postgres.addressOf("postgres"),
    "select rolname, rolcanlogin from pg_roles where rolname like 'shop%' order by 1",
  );
  return (rows as { rolname: string; rolcanlogin: boolean }[]).map(
    ({ rolname, rolcanlogin }) => `${rolname}${rolcanlogin ? " may log in" : ""}`,
  );
};

test("a master without a superuser's rights makes the database, and again changes nothing", async () => {
  await setUp([1]);
  await setUp([1]);
  expect(await rolesNow()).toEqual(["shop", "shop_1 may log in"]);
  const { rows } = await runStatement(
    postgres.addressOf("shop"),
    `select pg_get_userbyid(datdba) as owner, datcollate, pg_encoding_to_char(encoding) as encoding,
      has_database_privilege('public', 'shop', 'connect') as public,
      (select nspowner::regrole::text from pg_namespace where nspname = 'public') as schema_of
    from pg_database where datname = 'shop'`,
  );
  expect(rows).toEqual([
    { owner: "shop", datcollate: "C", encoding: "UTF8", public: false, schema_of: "shop" },
  ]);
});

test("migrations come over TLS as the app's login, and what they make is the owner's", async () => {
  await setUp([1]);
  await migrate(directly(1), migrationsDirectory, () => undefined);
  const { rows } = await runStatement(
    directly(1),
    "select distinct tableowner from pg_tables where schemaname = 'public'",
  );
  expect(rows).toEqual([{ tableowner: "shop" }]);
});

test("PgBouncer logs in by the verifier that both know", async () => {
  await setUp([1]);
  const role = pgbouncer({
    databaseHost: pulumi.output(host),
    databaseAuthority: authority.certificate,
    poolSize: 2,
    logins: [login(1)],
  });
  const pool = mkdtempSync(join(tmpdir(), "dukaan-pool-"));
  const file = async (path: string) => await valueOf(role.files!.find((one) => one.path === path)!.content);
  writeFileSync(join(pool, "users.txt"), await file("/etc/pgbouncer/userlist.txt"));
  writeFileSync(join(pool, "ca.pem"), await file("/etc/dukaan/database-ca.pem"));
  const configuration = (await file("/etc/pgbouncer/pgbouncer.ini"))
    .replace("port=5432", `port=${port}`)
    .replace("/run/pgbouncer", pool)
    .replace("/etc/pgbouncer/userlist.txt", join(pool, "users.txt"))
    .replace("/etc/dukaan/database-ca.pem", join(pool, "ca.pem"));
  const url = (password: string) => `postgresql://shop_1:${password}@/shop?host=${pool}&port=6432`;
  const { stop } = await runPgBouncer(pool, configuration, url(passwordOf(1)));
  try {
    const { rows } = await runStatement(url(passwordOf(1)), "select session_user, current_user");
    expect(rows).toEqual([{ session_user: "shop_1", current_user: "shop" }]);
    // The connection behind it stays in the pool.
    const behind = await runStatement(
      postgres.addressOf("postgres"),
      "select distinct ssl, version from pg_stat_ssl join pg_stat_activity using (pid) where usename = 'shop_1'",
    );
    expect(behind.rows).toEqual([{ ssl: true, version: "TLSv1.3" }]);
    await expect(runStatement(url("wrong"), "select 1")).rejects.toThrow(/authentication failed/);
  } finally {
    await stop();
  }
});

test("a database that shows another's certificate gets no password", async () => {
  await setUp([1]);
  await expect(setUp([1], stranger)).rejects.toThrow(/certificate verify failed/);
  await expect(runStatement(directly(1, stranger), "select 1")).rejects.toThrow(/certificate/);
});

test("a login that is not wanted any more is dropped, and whoever uses it sent out", async () => {
  await setUp([1]);
  await setUp([2, 1]);
  expect(await rolesNow()).toEqual(["shop", "shop_1 may log in", "shop_2 may log in"]);
  const client = new Client({ connectionString: directly(1) });
  const ended = new Promise<Error>((resolve) => client.on("error", resolve));
  await client.connect();
  await setUp([2]);
  expect((await ended).message).toMatch(/terminat/);
  expect(await rolesNow()).toEqual(["shop", "shop_2 may log in"]);
  await expect(runStatement(directly(1), "select 1")).rejects.toThrow(/authentication failed/);
});

test("what docs/aws.md says brings everything back from a database as it was before", async () => {
  await setUp([1]);
  await migrate(directly(1), migrationsDirectory, () => undefined);
  const shops = "select count(*)::int as rows from shops_before";
  await runStatement(directly(1), "create table shops_before as select 1 as id");
  const [dump, restore] = restoringCommands();
  const folder = join(directory, "before");
  const run = (command: string) =>
    execFileSync(
      "sh",
      ["-ec", command.replaceAll("/var/tmp/before", folder).replace("RESTORED_NAME", host)],
      {
        env: {
          ...process.env,
          PGSERVICEFILE: join(directory, "managed-database/etc/dukaan/managed-database/service.conf"),
          PATH: `/usr/lib/postgresql/15/bin:${process.env["PATH"]}`,
        },
        stdio: ["ignore", "ignore", "pipe"],
      },
    );
  run(dump);
  await runStatement(directly(1), "insert into shops_before values (2)");
  run(restore);
  expect((await runStatement(directly(1), shops)).rows).toEqual([{ rows: 1 }]);
  const { rows } = await runStatement(
    postgres.addressOf("shop"),
    "select distinct tableowner from pg_tables where schemaname = 'public'",
  );
  expect(rows).toEqual([{ tableowner: "shop" }]);
});

/** As they stand there. */
function restoringCommands(): [dump: string, restore: string] {
  const text = readFileSync(join(projectRoot, "docs", "aws.md"), "utf8");
  const line = (program: string) =>
    new RegExp(`^${program} .*service=master.*$`, "m").exec(text)?.[0] ?? "false";
  return [line("pg_dump"), line("pg_restore")];
}

test("parameters have the units, limits and need of a start that PostgreSQL 15 knows them by", async () => {
  const sizing = databaseSizing({ cores: 2, memoryMiB: 4096, diskGB: 100 }, true);
  // Of RDS and of an extension that is not loaded here.
  const parameters = rdsParameters(sizing).filter(({ name }) => !/^(rds|pg_stat_statements)\./.test(name));
  const { rows } = await runStatement(
    postgres.addressOf("postgres"),
    "select name, unit, context, min_val, max_val, enumvals, vartype from pg_settings",
  );
  const known = new Map((rows as Setting[]).map((row) => [row.name, row]));
  const units = parameters.flatMap(({ name }) =>
    known.get(name)?.unit ? [[name, known.get(name)!.unit]] : [],
  );
  expect(Object.fromEntries(units)).toEqual({
    shared_buffers: "8kB",
    effective_cache_size: "8kB",
    work_mem: "kB",
    maintenance_work_mem: "kB",
    max_wal_size: "MB",
    checkpoint_timeout: "s",
    idle_in_transaction_session_timeout: "ms",
    log_min_duration_statement: "ms",
    log_parameter_max_length: "B",
    log_temp_files: "kB",
  });
  const problems = parameters.flatMap(({ name, value, applyMethod }) => {
    const setting = known.get(name)!;
    const needsStart = (applyMethod === "pending-reboot") === (setting.context === "postmaster");
    return needsStart && allows(setting, value) ? [] : [{ name, value, applyMethod, setting }];
  });
  expect(problems).toEqual([]);
});

function allows({ enumvals, vartype, min_val: least, max_val: most }: Setting, value: string): boolean {
  if (enumvals) return enumvals.includes(value);
  if (vartype === "bool") return value === "0" || value === "1";
  return Number(value) >= Number(least) && Number(value) <= Number(most);
}
