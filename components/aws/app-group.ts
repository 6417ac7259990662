import * as pulumi from "@pulumi/pulumi";
import { BootPackage } from "../../providers/dukaan/sdk-boot-package.js";
import { InstanceRefresh } from "../../providers/dukaan/sdk-instance-refresh.js";
import { machineGroup } from "../../src/platform/aws/machine-group.js";
import type { ReleaseBucket } from "../../src/platform/platform.js";
import { base } from "../../src/roles/base/index.js";
import { type Machine, type MachineGroup, type Topology, memberOf } from "../../src/topology/topology.js";
import type { AppServers } from "../app-servers.js";
import type { ManagedLoadBalancer } from "../managed-load-balancer.js";
import type { Region } from "../region.js";

export interface AppGroupArgs {
  about: MachineGroup;
  topology: Topology;
  region: Region;
  /** Those beside which they are: a release is good there before it comes here. */
  app: AppServers;
  /** Hands requests to them. */
  balancer: ManagedLoadBalancer;
  /** Where what they boot from is. */
  releases: ReleaseBucket;
  /** OpenSSH public keys that may log in as root. */
  authorizedKeys: pulumi.Input<string>[];
}

/** Seconds for which a release's failures are counted once it is everywhere: CloudWatch is a minute or two behind. */
const bakeSeconds = 120;

/**
 * App servers that AWS starts and ends as the load asks for, in an Auto Scaling group. They get what the others get over SSH
 * from a package in a bucket, by themselves. Costs its machines, and $1 a month for the bucket's key. One that is lost is
 * replaced within the time of a boot, at any hour. A release takes some minutes, and AWS takes it back where machines do not
 * come up or answer with failures: then `up` fails and says so, and the servers beside the group have the release already.
 *
 * @example
 * new AppGroup("app-group", { about, topology, region, app, balancer, releases, authorizedKeys }, { parent: environment });
 */
export class AppGroup extends pulumi.ComponentResource {
  constructor(name: string, args: AppGroupArgs, options: pulumi.ComponentResourceOptions) {
    super("dukaan:index:AppGroup", name, {}, options);
    const { about, topology, region, balancer, releases } = args;
    const member = memberOf(topology, about);
    const { network } = region;
    const bootPackage = { bucket: releases, ...this.makePackage(name, args, member) };
    const firewall = region.firewallOf(member.tier);
    const { pool, service } = balancer;
    const group = machineGroup(
      { stack: topology.stack },
      about,
      { member, network, firewall, pool, service, bootPackage },
      { parent: this },
    );
    void new InstanceRefresh(
      name,
      { region: region.about.location, least: about.least, bakeSeconds, ...group },
      { parent: this },
    );
    this.registerOutputs({});
  }

  private makePackage(
    name: string,
    { topology, region, app, releases: { endpoint, bucket }, authorizedKeys }: AppGroupArgs,
    machine: Machine,
  ): { key: pulumi.Output<string>; digest: pulumi.Output<string> } {
    const { roles, release } = app.partsOf(machine);
    const { key, digest } = new BootPackage(
      name,
      {
        endpoint,
        region: region.about.location,
        bucket,
        roles: [base({ topology, machine, authorizedKeys }), ...roles],
        release,
      },
      { parent: this },
    );
    // Nothing boots from it before it is good on the servers beside, of which the first has migrated the database.
    return { key, digest: pulumi.all([digest, ...app.ready]).apply(([first]) => first!) };
  }
}
