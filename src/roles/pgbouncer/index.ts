import * as pulumi from "@pulumi/pulumi";
import { renderTemplate } from "../../template.js";
import type { DatabaseLogin } from "../postgresql/index.js";
import type { RoleDefinition } from "../role.js";

const here = "src/roles/pgbouncer";

/** The client is for the check, and for an operator at PgBouncer's console. */
export const packages = ["pgbouncer", "postgresql-client-15"];

/** Who signs for a database on another machine; for all here who connect to it. */
export const databaseAuthorityFile = "/etc/dukaan/database-ca.pem";

export interface PgbouncerArgs {
  /** Private address, name or socket directory of PostgreSQL. */
  databaseHost: pulumi.Input<string>;
  /** PEM of the authority that signed PostgreSQL's certificate; of no use over a socket. */
  databaseAuthority: pulumi.Input<string>;
  /** Connections to keep to the database. */
  poolSize: number;
  /** The logins that may come through, the same that PostgreSQL has. */
  logins: pulumi.Input<readonly DatabaseLogin[]>;
}

/** PgBouncer in transaction mode on a Unix socket: the app's connections are many and idle, the database's few and busy. */
export function pgbouncer({
  databaseHost,
  databaseAuthority,
  poolSize,
  logins,
}: PgbouncerArgs): RoleDefinition {
  const configured = (host: string) =>
    renderTemplate(`${here}/pgbouncer.ini`, { databaseHost: host, poolSize, databaseAuthorityFile });
  return {
    name: "pgbouncer",
    packages,
    directories: [
      {
        path: "/etc/systemd/system/pgbouncer.service.d",
        owner: "root",
        group: "root",
        mode: "0755",
      },
    ],
    files: [
      {
        path: "/etc/pgbouncer/pgbouncer.ini",
        content:
          typeof databaseHost === "string"
            ? configured(databaseHost)
            : pulumi.output(databaseHost).apply(configured),
        owner: "root",
        group: "postgres",
        mode: "0640",
      },
      {
        path: "/etc/pgbouncer/userlist.txt",
        content: pulumi
          .output(logins)
          .apply((known) => known.map(({ name, verifier }) => `"${name}" "${verifier}"\n`).join("")),
        owner: "root",
        group: "postgres",
        mode: "0640",
        secret: true,
      },
      { path: databaseAuthorityFile, content: databaseAuthority, owner: "root", group: "root", mode: "0644" },
      {
        path: "/usr/local/lib/dukaan/pool",
        content: renderTemplate(`${here}/pool.sh`),
        owner: "root",
        group: "root",
        mode: "0755",
      },
      {
        path: "/etc/systemd/system/pgbouncer.service.d/10-dukaan.conf",
        content: renderTemplate(`${here}/unit.conf`),
        owner: "root",
        group: "root",
        mode: "0644",
      },
      {
        path: "/usr/local/lib/dukaan/check-pgbouncer",
        content: renderTemplate(`${here}/check-pgbouncer.sh`),
        owner: "root",
        group: "root",
        mode: "0755",
      },
    ],
    validate: [
      [
        "sh",
        "{root}/usr/local/lib/dukaan/check-pgbouncer",
        "{root}/etc/pgbouncer",
        `{root}${databaseAuthorityFile}`,
      ],
    ],
    services: [{ name: "pgbouncer.service", enabled: true, onChange: "reload" }],
    checks: [
      {
        // Its own user may enter the console of a PgBouncer on the same machine without a password.
        command: [
          "runuser",
          "-u",
          "postgres",
          "--",
          "psql",
          "--no-psqlrc",
          "--quiet",
          "--host=/run/pgbouncer",
          "--port=6432",
          "--username=pgbouncer",
          "--command=show version",
          "pgbouncer",
        ],
        timeoutSeconds: 10,
      },
    ],
  };
}
