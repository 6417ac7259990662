import * as pulumi from "@pulumi/pulumi";
import { Certificate, type CertificateAuthority } from "../providers/dukaan/sdk.js";
import { haproxy } from "../src/roles/haproxy/index.js";
import { balancedPort } from "../stacks/fleet.js";
import type { Machine } from "./machine.js";

export interface LoadBalancerArgs {
  /** Where it runs. */
  machines: readonly Machine[];
  /** The app servers that it hands requests to. */
  servers: readonly Machine[];
  /** Signs its certificate, and those of the servers. */
  authority: CertificateAuthority;
  /** Digests of what serves: a server is asked when its release is there. */
  after: readonly pulumi.Input<string>[];
  /**
   * Tell browsers to use HTTPS only, for a year.
   * @default false
   */
  strictTransport?: boolean;
}

/**
 * HAProxy on servers of its own, before the app servers. Costs its machine. An app server that fails, hangs or leaves is
 * out within a second; what changes nothing is asked of another one meanwhile. If the balancer itself is lost the shop
 * cannot be reached until `up` has made it anew.
 *
 * @example
 * new LoadBalancer("balancer", { machines, servers, authority, after: app.ready }, { parent: environment });
 */
export class LoadBalancer extends pulumi.ComponentResource {
  constructor(name: string, args: LoadBalancerArgs, options: pulumi.ComponentResourceOptions) {
    super("dukaan:index:LoadBalancer", name, {}, options);
    for (const machine of args.machines) this.makeBalancer(machine, args);
    this.registerOutputs({});
  }

  private makeBalancer(machine: Machine, args: LoadBalancerArgs): void {
    const { certificate, privateKey } = this.makeCertificate(machine, args);
    const definition = haproxy({
      machine: machine.about,
      servers: args.servers.map(({ about }) => about),
      port: balancedPort,
      authority: args.authority.certificate,
      certificate,
      privateKey,
      strictTransport: args.strictTransport ?? false,
    });
    machine.role(this, definition, [machine.ready, ...args.after]);
  }

  private makeCertificate(machine: Machine, { authority }: LoadBalancerArgs): Certificate {
    const { about, ipv4, ipv6 } = machine;
    return new Certificate(
      about.name,
      {
        caCertificate: authority.certificate,
        caPrivateKey: authority.privateKey,
        commonName: about.dnsNames[0] ?? about.hostname,
        dnsNames: [...about.dnsNames],
        ipAddresses: [ipv4, ipv6].filter((address) => address !== undefined),
        validityDays: 397,
      },
      { parent: this },
    );
  }
}
