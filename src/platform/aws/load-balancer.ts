import { Listener } from "@pulumi/aws/lb/listener.js";
import { LoadBalancer } from "@pulumi/aws/lb/loadBalancer.js";
import { TargetGroup } from "@pulumi/aws/lb/targetGroup.js";
import { TargetGroupAttachment } from "@pulumi/aws/lb/targetGroupAttachment.js";
import type * as pulumi from "@pulumi/pulumi";
import type { LoadBalancer as AboutLoadBalancer } from "../../topology/topology.js";
import type {
  LoadBalancerArgs,
  LoadBalancerPoolArgs,
  LoadBalancerServiceArgs,
  PlatformLoadBalancer,
  PlatformPool,
} from "../platform.js";
import { importedCertificate, issuedCertificate } from "./certificate.js";
import { type AwsContext, tags } from "./context.js";

/**
 * TLS 1.2 with forward secrecy and authenticated ciphers alone, and TLS 1.3: what nginx and HAProxy offer elsewhere.
 * https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html
 */
const tlsPolicy = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06";

/**
 * An Application Load Balancer in the public subnets of both zones, for IPv4 and IPv6. AWS gives it a name, and addresses
 * that change. Names of load balancers have 32 characters at most, fewer than a stack's with what it is: so Pulumi makes
 * one, and tags say whose it is. It keeps no log of requests: orders' addresses are their keys, and nginx, which leaves
 * them out, logs every request anyway.
 */
export function loadBalancer(
  context: AwsContext,
  about: AboutLoadBalancer,
  { network, firewall }: LoadBalancerArgs,
  options: pulumi.CustomResourceOptions,
): PlatformLoadBalancer {
  if (!firewall) throw new Error(`${about.name} has no security group`);
  const balancer = new LoadBalancer(
    about.name,
    {
      loadBalancerType: "application",
      ipAddressType: "dualstack",
      subnets: network.providerSubnets.map(({ id }) => id),
      securityGroups: [firewall.firewallId],
      // nginx keeps connections for longer (src/roles/nginx/balanced.conf): it never closes one under a request.
      idleTimeout: 60,
      dropInvalidHeaderFields: true,
      // The app holds the page that a form comes from against it, port and all.
      preserveHostHeader: true,
      enableDeletionProtection: context.protect,
      tags: tags(context, about.name, { region: about.region }),
    },
    // AWS refuses it in a network without a way to the internet.
    { ...options, protect: context.protect, dependsOn: [...network.ways, ...firewall.ready] },
  );
  return {
    balancerId: balancer.arn,
    networkId: network.networkId,
    front: { name: balancer.dnsName, zoneId: balancer.zoneId },
    ready: [],
  };
}

/** A target group: the load balancer asks each server in it, on the port on which requests go there. */
export function loadBalancerPool(
  context: AwsContext,
  name: string,
  args: LoadBalancerPoolArgs,
  options: pulumi.CustomResourceOptions,
): PlatformPool {
  const { balancer, region, port, check } = args;
  const group = new TargetGroup(
    name,
    {
      vpcId: balancer.networkId,
      targetType: "instance",
      protocol: "HTTP",
      port,
      loadBalancingAlgorithmType: "least_outstanding_requests",
      // What is under way when a server is taken away is finished, as by a server that leaves (src/roles/nginx/rotation.sh).
      deregistrationDelay: 40,
      healthCheck: {
        protocol: "HTTP",
        path: check.path,
        interval: check.intervalSeconds,
        timeout: check.timeoutSeconds,
        unhealthyThreshold: check.failures,
        healthyThreshold: check.successes,
        matcher: "200",
      },
      tags: tags(context, name, { region: region.name }),
    },
    options,
  );
  return { ...args, poolId: group.arn };
}

/** A server in a target group. */
export function loadBalancerTarget(
  name: string,
  pool: PlatformPool,
  serverId: pulumi.Input<string>,
  options: pulumi.CustomResourceOptions,
): pulumi.Resource {
  return new TargetGroupAttachment(
    name,
    { targetGroupArn: groupOf(pool), targetId: serverId, port: pool.port },
    options,
  );
}

/** Two listeners: HTTPS on port 443, and the way there from port 80. */
export function loadBalancerService(
  context: AwsContext,
  name: string,
  { pool, certificate }: LoadBalancerServiceArgs,
  options: pulumi.CustomResourceOptions,
): pulumi.Resource {
  const { balancer, region } = pool;
  const certificateArn =
    "domain" in certificate
      ? issuedCertificate(context, name, region, certificate, options)
      : importedCertificate(context, name, region, certificate, options);
  const listen = (full: string, args: Omit<ConstructorParameters<typeof Listener>[1], "loadBalancerArn">) => {
    const about = tags(context, full, { region: region.name });
    return new Listener(full, { loadBalancerArn: balancer.balancerId, ...args, tags: about }, options);
  };
  listen(`${name}-http`, {
    protocol: "HTTP",
    port: 80,
    defaultActions: [
      { type: "redirect", redirect: { protocol: "HTTPS", port: "443", statusCode: "HTTP_301" } },
    ],
  });
  return listen(`${name}-https`, {
    protocol: "HTTPS",
    port: 443,
    sslPolicy: tlsPolicy,
    certificateArn,
    defaultActions: [{ type: "forward", targetGroupArn: groupOf(pool) }],
  });
}

/** ARN of a pool's target group. @throws Error when it has none */
export function groupOf({ poolId }: PlatformPool): pulumi.Output<string> {
  if (!poolId) throw new Error("the pool has no target group");
  return poolId;
}
