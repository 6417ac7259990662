import * as pulumi from "@pulumi/pulumi";
import type { CertificateAuthority, Role } from "../providers/dukaan/sdk.js";
import type { PublicAddress } from "../src/platform/platform.js";
import { haproxy } from "../src/roles/haproxy/index.js";
import { keepalived } from "../src/roles/keepalived/index.js";
import type { FailoverSettings } from "../src/settings/failover.js";
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
  /**
   * The address that they share, and how the cloud is told who has it.
   * @default each has its own alone
   */
  floating?: { address: PublicAddress; failover: FailoverSettings } | undefined;
}

/**
 * HAProxy on servers of its own, before the app servers. Costs its machine. An app server that fails, hangs or leaves is
 * out within a second; what changes nothing is asked of another one meanwhile. If the only balancer is lost the shop cannot be
 * reached until `up` has made it anew; of two, the other has the shared address within three seconds, and connections to
 * the lost one are cut. While the cloud's API is away the address stays where it is.
 *
 * @example
 * new LoadBalancer("balancer", { machines, servers, authority, internalAuthority, after: app.ready }, { parent: environment });
 */
export class LoadBalancer extends pulumi.ComponentResource {
  constructor(name: string, args: LoadBalancerArgs, options: pulumi.ComponentResourceOptions) {
    super("dukaan:index:LoadBalancer", name, {}, options);
    const balancers = args.machines.map((machine) => this.makeBalancer(machine, args));
    if (args.floating) this.shareAddress(args, args.floating, balancers);
    this.registerOutputs({});
  }

  private makeBalancer(machine: Machine, args: LoadBalancerArgs): Role {
    const own = ownCertificate(machine, args.authority, this, args.floating?.address.address);
    const issued = args.certificates?.on(machine, own, "haproxy.service");
    const definition = haproxy({
      machine: machine.about,
      servers: args.servers.map(({ about }) => about),
      port: balancedPort,
      authority: args.internalAuthority.certificate,
      public: issued ?? own,
      strictTransport: args.certificates !== undefined,
    });
    return machine.role(this, definition, [machine.ready, ...args.after, ...(issued ? [issued.ready] : [])]);
  }

  /** One after the other: a change of theirs must not leave both without the address. */
  private shareAddress(
    { machines }: LoadBalancerArgs,
    { address: { address, addressId }, failover }: NonNullable<LoadBalancerArgs["floating"]>,
    balancers: readonly Role[],
  ): void {
    let before: Role | undefined;
    for (const machine of machines) {
      const { name, privateAddress } = machine.about;
      const peers = machines.filter((other) => other !== machine).map(({ about }) => about.privateAddress);
      const { serverId } = machine;
      const definition = keepalived({ name, privateAddress, peers, address, addressId, serverId, failover });
      const after = [...balancers, ...(before ? [before] : [])].map(({ digest }) => digest);
      before = machine.role(this, definition, after);
    }
  }
}
