import * as pulumi from "@pulumi/pulumi";
import type { SshKey } from "../providers/dukaan/sdk.js";
import type { Platform, PlatformFirewall, PlatformNetwork } from "../src/platform/platform.js";
import type { Tier } from "../src/topology/addresses.js";
import { cloudRules } from "../src/topology/firewall.js";
import type { Region as AboutRegion, Topology } from "../src/topology/topology.js";
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
  readonly machines: readonly Machine[];

  constructor(name: string, args: RegionArgs, options: pulumi.ComponentResourceOptions) {
    super("dukaan:index:Region", name, {}, options);
    const network = this.makeNetwork(args);
    const firewalls = this.makeFirewalls(args);
    this.machines = this.makeMachines(args, network, firewalls);
    this.registerOutputs({});
  }

  private makeNetwork({ platform, about, deployKey }: RegionArgs): PlatformNetwork {
    return platform.network(about, { loginKey: deployKey.publicKey }, { parent: this });
  }

  private makeFirewalls({ platform, about, topology }: RegionArgs): Map<Tier, PlatformFirewall> {
    return new Map(
      about.subnets.map(({ tier }) => [
        tier,
        platform.firewall(about, tier, cloudRules(topology, tier), { parent: this }),
      ]),
    );
  }

  private makeMachines(
    { platform, about, topology, deployKey, operatorKeys }: RegionArgs,
    network: PlatformNetwork,
    firewalls: Map<Tier, PlatformFirewall>,
  ): Machine[] {
    return topology.machines
      .filter(({ region }) => region === about.name)
      .map((machine) => {
        const firewall = firewalls.get(machine.tier);
        if (!firewall) throw new Error(`region ${about.name} has no subnet for tier ${machine.tier}`);
        return new Machine(
          machine.name,
          { about: machine, topology, platform, network, firewall, deployKey, operatorKeys },
          { parent: this },
        );
      });
  }
}
