import * as pulumi from "@pulumi/pulumi";
import { renderTemplate } from "../../template.js";
import type { FileArgs } from "../../../providers/dukaan/sdk.js";
import type { RoleDefinition } from "../role.js";
import type { DatabaseSizing } from "./sizing.js";

const here = "src/roles/postgresql";
const cluster = "/etc/postgresql/15/main";
const unitDirectory = "/etc/systemd/system/postgresql@15-main.service.d";
const file = { owner: "root", group: "postgres", mode: "0640" };

/** SQL that sends out and drops all logins that are not in its table `wanted`, as every database of a shop does it. */
export const unwantedLogins = (): string => renderTemplate(`${here}/unwanted-logins.sql`);

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
  network: DatabaseNetwork;
  /**
   * SCRAM verifier of the role `replicator`, which standbys and copies log in as.
   * @default there are none
   */
  replicator?: pulumi.Input<string> | undefined;
  /**
   * It is a standby of the database at this private address; with `byCopy` it waits for a dump of that one instead.
   * @default it is a primary
   */
  follows?: { address: string; password: pulumi.Input<string>; byCopy?: boolean } | undefined;
}

/** How clients on other machines come in: with TLS, and over the private network alone. */
export interface DatabaseNetwork {
  /** Private address to listen at. */
  address: string;
  /** Private addresses that may connect. */
  clients: readonly string[];
  /** Private addresses of standbys. */
  standbys: readonly string[];
  /** Private addresses that dump the whole database. @default none */
  copies?: readonly string[];
  /** PEM of the authority that signed the certificates of all databases. */
  authority: pulumi.Input<string>;
  /** PEM, with that address in its names. */
  certificate: pulumi.Input<string>;
  /** PEM, secret. */
  privateKey: pulumi.Input<string>;
}

/** A piece of WAL is sent when it is full or, if anything was written, after so many seconds: the RPO. */
const archiveTimeoutSeconds = 60;

/** PostgreSQL 15 with the database `shop` and its owner. */
export function postgresql(args: PostgresqlArgs): RoleDefinition {
  const { sizing, logins, archiveCommand, network, replicator, follows } = args;
  const asPostgres = ["runuser", "-u", "postgres", "--"];
  return {
    name: "postgresql",
    packages: ["postgresql-15"],
    directories: [
      { path: "/etc/dukaan/postgresql", owner: "root", group: "postgres", mode: "0750" },
      { path: unitDirectory, owner: "root", group: "root", mode: "0755" },
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
          address: network.address,
        }),
        ...file,
      },
      {
        path: `${cluster}/pg_hba.conf`,
        content: renderTemplate(`${here}/pg_hba.conf`, {
          clients: network.clients.map((address) => remote("shop", "+shop", address)).join("\n"),
          standbys: network.standbys
            .map((address) => remote("replication", "replicator", address))
            .concat((network.copies ?? []).map((address) => remote("shop", "replicator", address)))
            .join("\n"),
        }),
        ...file,
      },
      ...networkFiles(network),
      ...(follows ? followerFiles(follows) : []),
      program("database"),
      program("copy-database"),
      {
        path: "/etc/dukaan/postgresql/setup.sql",
        content: pulumi.all([logins, replicator]).apply(([known, verifier]) =>
          renderTemplate(`${here}/setup.sql`, {
            logins: known.map((login) => `('${login.name}', '${login.verifier}')`).join(", "),
            unwantedLogins: unwantedLogins(),
            replicator: verifier ?? "",
          }),
        ),
        ...file,
        secret: true,
      },
      program("complete-cluster", "complete-postgresql-cluster"),
      program("restart-if-needed", "restart-postgresql-if-needed"),
      ...(follows && !follows.byCopy ? [program("become-standby")] : []),
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
      ...(follows && !follows.byCopy
        ? [["/usr/local/lib/dukaan/become-standby", follows.address]]
        : [["/usr/local/lib/dukaan/database", "set-up"]]),
      ...(follows?.byCopy ? [["/usr/local/lib/dukaan/copy-database", "reserve"]] : []),
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

/** Without TLS, or with a password in the clear, nobody comes in. */
function remote(database: string, user: string, address: string): string {
  return `hostssl ${database.padEnd(11)} ${user.padEnd(10)} ${address}/32  scram-sha-256`;
}

/** @param name of its source here, without `.sh` */
function program(name: string, installedAs = name) {
  return {
    path: `/usr/local/lib/dukaan/${installedAs}`,
    content: renderTemplate(`${here}/${name}.sh`),
    owner: "root",
    group: "root",
    mode: "0755",
  };
}

function networkFiles({ certificate, privateKey, authority }: DatabaseNetwork): FileArgs[] {
  return [
    { path: "/etc/dukaan/postgresql/server.crt", content: certificate, ...file },
    { path: "/etc/dukaan/postgresql/server.key", content: privateKey, ...file, secret: true },
    { path: "/etc/dukaan/postgresql/authority.crt", content: authority, ...file },
    {
      path: `${unitDirectory}/10-dukaan.conf`,
      content: renderTemplate(`${here}/unit.conf`),
      owner: "root",
      group: "root",
      mode: "0644",
    },
  ];
}

/** What a standby or a copy logs in with. libpq wants the file to be its user's alone. */
function followerFiles({ address, password }: NonNullable<PostgresqlArgs["follows"]>): FileArgs[] {
  return [
    {
      path: "/etc/dukaan/postgresql/replicator.pgpass",
      content: pulumi.output(password).apply((text) => `${address}:5432:*:replicator:${text}\n`),
      owner: "postgres",
      group: "postgres",
      mode: "0600",
      secret: true,
    },
  ];
}
