import * as pulumi from "@pulumi/pulumi";
import { RandomPassword } from "@pulumi/random/randomPassword.js";
import { backup } from "../src/roles/backup/index.js";
import type { BucketAccess } from "../src/platform/platform.js";
import type { BackupPlan } from "../src/settings/backup.js";
import type { Machine } from "./machine.js";

export interface BackupsArgs {
  /** Where the database is. */
  machine: Machine;
  plan: BackupPlan;
  bucket: BucketAccess;
  /** Digest of the database, which must run. */
  database: pulumi.Input<string>;
  /** Refuse to forget the passphrase, without which the backups are worthless. */
  protect: boolean;
}

/**
 * Backups of the database, off the machine: full and differential ones by a schedule, its WAL within a minute. Costs the
 * space in the bucket, and some 20 MB of memory while one is made. If the bucket is not reachable, WAL waits on the disk,
 * up to a fifth of it; what is lost with the machine then is what waited.
 *
 * @example
 * new Backups("backups", { machine, plan: settings.backup, bucket, database: database.ready, protect }, { parent: environment });
 */
export class Backups extends pulumi.ComponentResource {
  /** Opens the backups. Keep it where the stack's state is not: with it they can be read by any pgBackRest; secret. */
  readonly passphrase: pulumi.Output<string>;

  constructor(name: string, args: BackupsArgs, options: pulumi.ComponentResourceOptions) {
    super("dukaan:index:Backups", name, {}, options);
    this.passphrase = this.makePassphrase(name, args);
    this.makeBackups(args);
    this.registerOutputs({});
  }

  private makePassphrase(name: string, { plan, protect }: BackupsArgs): pulumi.Output<string> {
    // Made in any case: whoever gives one of his own may go back to it.
    const made = new RandomPassword(name, { length: 48, special: false }, { parent: this, protect });
    return plan.passphrase === undefined ? made.result : pulumi.secret(plan.passphrase);
  }

  private makeBackups({ machine, plan, bucket, database }: BackupsArgs): void {
    // WAL that cannot be sent waits where the database is.
    const where = { diskGB: machine.dataDiskGB };
    const definition = backup({ plan, bucket, passphrase: this.passphrase, machine: where });
    machine.role(this, definition, [database]);
  }
}
