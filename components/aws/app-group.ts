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
  /** The stack stays at a release that has served: its failures would bring back the one that was left for it. */
  held: boolean;
}

/** Seconds for which a release's failures are counted once it is everywhere: CloudWatch is a minute or two behind. */
const bakeSeconds = 120;

/**
 * App servers that AWS starts and ends as the load asks for, in an Auto Scaling group. They get what the others get over SSH
 * from a package in a bucket, by themselves. Costs its machines, and $1 a month for the bucket's key. One that is lost is
 * replaced within the time of a boot, at any hour. A release takes some minutes, and AWS takes it back where machines do not
 * come up or answer with failures: then `up` fails and says so, and the servers beside the group have the release already.
 * None begins while failures are counted already, but that of a rollback, which nothing takes back.
 *
 * @example
 * new AppGroup("app-group", { about, topology, region, app, balancer, releases, authorizedKeys, held: false }, { parent: environment });
 */
export class AppGroup extends pulumi.ComponentResource {
  constructor(name: string, args: AppGroupArgs, options: pulumi.ComponentResourceOptions) {
    super("dukaan:index:AppGroup", name, {}, options);
    const { about, topology, region, balancer, releases } = args;
    const member = memberOf(topology, about);
    const { network } = region;
    const { key, digest } = this.makePackage(name, args, member);
    const bootPackage = { bucket: releases, key, digest };
    const firewall = region.firewallOf(member.tier);
    const { pool, service } = balancer;
    const { alarms, ...group } = machineGroup(
      { stack: topology.stack },
      about,
      { member, network, firewall, pool, service, bootPackage },
      { parent: this },
    );
    void new InstanceRefresh(
      name,
      {
        region: region.about.location,
        least: about.least,
        bakeSeconds,
        ...group,
        alarms: args.held ? [] : alarms,
      },
      { parent: this },
    );
    this.registerOutputs({});
  }

  private makePackage(
    name: string,
    { topology, region, app, releases: { endpoint, bucket }, authorizedKeys }: AppGroupArgs,
    machine: Machine,
  ): BootPackage {
    const { roles, release } = app.partsOf(machine);
    return new BootPackage(
      name,
      {
        endpoint,
        region: region.about.location,
        bucket,
        roles: [base({ topology, machine, authorizedKeys }), ...roles],
        release,
        // A bad one is met there, and becomes no package; the first of them has migrated the database.
        after: app.ready,
      },
      { parent: this },
    );
  }
}
