import * as pulumi from "@pulumi/pulumi";
import type { BackupPlan } from "../../settings/backup.js";
import type { BucketAccess } from "../../platform/platform.js";
import { renderTemplate } from "../../template.js";
import type { Machine } from "../../topology/topology.js";
import type { RoleDefinition } from "../role.js";

const here = "src/roles/backup";
const library = "/usr/local/lib/dukaan";

export const packages = ["pgbackrest"];

/** For PostgreSQL's settings; does nothing until the role has prepared the repository. */
export const archiveCommand = `${library}/pgbackrest-archive %p`;

export interface BackupArgs {
  plan: BackupPlan;
  bucket: BucketAccess;
  /** Encrypts the repository. */
  passphrase: pulumi.Input<string>;
  machine: Pick<Machine, "diskGB">;
}

/**
 * pgBackRest: full and differential backups by a schedule, and every piece of WAL within a minute, encrypted, to an
 * object storage with the S3 API.
 */
export function backup({ plan, bucket, passphrase, machine }: BackupArgs): RoleDefinition {
  const root = { owner: "root", group: "root", mode: "0644" };
  const program = (name: string, content: pulumi.Input<string>) => ({
    path: `${library}/${name}`,
    content,
    ...root,
    mode: "0755",
  });
  const timer = (type: "full" | "diff", schedule: string) => ({
    path: `/etc/systemd/system/dukaan-backup-${type}.timer`,
    content: renderTemplate(`${here}/dukaan-backup.timer`, { type, schedule }),
    ...root,
  });
  const { fullSchedule, differentialSchedule } = plan;
  const { caCertificate } = bucket;
  return {
    name: "backup",
    packages,
    directories: [
      { path: "/etc/pgbackrest", owner: "root", group: "postgres", mode: "0750" },
      { path: "/etc/dukaan/backup", owner: "root", group: "postgres", mode: "0750" },
      { path: "/var/lib/dukaan/backup", owner: "postgres", group: "postgres", mode: "0750" },
      { path: "/var/spool/pgbackrest", owner: "postgres", group: "postgres", mode: "0750" },
    ],
    files: [
      {
        path: "/etc/pgbackrest/pgbackrest.conf",
        content: configuration({ plan, bucket, passphrase, machine }),
        owner: "root",
        group: "postgres",
        mode: "0640",
        secret: true,
      },
      {
        path: "/etc/dukaan/backup/s3.curl",
        content: pulumi.secret(
          pulumi.all([bucket.accessKey, bucket.secretKey]).apply(([accessKey, secretKey]) =>
            renderTemplate(`${here}/s3.curl`, {
              accessKey,
              secretKey,
              region: bucket.region,
              authority: caCertificate === undefined ? "" : `cacert = "${authorityFile}"`,
            }),
          ),
        ),
        ...root,
        mode: "0600",
        secret: true,
      },
      ...(caCertificate === undefined ? [] : [{ path: authorityFile, content: caCertificate, ...root }]),
      program("pgbackrest-archive", renderTemplate(`${here}/pgbackrest-archive.sh`)),
      program(
        "prepare-backups",
        pulumi
          .output(bucket.bucket)
          .apply((name) =>
            renderTemplate(`${here}/prepare-backups.sh`, { bucketUrl: `${bucket.endpoint}/${name}` }),
          ),
      ),
      program("backup-state", renderTemplate(`${here}/backup-state.sh`)),
      program("restore-database", renderTemplate(`${here}/restore-database.sh`)),
      {
        path: "/etc/systemd/system/dukaan-backup@.service",
        content: renderTemplate(`${here}/dukaan-backup@.service`),
        ...root,
      },
      timer("full", fullSchedule),
      timer("diff", differentialSchedule),
      {
        path: "/etc/systemd/system/dukaan-backup-gap.path",
        content: renderTemplate(`${here}/dukaan-backup-gap.path`),
        ...root,
      },
      {
        path: "/etc/tmpfiles.d/dukaan-backup.conf",
        content: renderTemplate(`${here}/tmpfiles.conf`),
        ...root,
      },
    ],
    validate: [["systemd-analyze", "calendar", fullSchedule, differentialSchedule]],
    services: [
      { name: "dukaan-backup-full.timer", enabled: true, onChange: "restart" },
      { name: "dukaan-backup-diff.timer", enabled: true, onChange: "restart" },
      { name: "dukaan-backup-gap.path", enabled: true, onChange: "restart" },
    ],
    activate: [
      ["systemd-tmpfiles", "--create", "/etc/tmpfiles.d/dukaan-backup.conf"],
      [`${library}/prepare-backups`],
    ],
  };
}

const authorityFile = "/etc/dukaan/backup/ca.pem";

function configuration({ plan, bucket, passphrase, machine }: BackupArgs): pulumi.Output<string> {
  const { hostname, port } = new URL(bucket.endpoint);
  const given = pulumi.all([passphrase, bucket.bucket, bucket.accessKey, bucket.secretKey]);
  return pulumi.secret(
    given.apply(([secret, name, accessKey, secretKey]) =>
      renderTemplate(`${here}/pgbackrest.conf`, {
        host: hostname,
        port: port === "" ? 443 : port,
        authority:
          bucket.caCertificate === undefined
            ? "# Its certificate is signed by an authority that this machine knows."
            : `repo1-storage-ca-file=${authorityFile}`,
        region: bucket.region,
        bucket: name,
        accessKey,
        secretKey,
        path: plan.path,
        passphrase: secret,
        keepFull: plan.keepFull,
        // A fifth of the disk; a quiet shop fills 16 MiB a minute, since each minute's WAL is sent as a file of its own.
        queueMaxMiB: machine.diskGB * 200,
      }),
    ),
  );
}
