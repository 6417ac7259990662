import * as pulumi from "@pulumi/pulumi";
import { RandomId } from "@pulumi/random/randomId.js";
import { RandomPassword } from "@pulumi/random/randomPassword.js";
import { Certificate, type CertificateAuthority } from "../providers/dukaan/sdk.js";
import { type DatabaseLogin, type DatabaseNetwork, postgresql } from "../src/roles/postgresql/index.js";
import { scramVerifier } from "../src/roles/postgresql/scram.js";
import { type DatabaseSizing, databaseSizing } from "../src/roles/postgresql/sizing.js";
import { privateRules } from "../src/topology/firewall.js";
import { type Topology, servicesOn } from "../src/topology/topology.js";
import type { Machine } from "./machine.js";

export interface DatabaseArgs {
  /** Where it runs. */
  machine: Machine;
  /** Says what else runs there, and who connects from other machines. */
  topology: Topology;
  /** Signs the certificate with which it shows itself to other machines. */
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
  /** Its private address, or the directory of its socket. */
  host: string;
  /** PEM of the authority that signed its certificate; absent: it is on the same machine, and there is no TLS. */
  authority?: pulumi.Output<string>;
}

/** PostgreSQL's port. */
const port = 5432;

interface Login {
  user: string;
  password: pulumi.Output<string>;
  login: pulumi.Output<DatabaseLogin>;
}

/**
 * PostgreSQL 15 with the shop's database. Costs its machine, or its share of one. If it stops, the app answers 503
 * until it is back; if its machine is lost, what was not backed up is lost.
 *
 * @example
 * const database = new Database("database", { machine, topology, authority, logins: [1] }, { parent: environment });
 */
export class Database extends pulumi.ComponentResource {
  readonly endpoint: DatabaseEndpoint;
  readonly sizing: DatabaseSizing;
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
    const clients = clientsOf(args);
    const { name: machine, privateAddress } = args.machine.about;
    this.endpoint =
      clients.length === 0
        ? { host: "/run/postgresql" }
        : { host: privateAddress, authority: args.authority.certificate };
    this.sizing = databaseSizing(args.machine.about, !servicesOn(args.topology, machine).includes("api"));
    const [first, ...others] = args.logins.map((number) => this.makeLogin(name, number));
    if (!first) throw new Error("a database wants at least one login");
    this.user = first.user;
    this.password = first.password;
    this.logins = pulumi.secret(pulumi.all([first, ...others].map(({ login }) => login)));
    this.ready = this.makeServer(args, clients);
    this.registerOutputs({});
  }

  private makeLogin(name: string, number: number): Login {
    const user = `shop_${number}`;
    // Letters and digits: it stands in URLs and configuration files without quoting.
    const password = new RandomPassword(
      `${name}-login-${number}`,
      { length: 40, special: false },
      { parent: this },
    ).result;
    // No secret: the server tells it to whoever begins to log in.
    const salt = new RandomId(`${name}-login-${number}-salt`, { byteLength: 16 }, { parent: this }).b64Std;
    const login = pulumi
      .all([password, salt])
      .apply(([text, bytes]) => ({ name: user, verifier: scramVerifier(text, bytes) }));
    return { user, password, login };
  }

  private makeServer(args: DatabaseArgs, clients: readonly string[]): pulumi.Output<string> {
    const { sizing, logins } = this;
    const { machine, archiveCommand } = args;
    const network = clients.length === 0 ? undefined : this.makeNetwork(args, clients);
    return machine.role(this, postgresql({ sizing, logins, archiveCommand, network })).digest;
  }

  private makeNetwork({ machine, authority }: DatabaseArgs, clients: readonly string[]): DatabaseNetwork {
    const { name, hostname, privateAddress } = machine.about;
    const { certificate, privateKey } = new Certificate(
      `${name}-postgresql`,
      {
        caCertificate: authority.certificate,
        caPrivateKey: authority.privateKey,
        commonName: hostname,
        dnsNames: [],
        ipAddresses: [privateAddress],
        validityDays: 397,
      },
      { parent: this },
    );
    return { address: privateAddress, clients, certificate, privateKey };
  }
}

/** Private addresses from which it is connected to; none where all of its clients are on its own machine. */
function clientsOf({ topology, machine }: DatabaseArgs): string[] {
  const rules = privateRules(topology, machine.about).filter((rule) => rule.port === port);
  return [...new Set(rules.flatMap(({ sources }) => sources))];
}
