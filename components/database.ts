import * as pulumi from "@pulumi/pulumi";
import type { CertificateAuthority } from "../providers/dukaan/sdk.js";
import { type DatabaseLogin, type DatabaseNetwork, postgresql } from "../src/roles/postgresql/index.js";
import { type DatabaseSizing, databaseSizing } from "../src/roles/postgresql/sizing.js";
import { addressesOf } from "../src/topology/firewall.js";
import { type Machine as AboutMachine, type Topology, servicesOn } from "../src/topology/topology.js";
import { type Logins, makeLogin, makeLogins } from "./database-login.js";
import { internalCertificate } from "./internal-certificate.js";
import type { Machine } from "./machine.js";

export interface DatabaseArgs {
  /** Where it runs. */
  machine: Machine;
  /** Says what else runs there, and who connects from other machines. */
  topology: Topology;
  /** Machines with a copy that follows. @default none */
  standbys?: readonly Machine[];
  /** Machines with a database that waits for a dump of this one. @default none */
  copies?: readonly Machine[];
  /** Signs the certificate with which it shows itself to other machines: the stack's internal one. */
  authority: CertificateAuthority;
  /**
   * Numbers of those who may log in, each with a password of its own; the first is the app's. Another number is another
   * password: give both for as long as both are used.
   */
  logins: readonly number[];
  /**
   * Command that sends a finished WAL file away; `%p` is its path.
   * @default WAL is not archived
   */
  archiveCommand?: string | undefined;
}

/** How clients reach a database. */
export interface DatabaseEndpoint {
  /** Its private address or name, or the directory of its socket. */
  host: pulumi.Input<string>;
  /** Whether it is on another machine than its clients, and wants TLS. */
  remote: boolean;
  /** PEM of the authority that signed its certificate. */
  authority: pulumi.Input<string>;
}

/** What the app needs to know of its database, whoever runs it. */
export interface ShopDatabase extends Logins {
  endpoint: DatabaseEndpoint;
  /** What its connections are shared out by. */
  about: Pick<AboutMachine, "cores" | "memoryMiB">;
  /** Digest of what runs, for what must follow it. */
  ready: pulumi.Output<string>;
}

/**
 * PostgreSQL 15 with the shop's database. Costs its machine, or its share of one. If it stops, the app answers 503
 * until it is back; if its machine is lost, what was not backed up is lost.
 *
 * @example
 * const database = new Database("database", { machine, topology, authority, logins: [1] }, { parent: environment });
 */
export class Database extends pulumi.ComponentResource implements ShopDatabase {
  readonly endpoint: DatabaseEndpoint;
  /** The machine that it runs on. */
  readonly about: AboutMachine;
  private readonly sizing: DatabaseSizing;
  /** Who the app logs in as, e.g. "shop_1". */
  readonly user: string;
  /** The password of {@link user}; secret. */
  readonly password: pulumi.Output<string>;
  /** All who may log in; secret. */
  readonly logins: pulumi.Output<DatabaseLogin[]>;
  /** Digest of what runs, for what must follow it. */
  readonly ready: pulumi.Output<string>;

  constructor(name: string, args: DatabaseArgs, options: pulumi.ComponentResourceOptions) {
    super("dukaan:index:Database", name, {}, options);
    this.about = args.machine.about;
    const { privateAddress } = this.about;
    const remote = clientsOf(args.topology, args.machine).length > 0;
    const { certificate: authority } = args.authority;
    this.endpoint = { host: remote ? privateAddress : "/run/postgresql", remote, authority };
    this.sizing = sizingOf(args.machine, args.topology);
    const { user, password, logins } = makeLogins(name, args.logins, this);
    this.user = user;
    this.password = password;
    this.logins = logins;
    this.ready = this.makeServers(name, args);
    this.registerOutputs({});
  }

  private makeServers(name: string, args: DatabaseArgs): pulumi.Output<string> {
    const { machine, topology, archiveCommand, standbys = [], copies = [] } = args;
    const { logins } = this;
    const followers = [...standbys, ...copies];
    const replicator =
      followers.length === 0 ? undefined : makeLogin(`${name}-replicator`, "replicator", this);
    const common = { logins, archiveCommand };
    const primary = machine.role(
      this,
      postgresql({
        ...common,
        sizing: this.sizing,
        network: this.makeNetwork(machine, args),
        replicator: replicator && pulumi.secret(replicator.login.verifier),
      }),
    ).digest;
    for (const standby of followers) {
      const own = sizingOf(standby, topology);
      const definition = postgresql({
        ...common,
        sizing: {
          ...own,
          // PostgreSQL 15, 27.4.5: a standby with fewer than its primary does not start.
          maxConnections: Math.max(this.sizing.maxConnections, own.maxConnections),
        },
        network: this.makeNetwork(standby, args),
        follows: replicator && {
          address: machine.about.privateAddress,
          password: replicator.password,
          byCopy: copies.includes(standby),
        },
      });
      standby.role(this, definition, [standby.ready, primary]);
    }
    return primary;
  }

  private makeNetwork(machine: Machine, { topology, authority }: DatabaseArgs): DatabaseNetwork {
    const { privateAddress } = machine.about;
    const { certificate, privateKey } = internalCertificate(machine.about, "postgresql", authority, this);
    return {
      address: privateAddress,
      clients: clientsOf(topology, machine),
      standbys: addressesOf(topology, machine.about, ["postgresql-standby"], ["postgresql"]),
      copies: addressesOf(topology, machine.about, ["postgresql-copy"], ["postgresql"]),
      authority: authority.certificate,
      certificate,
      privateKey,
    };
  }
}

/** It shares its machine with the app, or has it to itself; its files may be on a volume. */
function sizingOf({ about, dataDiskGB }: Machine, topology: Topology): DatabaseSizing {
  const dedicated = !servicesOn(topology, about.name).includes("api");
  return databaseSizing({ ...about, diskGB: dataDiskGB }, dedicated);
}

/** Private addresses from which the app connects to a machine's database; none where it is on the same machine. */
function clientsOf(topology: Topology, { about }: Machine): string[] {
  const here = servicesOn(topology, about.name).filter((service) => databases.has(service));
  return addressesOf(topology, about, ["pgbouncer", "api"], here);
}

const databases = new Set(["postgresql", "postgresql-standby", "postgresql-copy"]);
