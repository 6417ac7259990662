import type * as pulumi from "@pulumi/pulumi";
import type { Tier } from "../topology/addresses.js";
import type {
  FloatingAddress,
  LoadBalancer,
  Machine,
  Region,
  Subnet,
  Topology,
  Volume,
} from "../topology/topology.js";

/**
 * The primitives that a cloud must offer; the one place where clouds differ. Each makes raw resources with the options
 * it is given (their parent above all) and hands back what others need.
 */
export interface Platform {
  /** Pulumi's provider of all its resources in a stack; without parent or options. */
  provider(): pulumi.ProviderResource;

  /** A region's private network with its subnets and its ways to the internet, and the key that opens its machines. */
  network(region: Region, args: NetworkArgs, options: pulumi.CustomResourceOptions): PlatformNetwork;

  /**
   * What may pass the interfaces that the cloud filters: by tier, of its machines in a region; and by name, of the cloud's
   * own load balancers, where it filters theirs too.
   */
  firewalls(
    network: PlatformNetwork,
    topology: Topology,
    options: pulumi.CustomResourceOptions,
  ): ReadonlyMap<string, PlatformFirewall>;

  /** The public addresses of a machine, which outlive it. */
  addresses(
    machine: Machine,
    args: { network: PlatformNetwork; firewall: PlatformFirewall },
    options: pulumi.CustomResourceOptions,
  ): PlatformAddresses;

  /** A public IPv4 address that goes from one machine to another: machines tell the cloud themselves. */
  floatingAddress(
    address: FloatingAddress,
    region: Region,
    options: pulumi.CustomResourceOptions,
  ): PublicAddress;

  /** A machine with its place in the private network. It lets nobody in but over SSH with the login key. */
  machine(machine: Machine, args: MachineArgs, options: pulumi.CustomResourceOptions): PlatformMachine;

  /**
   * A disk with an ext4 file system, or blank, that outlives the machine it is attached to. It grows while it is used; it
   * never shrinks and is never formatted again.
   */
  volume(
    volume: Volume,
    machine: Machine,
    args: VolumeArgs,
    options: pulumi.CustomResourceOptions,
  ): PlatformVolume;

  /** A load balancer where the public comes to, with its place in the private network; it serves nothing yet. */
  loadBalancer(
    about: LoadBalancer,
    args: LoadBalancerArgs,
    options: pulumi.CustomResourceOptions,
  ): PlatformLoadBalancer;

  /** The servers behind a load balancer, none as yet: each request is to go to the one with the fewest under way. */
  loadBalancerPool(
    name: string,
    args: LoadBalancerPoolArgs,
    options: pulumi.CustomResourceOptions,
  ): PlatformPool;

  /** Puts a server into a pool: it gets requests over the private network. */
  loadBalancerTarget(
    name: string,
    pool: PlatformPool,
    serverId: pulumi.Input<string>,
    options: pulumi.CustomResourceOptions,
  ): pulumi.Resource;

  /** Has a load balancer end TLS on port 443 and hand requests to its pool, and lead port 80 to HTTPS. */
  loadBalancerService(
    name: string,
    args: LoadBalancerServiceArgs,
    options: pulumi.CustomResourceOptions,
  ): pulumi.Resource;

  /**
   * Buckets of the stack's own: private, encrypted with a key of the stack's, reached over TLS alone; each with access for
   * one program, to that bucket alone and from the region's network alone. What is deleted or overwritten in a bucket of
   * backups can be had back for a month, and not be removed for good with its access. One of releases has no such access,
   * and goes with the stack.
   */
  objectStorage(
    buckets: readonly PlannedBucket[],
    network: PlatformNetwork,
    options: pulumi.CustomResourceOptions,
  ): PlatformStorage;

  /** Leads a name to where the public comes. It never takes a name over that leads elsewhere. */
  publicName(name: string, args: PublicNameArgs, options: pulumi.CustomResourceOptions): pulumi.Resource[];
}

/** Where the public comes: to addresses; or to a name of the cloud's, which leads to those of the moment. */
export type PublicFront =
  | { ipv4?: pulumi.Output<string> | undefined; ipv6?: pulumi.Output<string> | undefined }
  | CloudName;

/** A name that the cloud gives, e.g. "load-balancer-1234.us-east-1.elb.amazonaws.com". */
export interface CloudName {
  name: pulumi.Output<string>;
  /** The zone in the cloud's DNS that it is in. */
  zoneId: pulumi.Output<string>;
}

export interface LoadBalancerArgs {
  network: PlatformNetwork;
  /** Absent: the cloud does not filter what load balancers exchange. */
  firewall?: PlatformFirewall | undefined;
}

export interface PlatformLoadBalancer {
  balancerId: pulumi.Output<string>;
  networkId: pulumi.Output<string>;
  front: PublicFront;
  /** What it reaches servers by, where that is a resource of its own. */
  ready: readonly pulumi.Resource[];
}

export interface LoadBalancerPoolArgs {
  balancer: PlatformLoadBalancer;
  region: Region;
  /** Where servers take requests, as plain HTTP. */
  port: number;
  /** What servers are asked to see whether they are to get requests: 200 says yes. */
  check: PoolCheck;
}

/** The looks of a load balancer at its servers. */
export interface PoolCheck {
  path: string;
  /** What it says in the field `Host`, where it can say something. */
  host: string;
  intervalSeconds: number;
  timeoutSeconds: number;
  /** So many looks in a row without a 200, and the server is out. */
  failures: number;
  /** So many with one, and it is back; where that can be said. */
  successes: number;
}

export interface PlatformPool extends LoadBalancerPoolArgs {
  /** Where the cloud has pools as a resource. */
  poolId?: pulumi.Output<string>;
}

export interface LoadBalancerServiceArgs {
  pool: PlatformPool;
  /** What it shows to the public: a certificate with its key; or a name that the provider gets one for. */
  certificate: { certificate: pulumi.Input<string>; privateKey: pulumi.Input<string> } | NamedCertificate;
}

export interface NamedCertificate {
  domain: string;
  /** The zone in the cloud's DNS that the name is in, by name or id, where the cloud wants to be told. */
  hostedZone?: string | undefined;
}

export interface PlatformStorage {
  /** By name of the bucket. */
  access: ReadonlyMap<string, BucketAccess>;
  /** What machines boot from that nobody configures; see src/platform/aws/machine-group.ts. */
  releases?: ReleaseBucket;
}

/** A bucket that whoever brings the stack up writes, and machines read by a role that they have. */
export interface ReleaseBucket {
  /** Origin of the S3 API, e.g. "https://s3.us-east-1.amazonaws.com". */
  endpoint: string;
  bucket: pulumi.Output<string>;
  bucketArn: pulumi.Output<string>;
  /** Of the key that encrypts it. */
  keyArn: pulumi.Output<string>;
}

/** A bucket that the stack makes. */
export interface PlannedBucket {
  /** Part of its name, and of URNs. */
  name: "backups" | "images" | "releases";
  /** The folder that is reached in it, e.g. "/prod"; absent: all of it. */
  path?: string;
}

/** How a bucket is reached: an object storage with the S3 API. */
export interface BucketAccess {
  /** Origin of the S3 API, e.g. "https://s3.us-east-1.amazonaws.com". */
  endpoint: string;
  region: string;
  bucket: pulumi.Input<string>;
  accessKey: pulumi.Input<string>;
  secretKey: pulumi.Input<string>;
  /** PEM of the endpoint's authority, where it is none that servers know. */
  caCertificate?: string;
}

export interface PublicNameArgs {
  domain: string;
  /** The zone in the cloud's DNS that the name is in, by name or id. */
  hostedZone: string;
  front: PublicFront;
}

export interface NetworkArgs {
  /** OpenSSH public key that may log in to the region's machines from their first boot on. */
  loginKey: pulumi.Input<string>;
}

export interface PlatformNetwork {
  region: Region;
  networkId: pulumi.Output<string>;
  /** The subnet of a tier, in a zone where there are such. @throws Error when there is none */
  subnet(tier: Tier, zone?: string): pulumi.CustomResource;
  /** Where the cloud keeps the key as a resource. */
  loginKeyId?: pulumi.Output<string>;
  /** Routes and gateways: machines are made after them, and gone before them. */
  ways: readonly pulumi.Resource[];
  /** What its routes are in, where these are resources. */
  routeTableIds?: readonly pulumi.Output<string>[];
  /** One in each zone for what the cloud itself runs there, where it takes addresses of the network. */
  providerSubnets: readonly pulumi.CustomResource[];
}

export interface PlatformFirewall {
  firewallId: pulumi.Output<string>;
  /** Its rules and doors, where they are resources of their own: machines are made after them, and gone before them. */
  ready: readonly pulumi.Resource[];
  /** The door to the private addresses of machines, where none of them takes SSH from outside. */
  tunnel?: PlatformTunnel;
}

/** An EC2 Instance Connect Endpoint. */
export interface PlatformTunnel {
  endpointId: pulumi.Output<string>;
  dnsName: pulumi.Output<string>;
  region: string;
}

export interface PublicAddress {
  addressId: pulumi.Output<string>;
  /** The address that the machine uses, e.g. "203.0.113.10" or "2001:db8:0:1::1". */
  address: pulumi.Output<string>;
}

/** A machine's public addresses, as far as it is to have them. */
export interface PlatformAddresses {
  ipv4?: PublicAddress;
  ipv6?: PublicAddress;
  /** What they belong to, where that is not the machine: its network interface, with its private address. */
  networkInterface?: pulumi.CustomResource;
}

export interface MachineArgs {
  network: PlatformNetwork;
  firewall: PlatformFirewall;
  addresses: PlatformAddresses;
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
  /** It comes without a file system: the machine makes it, once. */
  blank?: true;
}

export interface PlatformMachine {
  /** The raw resource, for `deletedWith`. */
  resource: pulumi.Resource;
  serverId: pulumi.Output<string>;
  /** Its interface in the private network; what listens there waits for it. */
  privateInterface: pulumi.Resource;
}

/** The subnet of a tier, in a zone where there are such. @throws Error when there is none */
export function subnetOf(
  region: Region,
  subnets: readonly { about: Subnet; resource: pulumi.CustomResource }[],
  tier: Tier,
  zone?: string,
): pulumi.CustomResource {
  const found = subnets.find(({ about }) => about.tier === tier && about.zone === zone);
  if (!found) throw new Error(`${region.name} has no subnet for tier ${tier}${zone ? ` in ${zone}` : ""}`);
  return found.resource;
}
