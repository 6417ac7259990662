import * as pulumi from "@pulumi/pulumi";
import { Certificate, type CertificateAuthority } from "../providers/dukaan/sdk.js";
import type { PlatformLoadBalancer } from "../src/platform/platform.js";
import { balancerHost, managedLooks } from "../src/roles/nginx/index.js";
import { managedPort } from "../stacks/fleet.js";
import type { AppServers } from "./app-servers.js";
import type { Machine } from "./machine.js";
import type { Region } from "./region.js";

export interface ManagedLoadBalancerArgs {
  region: Region;
  /** The app servers that it hands requests to. */
  servers: readonly Machine[];
  app: AppServers;
  /** Signs its certificate where browsers are to know none. */
  authority: CertificateAuthority;
  /** The name that the public comes by. */
  domain?: string | undefined;
  /** Whether the provider is to get a certificate that browsers know, for {@link domain}. */
  trusted: boolean;
}

/**
 * The provider's load balancer before the app servers: ends TLS, asks each server every three seconds at `/rotation`
 * whether it is to get requests. Costs its monthly fee, and no machine. It sends nothing a second time: what a server was
 * asked that fails is lost to its visitor, for up to nine seconds, until two looks have failed. A server that leaves or
 * comes back says so and waits until it has been seen.
 *
 * @example
 * new ManagedLoadBalancer("balancer", { region, balancer, servers, app, authority }, { parent: environment });
 */
export class ManagedLoadBalancer extends pulumi.ComponentResource {
  constructor(name: string, args: ManagedLoadBalancerArgs, options: pulumi.ComponentResourceOptions) {
    super("dukaan:index:ManagedLoadBalancer", name, {}, options);
    const { balancer } = args.region;
    if (!balancer) throw new Error(`region ${args.region.about.name} has no load balancer of its provider`);
    const targets = this.makeTargets(args, balancer);
    this.makeService(name, args, balancer, targets);
    this.registerOutputs({});
  }

  /** Each when its release is there. */
  private makeTargets(
    { region, servers, app }: ManagedLoadBalancerArgs,
    balancer: PlatformLoadBalancer,
  ): pulumi.Resource[] {
    return servers.map((machine) => {
      const serverId = pulumi.all([machine.serverId, app.releaseOn(machine)]).apply(([id]) => id);
      const options = { parent: this, ...machine.goesWithServer };
      return region.platform.loadBalancerTarget(machine.about.name, balancer, serverId, options);
    });
  }

  private makeService(
    name: string,
    args: ManagedLoadBalancerArgs,
    balancer: PlatformLoadBalancer,
    targets: pulumi.Resource[],
  ): void {
    const { region, domain, trusted } = args;
    region.platform.loadBalancerService(
      name,
      {
        balancer,
        region: region.about,
        certificate:
          trusted && domain !== undefined ? { domain } : this.makeCertificate(name, args, balancer),
        port: managedPort,
        check: { path: "/rotation", host: balancerHost, ...managedLooks },
      },
      { parent: this, dependsOn: targets },
    );
  }

  private makeCertificate(
    name: string,
    { authority, domain }: ManagedLoadBalancerArgs,
    balancer: PlatformLoadBalancer,
  ): Certificate {
    return new Certificate(
      name,
      {
        caCertificate: authority.certificate,
        caPrivateKey: authority.privateKey,
        commonName: domain ?? name,
        dnsNames: domain === undefined ? [] : [domain],
        ipAddresses: [balancer.ipv4, balancer.ipv6],
        validityDays: 397,
      },
      { parent: this },
    );
  }
}
