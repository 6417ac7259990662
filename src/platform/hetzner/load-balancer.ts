import { createHash } from "node:crypto";
import { LoadBalancer } from "@pulumi/hcloud/loadBalancer.js";
import { LoadBalancerNetwork } from "@pulumi/hcloud/loadBalancerNetwork.js";
import { LoadBalancerService } from "@pulumi/hcloud/loadBalancerService.js";
import { LoadBalancerTarget } from "@pulumi/hcloud/loadBalancerTarget.js";
import { ManagedCertificate } from "@pulumi/hcloud/managedCertificate.js";
import { UploadedCertificate } from "@pulumi/hcloud/uploadedCertificate.js";
import * as pulumi from "@pulumi/pulumi";
import type { LoadBalancer as AboutLoadBalancer, Region } from "../../topology/topology.js";
import type {
  LoadBalancerArgs,
  LoadBalancerServiceArgs,
  PlatformLoadBalancer,
  PlatformPool,
} from "../platform.js";
import { type HetznerContext, labels } from "./context.js";

/** The smallest: 10,000 connections and 25 servers (docs.hetzner.com, "Load Balancers", overview). */
const size = "lb11";

/** A load balancer in the subnet of the app servers. */
export function loadBalancer(
  context: HetznerContext,
  about: AboutLoadBalancer,
  { network }: LoadBalancerArgs,
  options: pulumi.CustomResourceOptions,
): PlatformLoadBalancer {
  const subnet = network.subnet("app");
  const balancer = new LoadBalancer(
    about.name,
    {
      name: `${context.stack}-${about.name}`,
      loadBalancerType: size,
      location: network.region.location,
      algorithm: { type: "least_connections" },
      deleteProtection: context.protect,
      labels: labels(context, { region: about.region }),
    },
    { ...options, protect: context.protect },
  );
  const privateInterface = new LoadBalancerNetwork(
    about.name,
    {
      loadBalancerId: balancer.id.apply(Number),
      subnetId: subnet.id,
      ...(about.privateAddress !== undefined && { ip: about.privateAddress }),
    },
    { ...options, deletedWith: balancer },
  );
  const { id: balancerId, ipv4, ipv6 } = balancer;
  return { balancerId, networkId: network.networkId, front: { ipv4, ipv6 }, ready: [privateInterface] };
}

/** HTTPS on port 443, and the way there from port 80. */
export function loadBalancerService(
  context: HetznerContext,
  name: string,
  { pool, certificate }: LoadBalancerServiceArgs,
  options: pulumi.CustomResourceOptions,
): pulumi.Resource {
  const { balancer, region, port, check } = pool;
  const shown =
    "domain" in certificate
      ? managedCertificate(context, name, region, certificate.domain, options)
      : uploadedCertificate(context, name, region, certificate, options);
  return new LoadBalancerService(
    name,
    {
      loadBalancerId: balancer.balancerId,
      protocol: "https",
      listenPort: 443,
      destinationPort: port,
      http: { certificates: [shown.id.apply(Number)], redirectHttp: true, stickySessions: false },
      healthCheck: {
        protocol: "http",
        port,
        interval: check.intervalSeconds,
        timeout: check.timeoutSeconds,
        retries: check.failures,
        http: { domain: check.host, path: check.path, statusCodes: ["200"], tls: false },
      },
    },
    options,
  );
}

/** Signed by Let's Encrypt and renewed by Hetzner, which proves the name in the DNS zone that it has. */
function managedCertificate(
  context: HetznerContext,
  name: string,
  region: Region,
  domain: string,
  options: pulumi.CustomResourceOptions,
): ManagedCertificate {
  const about = labels(context, { region: region.name });
  const args = { name: `${context.stack}-${name}-${domain}`, domainNames: [domain], labels: about };
  return new ManagedCertificate(name, args, options);
}

/** Another one has another name: it is there before the old one goes, which is in use. */
function uploadedCertificate(
  context: HetznerContext,
  name: string,
  region: Region,
  { certificate, privateKey }: { certificate: pulumi.Input<string>; privateKey: pulumi.Input<string> },
  options: pulumi.CustomResourceOptions,
): UploadedCertificate {
  const fingerprint = pulumi
    .output(certificate)
    .apply((pem) => createHash("sha256").update(pem).digest("hex").slice(0, 8));
  return new UploadedCertificate(
    name,
    {
      name: pulumi.interpolate`${context.stack}-${name}-${fingerprint}`,
      certificate,
      privateKey: pulumi.secret(privateKey),
      labels: labels(context, { region: region.name }),
    },
    options,
  );
}

/** A server behind a load balancer. Hetzner asks it, and hands requests to it, as the service says. */
export function loadBalancerTarget(
  name: string,
  { balancer: { balancerId, ready } }: PlatformPool,
  serverId: pulumi.Input<string>,
  options: pulumi.CustomResourceOptions,
): pulumi.Resource {
  return new LoadBalancerTarget(
    name,
    {
      type: "server",
      loadBalancerId: balancerId.apply(Number),
      serverId: pulumi.output(serverId).apply(Number),
      usePrivateIp: true,
    },
    // Without its place in the private network it cannot reach private addresses.
    pulumi.mergeOptions(options, { dependsOn: [...ready] }),
  );
}
