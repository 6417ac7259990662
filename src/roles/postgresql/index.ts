import * as pulumi from "@pulumi/pulumi";
import { renderTemplate } from "../../template.js";
import type { RoleDefinition } from "../role.js";
import type { DatabaseSizing } from "./sizing.js";

const here = "src/roles/postgresql";
const cluster = "/etc/postgresql/15/main";

export interface PostgresqlArgs {
  sizing: DatabaseSizing;
  /** SCRAM verifier of the role `shop`; see ./scram.ts. */
  verifier: pulumi.Input<string>;
  /**
   * Command that sends a finished WAL file away; `%p` is its path.
   * @default WAL is not archived
   */
  archiveCommand?: string | undefined;
}

/** A piece of WAL is sent when it is full or, if anything was written, after so many seconds: the RPO. */
const archiveTimeoutSeconds = 60;

/** PostgreSQL 15 with the database `shop` and its owner, reachable over its Unix socket alone. */
export function postgresql({ sizing, verifier, archiveCommand }: PostgresqlArgs): RoleDefinition {
  const file = { owner: "root", group: "postgres", mode: "0640" };
  const asPostgres = ["runuser", "-u", "postgres", "--"];
  return {
    name: "postgresql",
    packages: ["postgresql-15"],
    directories: [{ path: "/etc/dukaan/postgresql", owner: "root", group: "postgres", mode: "0750" }],
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
        }),
        ...file,
      },
      { path: `${cluster}/pg_hba.conf`, content: renderTemplate(`${here}/pg_hba.conf`), ...file },
      {
        path: "/etc/dukaan/postgresql/setup.sql",
        content: pulumi
          .output(verifier)
          .apply((value) => renderTemplate(`${here}/setup.sql`, { verifier: value })),
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
