import { describe, expect, it } from "vitest";
import { rdsParameters } from "../../src/roles/managed-database/parameters.js";
import { postgresql } from "../../src/roles/postgresql/index.js";
import { databaseSizing } from "../../src/roles/postgresql/sizing.js";
import { databaseClasses } from "../../src/topology/aws-catalog.js";
import { serverType } from "../../src/topology/catalog.js";

/** PostgreSQL 15's units where a number has none, in bytes or milliseconds; test/app/managed-database asks it for them. */
const units: Readonly<Record<string, number>> = {
  shared_buffers: 8192,
  effective_cache_size: 8192,
  work_mem: 1024,
  maintenance_work_mem: 1024,
  log_temp_files: 1024,
  max_wal_size: 1024 ** 2,
  checkpoint_timeout: 1000,
};
const suffixes: Readonly<Record<string, number>> = {
  kB: 1024,
  MB: 1024 ** 2,
  ms: 1,
  s: 1000,
  min: 60_000,
};
const words: Readonly<Record<string, number>> = { on: 1, off: 0 };

/** A setting's value as a number of bytes, milliseconds or whatever it counts; names stay names. */
function meaning(name: string, text: string): string | number {
  const [, digits, suffix] = /^([\d.]+)([a-zA-Z]*)$/.exec(text) ?? [];
  if (digits === undefined) return words[text] ?? text;
  return Number(digits) * (suffix ? suffixes[suffix]! : (units[name] ?? 1));
}

/** What the role on a machine of the stack would be given. */
function ofMachine(sizing: ReturnType<typeof databaseSizing>): Map<string, string> {
  const network = { address: "", clients: [], standbys: [], authority: "", certificate: "", privateKey: "" };
  const { files = [] } = postgresql({ sizing, logins: [], network });
  const text = files.find(({ path }) => path.endsWith("postgresql.conf"))?.content;
  if (typeof text !== "string") throw new Error("no plain configuration");
  const lines = [...text.matchAll(/^([\w.]+) = '?([^'\n]*)'?$/gm)];
  return new Map(lines.map(([, name = "", value = ""]) => [name, value]));
}

describe("parameters of a database that AWS runs", () => {
  const sizes = [...databaseClasses.keys()].map(serverType);

  it.each(sizes)("say of $name what PostgreSQL on such a machine is told", (size) => {
    const sizing = databaseSizing(size, true);
    const own = ofMachine(sizing);
    const parameters = rdsParameters(sizing);
    const shared = parameters.filter(({ name }) => own.has(name));
    expect(shared.length).toBeGreaterThan(20);
    for (const { name, value } of shared) {
      expect([name, meaning(name, value)]).toEqual([name, meaning(name, own.get(name)!)]);
    }
    // What there is on RDS alone.
    expect(parameters.filter(({ name }) => !own.has(name)).map(({ name }) => name)).toEqual([
      "rds.force_ssl",
      "rds.accepted_password_auth_method",
    ]);
  });

  it("leave out what RDS decides by itself, and nothing else", () => {
    const sizing = databaseSizing(serverType("t3.medium"), true);
    const set = new Set(rdsParameters(sizing).map(({ name }) => name));
    expect([...ofMachine(sizing).keys()].filter((name) => !set.has(name))).toEqual([
      "data_directory",
      "hba_file",
      "ident_file",
      "external_pid_file",
      "cluster_name",
      "listen_addresses",
      "ssl",
      "ssl_cert_file",
      "ssl_key_file",
      "ssl_min_protocol_version",
      "port",
      "unix_socket_directories",
      "superuser_reserved_connections",
      "huge_pages",
      "max_logical_replication_workers",
      "wal_level",
      "min_wal_size",
      "wal_compression",
      "wal_keep_size",
      "archive_mode",
      "shared_preload_libraries",
      "log_destination",
      "syslog_ident",
      "log_line_prefix",
      "timezone",
      "log_timezone",
      "lc_messages",
      "datestyle",
    ]);
  });

  it("fit into the instance: buffers are a quarter of its memory", () => {
    for (const size of sizes) {
      const found = rdsParameters(databaseSizing(size, true)).find(({ name }) => name === "shared_buffers");
      expect(Number(found?.value) * 8192).toBeLessThanOrEqual((size.memoryMiB * 1024 ** 2) / 4);
    }
  });
});
