import type * as pulumi from "@pulumi/pulumi";
import type { Tier } from "../topology/addresses.js";
import type { CloudRule } from "../topology/firewall.js";
import type { FloatingAddress, LoadBalancer, Machine, Region, Volume } from "../topology/topology.js";

/**
 * The primitives that a cloud must offer; the one place where clouds differ. Each makes raw resources with the options
 * it is given (their parent above all) and hands back what others need.
 */
export interface Platform {
  /** A region's private network with one subnet a tier, and the key that opens its machines. */
  network(region: Region, args: NetworkArgs, options: pulumi.CustomResourceOptions): PlatformNetwork;

  /** What may pass the public interfaces of a tier's machines. */
  firewall(
    region: Region,
    tier: Tier,
    rules: readonly CloudRule[],
    options: pulumi.CustomResourceOptions,
  ): PlatformFirewall;

  /** A public address that outlives the machine it belongs to. */
  publicAddress(
    machine: Machine,
    family: "ipv4" | "ipv6",
    region: Region,
    options: pulumi.CustomResourceOptions,
  ): PublicAddress;

  /** A public IPv4 address that goes from one machine to another: machines tell the cloud themselves. */
  floatingAddress(
    address: FloatingAddress,
    region: Region,
    options: pulumi.CustomResourceOptions,
  ): PublicAddress;

  /** A machine with its place in the private network. It lets nobody in but over SSH with the login key. */
  machine(machine: Machine, args: MachineArgs, options: pulumi.CustomResourceOptions): PlatformMachine;

  /**
   * A disk with an ext4 file system that outlives the machine it is attached to. It grows while it is used; it never
   * shrinks and is never formatted again.
   */
  volume(
    volume: Volume,
    machine: Machine,
    args: VolumeArgs,
    options: pulumi.CustomResourceOptions,
  ): PlatformVolume;

  /** A load balancer with its public addresses and its place in the private network; it serves nothing yet. */
  loadBalancer(
    about: LoadBalancer,
    network: PlatformNetwork,
    options: pulumi.CustomResourceOptions,
  ): PlatformLoadBalancer;

  /**
   * Has a load balancer end TLS on port 443 and hand each request to the server with the fewest connections, and lead port
   * 80 to HTTPS.
   */
  loadBalancerService(
    name: string,
    args: LoadBalancerServiceArgs,
    options: pulumi.CustomResourceOptions,
  ): pulumi.Resource;

  /** Hands a load balancer's requests to a server, over the private network. */
  loadBalancerTarget(
    name: string,
    balancer: PlatformLoadBalancer,
    serverId: pulumi.Input<string>,
    options: pulumi.CustomResourceOptions,
  ): pulumi.Resource;
}

export interface PlatformLoadBalancer {
  balancerId: pulumi.Output<string>;
  /** The addresses that the public comes to. */
  ipv4: pulumi.Output<string>;
  ipv6: pulumi.Output<string>;
  /** Its interface in the private network, over which it reaches servers. */
  privateInterface: pulumi.Resource;
}

export interface LoadBalancerServiceArgs {
  balancer: PlatformLoadBalancer;
  region: Region;
  /** What it shows to the public: a certificate with its key; or a name that the provider gets one for. */
  certificate: { certificate: pulumi.Input<string>; privateKey: pulumi.Input<string> } | { domain: string };
  /** Where servers take requests, as plain HTTP. */
  port: number;
  /** What servers are asked to see whether they are to get requests: 200 says yes. */
  check: { path: string; host: string; intervalSeconds: number; timeoutSeconds: number; failures: number };
}

export interface NetworkArgs {
  /** OpenSSH public key that may log in to the region's machines from their first boot on. */
  loginKey: pulumi.Input<string>;
}

export interface PlatformNetwork {
  region: Region;
  networkId: pulumi.Output<string>;
  /** The raw resource of each tier's subnet. */
  subnets: Partial<Record<Tier, pulumi.CustomResource>>;
  loginKeyId: pulumi.Output<string>;
}

export interface PlatformFirewall {
  firewallId: pulumi.Output<string>;
}

export interface PublicAddress {
  addressId: pulumi.Output<string>;
  /** The address that the machine uses, e.g. "203.0.113.10" or "2001:db8:0:1::1". */
  address: pulumi.Output<string>;
}

export interface MachineArgs {
  network: PlatformNetwork;
  firewall: PlatformFirewall;
  ipv4?: PublicAddress | undefined;
  ipv6?: PublicAddress | undefined;
  /** The machine's own SSH key pair, so that its first contact can be verified. */
  hostKey: { publicKey: pulumi.Input<string>; privateKey: pulumi.Input<string> };
  /** OpenSSH public key that may log in as root. */
  loginKey: pulumi.Input<string>;
  /** Last word on the raw arguments of the server resource; their shape is the provider's. */
  transform?: ((args: object) => object) | undefined;
}

export interface VolumeArgs {
  region: Region;
  /** The machine that it is attached to. */
  server: PlatformMachine;
}

export interface PlatformVolume {
  /** Where the machine finds it, e.g. "/dev/disk/by-id/scsi-0HC_Volume_4711". */
  device: pulumi.Output<string>;
  sizeGB: pulumi.Output<number>;
}

export interface PlatformMachine {
  /** The raw resource, for `deletedWith`. */
  resource: pulumi.Resource;
  serverId: pulumi.Output<string>;
  /** Its interface in the private network; what listens there waits for it. */
  privateInterface: pulumi.Resource;
}
