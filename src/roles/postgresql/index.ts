import * as pulumi from "@pulumi/pulumi";
import { renderTemplate } from "../../template.js";
import type { RoleDefinition } from "../role.js";
import type { DatabaseSizing } from "./sizing.js";

const here = "src/roles/postgresql";
const cluster = "/etc/postgresql/15/main";
const certificateFile = "/etc/dukaan/postgresql/server.crt";
const keyFile = "/etc/dukaan/postgresql/server.key";
const unitDirectory = "/etc/systemd/system/postgresql@15-main.service.d";
const file = { owner: "root", group: "postgres", mode: "0640" };

/** Logs in to the database `shop` and acts as its owner there. */
export interface DatabaseLogin {
  /** e.g. "shop_1" */
  name: string;
  /** SCRAM verifier of its password; see ./scram.ts. */
  verifier: string;
}

export interface PostgresqlArgs {
  sizing: DatabaseSizing;
  /** All that may log in; others are dropped. */
  logins: pulumi.Input<readonly DatabaseLogin[]>;
  /**
   * Command that sends a finished WAL file away; `%p` is its path.
   * @default WAL is not archived
   */
  archiveCommand?: string | undefined;
  /**
   * For clients on other machines.
   * @default only those on the same machine connect, over the Unix socket
   */
  network?: DatabaseNetwork | undefined;
}

/** How clients on other machines come in: with TLS, and over the private network alone. */
export interface DatabaseNetwork {
  /** Private address to listen at. */
  address: string;
  /** Private addresses that may connect. */
  clients: readonly string[];
  /** PEM, with that address in its names. */
  certificate: pulumi.Input<string>;
  /** PEM, secret. */
  privateKey: pulumi.Input<string>;
}

/** A piece of WAL is sent when it is full or, if anything was written, after so many seconds: the RPO. */
const archiveTimeoutSeconds = 60;

/** PostgreSQL 15 with the database `shop` and its owner. */
export function postgresql({ sizing, logins, archiveCommand, network }: PostgresqlArgs): RoleDefinition {
  const asPostgres = ["runuser", "-u", "postgres", "--"];
  return {
    name: "postgresql",
    packages: ["postgresql-15"],
    directories: [
      { path: "/etc/dukaan/postgresql", owner: "root", group: "postgres", mode: "0750" },
      ...(network ? [{ path: unitDirectory, owner: "root", group: "root", mode: "0755" }] : []),
    ],
    files: [
      {
        path: `${cluster}/postgresql.conf`,
        content: renderTemplate(`${here}/postgresql.conf`, {
          maxConnections: sizing.maxConnections,
          sharedBuffersMiB: sizing.sharedBuffersMiB,
          effectiveCacheSizeMiB: sizing.effectiveCacheSizeMiB,
          workMemKiB: sizing.workMemKiB,
          maintenanceWorkMemMiB: sizing.maintenanceWorkMemMiB,
          maxWalSizeMiB: sizing.maxWalSizeMiB,
          parallelWorkers: sizing.parallelWorkers,
          parallelWorkersPerQuery: sizing.parallelWorkersPerQuery,
          autovacuumWorkers: sizing.autovacuumWorkers,
          archiving:
            archiveCommand === undefined
              ? "archive_mode = off"
              : [
                  "archive_mode = on",
                  `archive_command = '${archiveCommand}'`,
                  `archive_timeout = ${archiveTimeoutSeconds}`,
                ].join("\n"),
          listening: network === undefined ? "listen_addresses = ''" : listening(network),
        }),
        ...file,
      },
      {
        path: `${cluster}/pg_hba.conf`,
        content: renderTemplate(`${here}/pg_hba.conf`, {
          remote: (network?.clients ?? []).map(remote).join("\n"),
        }),
        ...file,
      },
      ...(network ? networkFiles(network) : []),
      {
        path: "/etc/dukaan/postgresql/setup.sql",
        content: pulumi.output(logins).apply((known) =>
          renderTemplate(`${here}/setup.sql`, {
            logins: known.map(({ name, verifier }) => `('${name}', '${verifier}')`).join(", "),
          }),
        ),
        ...file,
        secret: true,
      },
      {
        path: "/usr/local/lib/dukaan/complete-postgresql-cluster",
        content: renderTemplate(`${here}/complete-cluster.sh`),
        owner: "root",
        group: "root",
        mode: "0755",
      },
      {
        path: "/usr/local/lib/dukaan/restart-postgresql-if-needed",
        content: renderTemplate(`${here}/restart-if-needed.sh`),
        owner: "root",
        group: "root",
        mode: "0755",
      },
    ],
    validate: [
      // Before any file of the cluster is switched: making it writes its configuration anew.
      ["{root}/usr/local/lib/dukaan/complete-postgresql-cluster"],
      [
        "/usr/lib/postgresql/15/bin/postgres",
        "-C",
        "max_connections",
        `--config-file={root}${cluster}/postgresql.conf`,
      ],
    ],
    services: [{ name: "postgresql@15-main.service", enabled: true, onChange: "reload" }],
    activate: [
      ["/usr/local/lib/dukaan/restart-postgresql-if-needed"],
      [...asPostgres, "psql", "--no-psqlrc", "--quiet", "--file=/etc/dukaan/postgresql/setup.sql"],
    ],
    checks: [
      {
        // A line of pg_hba.conf that PostgreSQL cannot read is left out in silence.
        command: [
          ...asPostgres,
          "psql",
          "--no-psqlrc",
          "--quiet",
          "--set=ON_ERROR_STOP=1",
          "--command=do $$ begin if exists (select from pg_hba_file_rules where error is not null) then raise 'pg_hba.conf: %', (select string_agg(error, '; ') from pg_hba_file_rules); end if; end $$",
        ],
        timeoutSeconds: 10,
      },
    ],
  };
}

function listening({ address }: DatabaseNetwork): string {
  return [
    `listen_addresses = '${address}'`,
    "ssl = on",
    `ssl_cert_file = '${certificateFile}'`,
    `ssl_key_file = '${keyFile}'`,
    "ssl_min_protocol_version = 'TLSv1.3'",
  ].join("\n");
}

/** Without TLS, or with a password in the clear, nobody comes in. */
function remote(address: string): string {
  return `hostssl shop      +shop     ${address}/32  scram-sha-256`;
}

function networkFiles({ certificate, privateKey }: DatabaseNetwork): NonNullable<RoleDefinition["files"]> {
  return [
    { path: certificateFile, content: certificate, ...file },
    { path: keyFile, content: privateKey, ...file, secret: true },
    {
      path: `${unitDirectory}/10-dukaan.conf`,
      content: renderTemplate(`${here}/unit.conf`),
      owner: "root",
      group: "root",
      mode: "0644",
    },
  ];
}
