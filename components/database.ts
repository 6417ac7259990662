import * as pulumi from "@pulumi/pulumi";
import { RandomId } from "@pulumi/random/randomId.js";
import { RandomPassword } from "@pulumi/random/randomPassword.js";
import { Certificate, type CertificateAuthority } from "../providers/dukaan/sdk.js";
import { type DatabaseNetwork, postgresql } from "../src/roles/postgresql/index.js";
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

/**
 * PostgreSQL 15 with the shop's database. Costs its machine, or its share of one. If it stops, the app answers 503
 * until it is back; if its machine is lost, what was not backed up is lost.
 *
 * @example
 * const database = new Database("database", { machine, topology, authority: environment.authority }, { parent: environment });
 */
export class Database extends pulumi.ComponentResource {
  readonly endpoint: DatabaseEndpoint;
  readonly sizing: DatabaseSizing;
  /** Password of the owner `shop`; secret. */
  readonly password: pulumi.Output<string>;
  /** SCRAM verifier of that password; secret. */
  readonly verifier: pulumi.Output<string>;
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
    this.password = this.makePassword(name);
    this.verifier = this.makeVerifier(name);
    this.ready = this.makeServer(args, clients);
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

  private makeServer(args: DatabaseArgs, clients: readonly string[]): pulumi.Output<string> {
    const { sizing, verifier } = this;
    const { machine, archiveCommand } = args;
    const network = clients.length === 0 ? undefined : this.makeNetwork(args, clients);
    return machine.role(this, postgresql({ sizing, verifier, archiveCommand, network })).digest;
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
