import * as pulumi from "@pulumi/pulumi";
import { RandomId } from "@pulumi/random/randomId.js";
import { RandomPassword } from "@pulumi/random/randomPassword.js";
import { postgresql } from "../src/roles/postgresql/index.js";
import { scramVerifier } from "../src/roles/postgresql/scram.js";
import { type DatabaseSizing, databaseSizing } from "../src/roles/postgresql/sizing.js";
import type { Machine } from "./machine.js";

export interface DatabaseArgs {
  /** Where it runs. */
  machine: Machine;
  /**
   * The machine runs nothing else, so the database may have all of its memory.
   * @default false
   */
  dedicated?: boolean;
  /**
   * Command that sends a finished WAL file away; `%p` is its path.
   * @default WAL is not archived
   */
  archiveCommand?: string | undefined;
}

/**
 * PostgreSQL 15 with the shop's database. Costs nothing but its share of a machine. If it stops, the app answers 503
 * until it is back; if its machine is lost, what was not backed up is lost.
 *
 * @example
 * const database = new Database("database", { machine: environment.machine("app-1") }, { parent: environment });
 */
export class Database extends pulumi.ComponentResource {
  /** Host for those on the same machine: the directory of its socket. */
  readonly socketDirectory = "/run/postgresql";
  readonly sizing: DatabaseSizing;
  /** Password of the owner `shop`; secret. */
  readonly password: pulumi.Output<string>;
  /** SCRAM verifier of that password; secret. */
  readonly verifier: pulumi.Output<string>;
  /** Digest of what runs, for what must follow it. */
  readonly ready: pulumi.Output<string>;

  constructor(name: string, args: DatabaseArgs, options: pulumi.ComponentResourceOptions) {
    super("dukaan:index:Database", name, {}, options);
    this.sizing = databaseSizing(args.machine.about, args.dedicated ?? false);
    this.password = this.makePassword(name);
    this.verifier = this.makeVerifier(name);
    this.ready = this.makeServer(args);
    this.registerOutputs({});
  }

  private makePassword(name: string): pulumi.Output<string> {
    // Letters and digits: it stands in URLs and configuration files without quoting.
    return new RandomPassword(name, { length: 40, special: false }, { parent: this }).result;
  }

  private makeVerifier(name: string): pulumi.Output<string> {
    // No secret: the server tells it to whoever begins to log in.
    const salt = new RandomId(`${name}-salt`, { byteLength: 16 }, { parent: this }).b64Std;
    const verifier = pulumi
      .all([this.password, salt])
      .apply(([password, bytes]) => scramVerifier(password, bytes));
    return pulumi.secret(verifier);
  }

  private makeServer({ machine, archiveCommand }: DatabaseArgs): pulumi.Output<string> {
    const { sizing, verifier } = this;
    return machine.role(this, postgresql({ sizing, verifier, archiveCommand })).digest;
  }
}
