/**
 * What the API of the local cloud needs of the computer it runs on: namespaces, disks, limits, processes.
 *
 * The API decides what should be; a Host makes it so. Every method is idempotent: it brings the named thing to
 * the stated condition, whatever an interrupted earlier call left, so that a restarted server can simply ask again.
 * Ids are the API's own ids as decimal text. Every method rejects with HostError when the computer refuses.
 */
export interface Host {
  /** Prepares the instance: state folders, world namespace, host link and routes, lxcfs, parent cgroups. */
  up(): Promise<void>;

  /** Removes every trace of the instance from the computer: processes, namespaces, mounts, cgroups, routes, loop devices, files. */
  down(): Promise<void>;

  /** Makes a machine's disk (empty overlay above the image), namespace and addresses. Does not start it. */
  createMachine(machine: MachineSpec): Promise<void>;

  /**
   * Switches a machine off and gives it a new disk, empty or (`imageId`) as an image has it; user-data, addresses,
   * networks and volumes stay.
   */
  rebuildMachine(id: string, imageId?: string): Promise<void>;

  /** Starts the machine's init; resolves when init runs (not when cloud-init is done). No-op when it runs. */
  startMachine(id: string): Promise<void>;

  /** Asks init to power off (as an ACPI button press); resolves when it is off, false if it was not off in time. */
  shutdownMachine(id: string, timeoutSeconds: number): Promise<boolean>;

  /** Cuts the power: network first, then every process. Disk is kept. No-op when it is off. */
  powerOffMachine(id: string): Promise<void>;

  /** Removes the machine with its disk and namespace. No-op when there is none. */
  removeMachine(id: string): Promise<void>;

  /** New limits for a machine that is off; growing the disk grows its file system. Never shrinks a disk. */
  resizeMachine(id: string, limits: MachineLimits): Promise<void>;

  /** Sets exactly these public addresses (they may change over a machine's life, also while it runs). */
  setPublicAddresses(id: string, addresses: PublicAddresses): Promise<void>;

  /** Makes or updates a private network's router: its ranges and its static routes. */
  setNetwork(network: NetworkSpec): Promise<void>;

  /** Removes a private network; its machines must have been detached. */
  removeNetwork(id: string): Promise<void>;

  /** Ids of the private networks on this computer. */
  networks(): Promise<string[]>;

  /** Gives a machine an interface in a private network, or updates its addresses there. */
  attachNetwork(machineId: string, attachment: NetworkAttachment): Promise<void>;

  /** Takes that interface away. */
  detachNetwork(machineId: string, networkId: string): Promise<void>;

  /** Makes a volume, empty or with an empty file system. No-op when it is there. */
  createVolume(volume: VolumeSpec): Promise<void>;

  /** Grows a volume, also while a machine uses it; its file system stays as it is. Never shrinks. */
  resizeVolume(id: string, sizeBytes: number): Promise<void>;

  /** Removes a volume with its data; it must have been detached. No-op when there is none. */
  removeVolume(id: string): Promise<void>;

  /** Gives a machine a volume, now or at its next start; `automount`: mounted there at /mnt/HC_Volume_<id>. */
  attachVolume(machineId: string, volumeId: string, automount: boolean): Promise<void>;

  /** Takes it away: unmounted or, where it is in use, pulled out. */
  detachVolume(machineId: string, volumeId: string): Promise<void>;

  /** Ids of the volumes on this computer. */
  volumes(): Promise<string[]>;

  /**
   * The firewall before the machine's public interface, stateful, replaced as a whole; `undefined`: no firewall.
   * Private interfaces are never filtered.
   */
  setFirewall(machineId: string, firewall: FirewallSpec | undefined): Promise<void>;

  readonly loadBalancers: LoadBalancerHost;

  readonly images: ImageHost;

  readonly names: NameHost;

  /** The machines that exist on this computer for this instance, running or not. Used to reconcile after a crash. */
  machines(): Promise<MachineStatus[]>;

  /** What those machines have used; those that do not run are left out. */
  usage(ids: string[]): Promise<MachineUsage[]>;

  /**
   * Called when a machine's init ended by itself: "reboot" (the guest asked for one: the Host has started it again
   * already), "poweroff" (the guest switched itself off) or "crash" (its process was killed).
   */
  onExit(listener: (id: string, how: "reboot" | "poweroff" | "crash") => void): void;

  /** Stops watching; leaves every machine running (the server is going away, not the cloud). */
  close(): Promise<void>;
}

export interface MachineLimits {
  /** Virtual CPUs; enforced as a CPU quota. */
  cores: number;
  /** Bytes of memory; enforced, and seen by the guest in its /proc/meminfo. */
  memoryBytes: number;
  /** Bytes of disk; enforced. */
  diskBytes: number;
}

export interface MachineSpec {
  id: string;
  /** Host name, a DNS label. */
  name: string;
  /** Name of a base image, e.g. "debian-12". */
  image: string;
  /** Id of an image that its disk starts as a copy of; undefined: the base image as it is. */
  imageId?: string | undefined;
  limits: MachineLimits;
  /** As given by the client; empty for none. */
  userData: string;
  /** OpenSSH public keys that cloud-init gives to root. */
  authorizedKeys: string[];
  addresses: PublicAddresses;
  /** undefined: none. */
  firewall?: FirewallSpec | undefined;
}

export interface PublicAddresses {
  /** e.g. "203.0.113.5"; undefined: no public IPv4. */
  ipv4?: string | undefined;
  /** e.g. "2001:db8:1:7::/64"; the machine takes ::1 of it; undefined: no public IPv6. */
  ipv6Network?: string | undefined;
  /** Addresses that are routed to the machine as well; its guest has to take them itself, as at Hetzner. */
  floatingIpv4?: string[] | undefined;
  /** Likewise, e.g. "2001:db8:1:9::/64". */
  floatingIpv6Networks?: string[] | undefined;
}

export interface NetworkSpec {
  id: string;
  /** e.g. "10.0.0.0/16"; the gateway is its first host. */
  ipRange: string;
  routes: { destination: string; gateway: string }[];
}

export interface NetworkAttachment {
  networkId: string;
  ip: string;
  aliasIps: string[];
  macAddress: string;
}

export interface VolumeSpec {
  id: string;
  sizeBytes: number;
  /** Undefined: no file system. */
  format?: "ext4" | "xfs" | undefined;
}

/** Copies of machines' disks. */
export interface ImageHost {
  /**
   * Makes an image of a machine's disk, also while it runs: consistent, as after a power cut.
   * Resolves to the bytes that it takes. No-op when it is there.
   */
  create(machineId: string, imageId: string): Promise<number>;

  /** Removes an image; machines that were made from it stay. No-op when there is none. */
  remove(id: string): Promise<void>;

  /** Ids of those on this computer. */
  ids(): Promise<string[]>;

  /** Ends what is being copied, and copies no more; who asked for it is told so. */
  stop(): void;
}

/** The instance's name server, at the world's own address. */
export interface NameHost {
  /**
   * Has it answer for exactly these zones; without any it does not run.
   *
   * @throws ZonesRefused when it does not take some of them; it answers for the others, and for these as before
   */
  set(zones: ZoneFile[]): Promise<void>;
}

export interface ZoneFile {
  /** Lower case, without a dot at the end. */
  name: string;
  /** Of its SOA record; another one whenever the text is another. */
  serial: number;
  /** In the format of RFC 1035. */
  text: string;
}

/** The instance's load balancers. */
export interface LoadBalancerHost {
  /** Makes one, or brings one to what is stated; connections that are open stay so. */
  set(balancer: LoadBalancerSpec): Promise<void>;

  /** Removes one. No-op when there is none. */
  remove(id: string): Promise<void>;

  /** Ids of those on this computer. */
  ids(): Promise<string[]>;

  /** How its targets do, and what went through it since it was last changed. */
  state(id: string): Promise<LoadBalancerState>;
}

export interface LoadBalancerSpec {
  id: string;
  addresses: PublicAddresses;
  network?: NetworkAttachment | undefined;
  algorithm: "round_robin" | "least_connections";
  maxConnections: number;
  services: LoadBalancerService[];
  /** `id`: a server's id or an address; how it is named in LoadBalancerState. */
  targets: { id: string; address: string }[];
}

/** Times in seconds. */
export interface LoadBalancerService {
  protocol: "tcp" | "http" | "https";
  listenPort: number;
  destinationPort: number;
  proxyProtocol: boolean;
  /** Of http and https. */
  http?:
    | {
        stickySessions: boolean;
        cookieName: string;
        cookieLifetime: number;
        redirectHttp: boolean;
        timeoutIdle: number;
      }
    | undefined;
  /** Of https: PEM, each a chain and its private key; the first is for clients that name no host. */
  certificates: string[];
  healthCheck: {
    port: number;
    interval: number;
    timeout: number;
    /** Failures in a row that make a target unhealthy. */
    retries: number;
    http?:
      | {
          /** Value of the Host header; empty: none. */
          domain: string;
          path: string;
          /** Text that the answer must contain; empty: any. */
          response: string;
          /** "200", or "2??". */
          statusCodes: string[];
          tls: boolean;
        }
      | undefined;
  };
}

export interface LoadBalancerState {
  targets: { listenPort: number; id: string; health: "healthy" | "unhealthy" | "unknown" }[];
  openConnections: number;
  /** Since its process was started, as all that follow. */
  connections: number;
  requests: number;
  bytesIn: number;
  bytesOut: number;
}

export interface FirewallSpec {
  /** With any firewall, inbound traffic that no rule allows is dropped. */
  inbound: FirewallRule[];
  /** Outbound traffic passes unless there is at least one outbound rule; then only what the rules allow. */
  outbound: FirewallRule[];
}

export interface FirewallRule {
  protocol: "tcp" | "udp" | "icmp" | "esp" | "gre";
  /** Remote CIDRs, IPv4 and IPv6: sources for inbound, destinations for outbound. */
  remotes: string[];
  /** "80" or "80-85"; undefined: every port. Only tcp and udp have one. */
  port?: string | undefined;
}

/** What a machine has used since it was switched on; of its network: the public interface. */
export interface MachineUsage {
  id: string;
  cpuSeconds: number;
  diskReads: number;
  diskWrites: number;
  diskBytesRead: number;
  diskBytesWritten: number;
  packetsIn: number;
  packetsOut: number;
  bytesIn: number;
  bytesOut: number;
}

export interface MachineStatus {
  id: string;
  running: boolean;
}

/** The computer refused: `what` was tried, `where`, and what a person can do about it. */
export class HostError extends Error {
  constructor(
    readonly what: string,
    readonly remedy: string,
    options?: ErrorOptions,
  ) {
    super(`${what}. ${remedy}`, options);
    this.name = "HostError";
  }
}

/** The name server does not take some zones. */
export class ZonesRefused extends HostError {
  /** @param reasons by the zone's name */
  constructor(readonly reasons: ReadonlyMap<string, string>) {
    const all = [...reasons].map(([zone, reason]) => `${zone}: ${reason}`).join("; ");
    super(`the name server does not take the zone ${all}`, "Look at its record sets.");
  }
}
