import * as pulumi from "@pulumi/pulumi";
import { Certificate, type CertificateAuthority } from "../providers/dukaan/sdk.js";
import type { PlatformLoadBalancer, PlatformPool } from "../src/platform/platform.js";
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
  /** The zone in the cloud's DNS that the domain is in, where the cloud wants to be told. */
  hostedZone?: string | undefined;
}

/**
 * The provider's load balancer before the app servers: ends TLS, asks each server every three seconds (AWS: five) at
 * `/rotation` whether it is to get requests. Costs its monthly fee, and no machine. It sends nothing a second time: what a
 * server was asked that fails is lost to its visitor, for up to nine seconds (13), until two looks have failed. A server
 * that leaves or comes back says so and waits until it has been seen.
 *
 * @example
 * new ManagedLoadBalancer("balancer", { region, balancer, servers, app, authority }, { parent: environment });
 */
export class ManagedLoadBalancer extends pulumi.ComponentResource {
  /** The servers that it hands requests to. */
  readonly pool: PlatformPool;
  /** What it takes requests by. */
  readonly service: pulumi.Resource;

  constructor(name: string, args: ManagedLoadBalancerArgs, options: pulumi.ComponentResourceOptions) {
    super("dukaan:index:ManagedLoadBalancer", name, {}, options);
    const { balancer } = args.region;
    if (!balancer) throw new Error(`region ${args.region.about.name} has no load balancer of its provider`);
    this.pool = this.makePool(name, args, balancer);
    const targets = this.makeTargets(args, this.pool);
    this.service = this.makeService(name, args, this.pool, targets);
    this.registerOutputs({});
  }

  private makePool(
    name: string,
    { region: { about, platform } }: ManagedLoadBalancerArgs,
    balancer: PlatformLoadBalancer,
  ): PlatformPool {
    const check = { path: "/rotation", host: balancerHost, ...managedLooks[about.provider] };
    return platform.loadBalancerPool(
      name,
      { balancer, region: about, port: managedPort, check },
      { parent: this },
    );
  }

  /** Each when its release is there. */
  private makeTargets(
    { region, servers, app }: ManagedLoadBalancerArgs,
    pool: PlatformPool,
  ): pulumi.Resource[] {
    return servers.map((machine) => {
      const serverId = pulumi.all([machine.serverId, app.releaseOn(machine)]).apply(([id]) => id);
      const options = { parent: this, ...machine.goesWithServer };
      return region.platform.loadBalancerTarget(machine.about.name, pool, serverId, options);
    });
  }

  private makeService(
    name: string,
    args: ManagedLoadBalancerArgs,
    pool: PlatformPool,
    targets: pulumi.Resource[],
  ): pulumi.Resource {
    const { region, domain, trusted, hostedZone } = args;
    const certificate =
      trusted && domain !== undefined ? { domain, hostedZone } : this.makeCertificate(name, args, pool);
    const options = { parent: this, dependsOn: targets };
    return region.platform.loadBalancerService(name, { pool, certificate }, options);
  }

  private makeCertificate(
    name: string,
    { authority, domain }: ManagedLoadBalancerArgs,
    { balancer: { front } }: PlatformPool,
  ): Certificate {
    const given = "name" in front ? [front.name] : [];
    const addresses = "name" in front ? [] : [front.ipv4, front.ipv6];
    return new Certificate(
      name,
      {
        caCertificate: authority.certificate,
        caPrivateKey: authority.privateKey,
        commonName: domain ?? name,
        dnsNames: domain === undefined ? given : [domain],
        ipAddresses: addresses.filter((address) => address !== undefined),
        validityDays: 397,
      },
      { parent: this },
    );
  }
}
