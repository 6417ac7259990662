import * as pulumi from "@pulumi/pulumi";
import type { SshKey } from "../providers/dukaan/sdk.js";
import type {
  Platform,
  PlatformFirewall,
  PlatformLoadBalancer,
  PlatformNetwork,
  PublicAddress,
} from "../src/platform/platform.js";
import type { Tier } from "../src/topology/addresses.js";
import { type Region as AboutRegion, type Topology, askingFrom } from "../src/topology/topology.js";
import { Machine } from "./machine.js";

export interface RegionArgs {
  about: AboutRegion;
  topology: Topology;
  platform: Platform;
  deployKey: SshKey;
  /** OpenSSH public keys of people. */
  operatorKeys: readonly string[];
}

/** One place where a stack runs: its private network, its firewalls, its machines. */
export class Region extends pulumi.ComponentResource {
  readonly about: AboutRegion;
  readonly platform: Platform;
  readonly network: PlatformNetwork;
  readonly machines: readonly Machine[];
  /** The provider's load balancer, where it is the public's way in: its addresses outlive whatever is behind it. */
  readonly balancer: PlatformLoadBalancer | undefined;
  /** Addresses that go from one machine to another, by name. */
  readonly floatingAddresses: Readonly<Record<string, PublicAddress>>;
  private readonly firewalls: ReadonlyMap<string, PlatformFirewall>;

  constructor(name: string, args: RegionArgs, options: pulumi.ComponentResourceOptions) {
    super("dukaan:index:Region", name, {}, options);
    this.about = args.about;
    this.platform = args.platform;
    this.network = this.makeNetwork(args);
    this.firewalls = args.platform.firewalls(this.network, args.topology, { parent: this });
    this.floatingAddresses = this.makeFloatingAddresses(args);
    this.machines = this.makeMachines(args);
    this.balancer = this.makeBalancer(args);
    this.registerOutputs({});
  }

  /** What filters the interfaces of a tier. @throws Error when the region has no such tier */
  firewallOf(tier: Tier): PlatformFirewall {
    const firewall = this.firewalls.get(tier);
    if (!firewall) throw new Error(`region ${this.about.name} has no subnet for tier ${tier}`);
    return firewall;
  }

  private makeNetwork({ platform, about, deployKey }: RegionArgs): PlatformNetwork {
    return platform.network(about, { loginKey: deployKey.publicKey }, { parent: this });
  }

  private makeBalancer({ platform, about, topology }: RegionArgs): PlatformLoadBalancer | undefined {
    const balancer = topology.loadBalancers?.find(
      (one) => one.region === about.name && askingFrom(one).length > 0,
    );
    if (!balancer) return undefined;
    const firewall = this.firewalls.get(balancer.name);
    return platform.loadBalancer(balancer, { network: this.network, firewall }, { parent: this });
  }

  private makeFloatingAddresses({ platform, about, topology }: RegionArgs): Record<string, PublicAddress> {
    const here = (topology.floatingAddresses ?? []).filter(({ region }) => region === about.name);
    return Object.fromEntries(
      here.map((address) => [address.name, platform.floatingAddress(address, about, { parent: this })]),
    );
  }

  private makeMachines({ platform, about, topology, deployKey, operatorKeys }: RegionArgs): Machine[] {
    const { network } = this;
    return topology.machines
      .filter(({ region }) => region === about.name)
      .map((machine) => {
        const firewall = this.firewallOf(machine.tier);
        return new Machine(
          machine.name,
          { about: machine, topology, platform, network, firewall, deployKey, operatorKeys },
          { parent: this },
        );
      });
  }
}
