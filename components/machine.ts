import * as pulumi from "@pulumi/pulumi";
import { type ConnectionArgs, Role, SshKey } from "../providers/dukaan/sdk.js";
import type {
  Platform,
  PlatformAddresses,
  PlatformFirewall,
  PlatformMachine,
  PlatformNetwork,
  PlatformTunnel,
  PlatformVolume,
} from "../src/platform/platform.js";
import { base } from "../src/roles/base/index.js";
import type { RoleDefinition } from "../src/roles/role.js";
import { volume } from "../src/roles/volume/index.js";
import type { Machine as AboutMachine, Topology } from "../src/topology/topology.js";

export interface MachineArgs {
  about: AboutMachine;
  topology: Topology;
  platform: Platform;
  network: PlatformNetwork;
  firewall: PlatformFirewall;
  deployKey: SshKey;
  /** OpenSSH public keys of people who may log in as root. */
  operatorKeys: readonly string[];
  /**
   * Last word on the raw arguments of the server.
   * @default they stay as they are
   * @example (args) => ({ ...args, backups: true })
   */
  transform?: (args: object) => object;
}

/**
 * A server: its addresses and its volume (which outlive it), its host key, itself, and the role `base` that every machine
 * has. If it is lost, `up` makes it anew with the same addresses, keys and volume; data that was only on its disk is gone.
 */
export class Machine extends pulumi.ComponentResource {
  readonly about: AboutMachine;
  readonly serverId: pulumi.Output<string>;
  readonly ipv4: pulumi.Output<string> | undefined;
  readonly ipv6: pulumi.Output<string> | undefined;
  /** Its SSH host key: `ssh-ed25519 AAAA… comment`. */
  readonly hostKey: pulumi.Output<string>;
  readonly connection: ConnectionArgs;
  /** Leads to its private address where SSH from outside does not reach it. */
  readonly tunnel: PlatformTunnel | undefined;
  /** Room where the database's files are, in GB: its volume's, else its own disk's. */
  readonly dataDiskGB: number;
  /** Digest of the role `base`, or of the volume's after it, for what must follow. */
  readonly ready: pulumi.Output<string>;
  /** Where the database's files are kept when the machine has a volume; it outlives the server. */
  private readonly volume: PlatformVolume | undefined;
  private readonly server: PlatformMachine;

  constructor(name: string, args: MachineArgs, options: pulumi.ComponentResourceOptions) {
    super("dukaan:index:Machine", name, {}, options);
    this.about = args.about;
    const disk = args.topology.volumes.find(({ machine }) => machine === args.about.name);
    this.dataDiskGB = disk?.sizeGB ?? args.about.diskGB;
    const addresses = args.platform.addresses(args.about, args, { parent: this });
    const hostKey = new SshKey(name, { comment: `host@${args.about.hostname}` }, { parent: this });
    this.ipv4 = addresses.ipv4?.address;
    this.ipv6 = addresses.ipv6?.address;
    this.hostKey = hostKey.publicKey;
    this.server = this.makeServer(args, hostKey, addresses);
    this.serverId = this.server.serverId;
    this.tunnel = args.firewall.tunnel;
    this.connection = this.connectionTo(args);
    this.volume = this.makeVolume(args);
    const configured = this.makeBase(args);
    this.ready = this.volume ? this.mountVolume(this.volume, configured) : configured;
    this.registerOutputs({});
  }

  /**
   * Applies a role to this machine. It goes away with the server and is applied anew to a new one.
   * @param parent the component that the role belongs to
   * @param after digests of what must be there before
   */
  role(
    parent: pulumi.Resource,
    definition: RoleDefinition,
    after: pulumi.Input<string>[] = [this.ready],
  ): Role {
    return new Role(
      `${this.about.name}-${definition.name}`,
      { ...definition, connection: this.connection, serverId: this.serverId, after },
      { parent, deletedWith: this.server.resource, dependsOn: this.server.privateInterface },
    );
  }

  /** Options for resources of which nothing is left when the server is gone. */
  get goesWithServer(): pulumi.CustomResourceOptions {
    return { deletedWith: this.server.resource };
  }

  private makeServer(
    { about, platform, network, firewall, deployKey, transform }: MachineArgs,
    hostKey: SshKey,
    addresses: PlatformAddresses,
  ): PlatformMachine {
    return platform.machine(
      about,
      { network, firewall, addresses, hostKey, loginKey: deployKey.publicKey, transform },
      { parent: this },
    );
  }

  private makeVolume({ about, topology, platform, network }: MachineArgs): PlatformVolume | undefined {
    const wanted = topology.volumes.find(({ machine }) => machine === about.name);
    const args = { region: network.region, server: this.server };
    return wanted && platform.volume(wanted, about, args, { parent: this });
  }

  /** All of PostgreSQL's own folder, so that a copy of the data can stand beside it while a backup is restored. */
  private mountVolume(
    { device, sizeGB, blank }: PlatformVolume,
    after: pulumi.Output<string>,
  ): pulumi.Output<string> {
    return this.role(this, volume({ device, sizeGB, path: "/var/lib/postgresql", blank }), [after]).digest;
  }

  private connectionTo({ about, deployKey }: MachineArgs): ConnectionArgs {
    const host = this.tunnel ? about.privateAddress : (this.ipv4 ?? this.ipv6);
    if (!host) throw new Error(`${about.name} has no public address to configure it over`);
    const { hostKey, tunnel } = this;
    return { host, user: "root", hostKey, privateKey: deployKey.privateKey, ...(tunnel && { tunnel }) };
  }

  private makeBase({ about, topology, deployKey, operatorKeys }: MachineArgs): pulumi.Output<string> {
    const definition = base({
      topology,
      machine: about,
      authorizedKeys: [deployKey.publicKey, ...operatorKeys],
    });
    return this.role(this, definition, []).digest;
  }
}
