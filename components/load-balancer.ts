import * as pulumi from "@pulumi/pulumi";
import type { CertificateAuthority } from "../providers/dukaan/sdk.js";
import { haproxy } from "../src/roles/haproxy/index.js";
import { balancedPort } from "../stacks/fleet.js";
import type { Machine } from "./machine.js";
import { ownCertificate, type PublicCertificate } from "./public-certificate.js";

export interface LoadBalancerArgs {
  /** Where it runs. */
  machines: readonly Machine[];
  /** The app servers that it hands requests to. */
  servers: readonly Machine[];
  /** Signs what the public sees. */
  authority: CertificateAuthority;
  /** Signs what the servers show. */
  internalAuthority: CertificateAuthority;
  /** Digests of what serves: a server is asked when its release is there. */
  after: readonly pulumi.Input<string>[];
  /**
   * Certificates that browsers know; they are then told to use HTTPS only, for a year.
   * @default the stack's own authority signs
   */
  certificates?: PublicCertificate | undefined;
}

/**
 * HAProxy on servers of its own, before the app servers. Costs its machine. An app server that fails, hangs or leaves is
 * out within a second; what changes nothing is asked of another one meanwhile. If the balancer itself is lost the shop
 * cannot be reached until `up` has made it anew.
 *
 * @example
 * new LoadBalancer("balancer", { machines, servers, authority, internalAuthority, after: app.ready }, { parent: environment });
 */
export class LoadBalancer extends pulumi.ComponentResource {
  constructor(name: string, args: LoadBalancerArgs, options: pulumi.ComponentResourceOptions) {
    super("dukaan:index:LoadBalancer", name, {}, options);
    for (const machine of args.machines) this.makeBalancer(machine, args);
    this.registerOutputs({});
  }

  private makeBalancer(machine: Machine, args: LoadBalancerArgs): void {
    const own = ownCertificate(machine, args.authority, this);
    const issued = args.certificates?.on(machine, own, "haproxy.service");
    const definition = haproxy({
      machine: machine.about,
      servers: args.servers.map(({ about }) => about),
      port: balancedPort,
      authority: args.internalAuthority.certificate,
      public: issued ?? own,
      strictTransport: args.certificates !== undefined,
    });
    machine.role(this, definition, [machine.ready, ...args.after, ...(issued ? [issued.ready] : [])]);
  }
}
