import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { pgbouncer } from "../../src/roles/pgbouncer/index.js";
import { postgresql } from "../../src/roles/postgresql/index.js";
import { databaseSizing } from "../../src/roles/postgresql/sizing.js";
import type { RoleDefinition } from "../../src/roles/role.js";

const sizing = databaseSizing({ cores: 1, memoryMiB: 512, diskGB: 10 }, true);
const logins = [{ name: "shop_1", verifier: "SCRAM-SHA-256$4096:AAAA$BBBB:CCCC" }];
const network = {
  address: "10.10.3.10",
  clients: [],
  standbys: [],
  authority: "PEM",
  certificate: "PEM",
  privateKey: "PEM",
};

function fileOf(role: RoleDefinition, path: string): string {
  const content = role.files?.find((file) => file.path === path)?.content;
  if (typeof content !== "string") throw new Error(`${role.name} has no plain file ${path}`);
  return content;
}

describe("a database on a machine of its own", () => {
  const clients = ["10.10.2.10", "10.10.2.11"];
  const database = postgresql({
    sizing,
    logins,
    network: { ...network, address: "10.10.3.10", clients, standbys: ["10.10.3.11"] },
  });

  it("lets clients and standbys in with TLS alone, from their private addresses alone", () => {
    const rules = fileOf(database, "/etc/postgresql/15/main/pg_hba.conf")
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"))
      .map((line) => line.split(/\s+/).join(" "));
    expect(rules).toEqual([
      "local all postgres peer",
      "local shop +shop scram-sha-256",
      "hostssl shop +shop 10.10.2.10/32 scram-sha-256",
      "hostssl shop +shop 10.10.2.11/32 scram-sha-256",
      "hostssl replication replicator 10.10.3.11/32 scram-sha-256",
    ]);
    const configuration = fileOf(database, "/etc/postgresql/15/main/postgresql.conf");
    expect(configuration).toContain("listen_addresses = '10.10.3.10'");
    expect(configuration).toContain("ssl = on");
  });

  it("follows another one without its password in an argument", () => {
    const standby = postgresql({
      sizing,
      logins,
      network,
      follows: { address: "10.10.2.10", password: "SENTINEL" },
    });
    execFileSync("sh", ["-n"], { input: fileOf(standby, "/usr/local/lib/dukaan/become-standby") });
    expect(standby.activate?.at(-1)).toEqual(["/usr/local/lib/dukaan/become-standby", "10.10.2.10"]);
    expect(JSON.stringify({ ...standby, files: [] })).not.toContain("SENTINEL");
    const secrets = standby.files
      ?.filter(({ secret }) => secret)
      .map(({ path, owner, mode }) => [path, owner, mode]);
    expect(secrets).toContainEqual(["/etc/dukaan/postgresql/replicator.pgpass", "postgres", "0600"]);
  });

  it("lets a copy read all of the shop's database over TLS, and not replicate", () => {
    const rules = fileOf(
      postgresql({ sizing, logins, network: { ...network, copies: ["10.10.3.11"] } }),
      "/etc/postgresql/15/main/pg_hba.conf",
    );
    expect(rules).toMatch(/^hostssl shop +replicator 10\.10\.3\.11\/32 +scram-sha-256$/m);
    expect(rules).not.toContain("replication");
  });

  it("waits for a copy without its password in an argument, and lets the shop in only then", () => {
    const copy = postgresql({
      sizing,
      logins,
      network,
      follows: { address: "10.10.2.10", password: "SENTINEL", byCopy: true },
    });
    expect(copy.activate?.at(-1)).toEqual(["/usr/local/lib/dukaan/copy-database", "reserve"]);
    expect(JSON.stringify({ ...copy, files: [] })).not.toContain("SENTINEL");
    expect(copy.files?.map(({ path }) => path)).not.toContain("/usr/local/lib/dukaan/become-standby");
  });

  it("is trusted by PgBouncer because of its certificate", () => {
    const pool = pgbouncer({
      databaseHost: "10.10.3.10",
      databaseAuthority: "PEM",
      poolSize: 5,
      logins,
    });
    const configuration = fileOf(pool, "/etc/pgbouncer/pgbouncer.ini");
    expect(configuration).toContain("shop = host=10.10.3.10 port=5432");
    expect(configuration).toContain("server_tls_sslmode = verify-full");
    expect(fileOf(pool, "/etc/dukaan/database-ca.pem")).toBe("PEM");
  });
});
