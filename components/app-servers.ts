import * as pulumi from "@pulumi/pulumi";
import { RandomPassword } from "@pulumi/random/randomPassword.js";
import {
  type CertificateAuthority,
  Release,
  type ReleaseArgs,
  ReleaseCandidate,
} from "../providers/dukaan/sdk.js";
import * as apiRole from "../src/roles/api/index.js";
import { type BalancedArgs, managedLooks, nginx } from "../src/roles/nginx/index.js";
import { pgbouncer } from "../src/roles/pgbouncer/index.js";
import type { RoleDefinition } from "../src/roles/role.js";
import type { Settings } from "../src/settings/schema.js";
import { appServersAtMost, poolSize } from "../src/topology/connections.js";
import { addressesOf } from "../src/topology/firewall.js";
import { type Machine as AboutMachine, isEntry, type Topology } from "../src/topology/topology.js";
import { balancedPort, managedBalancer, managedPort } from "../stacks/fleet.js";
import { type AppRelease, type AppReleaseArgs, appRelease } from "./app-release.js";
import { internalCertificate } from "./internal-certificate.js";
import type { Machine } from "./machine.js";
import { ownCertificate, type PublicCertificate } from "./public-certificate.js";

/** Arguments of the release's Node.js. */
const migration = ["migrate.mjs"];

/** A release but for its place among the others. */
type PlacedRelease = AppRelease & Pick<ReleaseArgs, "connection" | "serverId">;

const balancerServices = ["haproxy", managedBalancer];

/** Takes a machine out of the balancers' rotation, and puts it back; see src/roles/nginx. */
const rotation = "/usr/local/lib/dukaan/rotation";

export interface AppServersArgs extends AppReleaseArgs {
  machines: readonly Machine[];
  /** Says whether the public comes to them, or balancers do. */
  topology: Topology;
  /** Signs what nginx shows to the public. */
  authority: CertificateAuthority;
  /** Signs what nginx shows to balancers. */
  internalAuthority: CertificateAuthority;
  /** One machine after the other, or all of them at once when it is good on all. */
  rollout: Settings["rollout"];
  /**
   * Certificates that browsers know, where the public's way in is here.
   * @default the stack's own authority signs
   */
  certificates?: PublicCertificate | undefined;
  /** Tell browsers to come by HTTPS only, for a year: where they know the certificate, whoever shows it. */
  strictTransport: boolean;
}

/**
 * The app behind nginx, with PgBouncer beside it. Costs its machines. A release goes to one machine after another, and
 * stops at the first on which it does not get ready: that one goes on with what it had. A machine that is lost takes the
 * requests with it that it was answering; while the database is away the app answers 503.
 *
 * @example
 * new AppServers("app", { machines, topology, database, authority, internalAuthority, publicUrl, images, sms: "log", artifacts }, { parent: environment });
 */
export class AppServers extends pulumi.ComponentResource {
  private readonly args: AppServersArgs;
  private readonly sessionSecret: pulumi.Output<string>;
  private readonly releases: ReadonlyMap<Machine, pulumi.Output<string>>;

  constructor(name: string, args: AppServersArgs, options: pulumi.ComponentResourceOptions) {
    super("dukaan:index:AppServers", name, {}, options);
    this.args = args;
    this.sessionSecret = this.makeSessionSecret(name);
    const fronts = this.makeFronts(args);
    const ready = args.machines.map((machine, index) => [
      args.database.ready,
      this.makePool(machine, args),
      this.makeGround(machine),
      fronts[index]!,
    ]);
    this.releases = this.rollOut(args, ready);
    this.registerOutputs({});
  }

  /** What serves on all machines, for what must follow it. */
  get ready(): pulumi.Output<string>[] {
    return [...this.releases.values()];
  }

  /** The release that serves on a machine. @throws Error when the app does not run there */
  releaseOn(machine: Machine): pulumi.Output<string> {
    const release = this.releases.get(machine);
    if (!release) throw new Error(`the app does not run on ${machine.about.name}`);
    return release;
  }

  /**
   * What makes an app server of a machine that nobody configures, and that only the provider's load balancer reaches: roles
   * in the order of their application, beside `base`, and the release.
   */
  partsOf(member: AboutMachine): { roles: RoleDefinition[]; release: AppRelease } {
    const balanced = wayForManaged(member, this.args.topology);
    if (!balanced) throw new Error(`no load balancer of the provider hands requests to ${member.name}`);
    const front = nginx({ cores: member.cores, balanced, strictTransport: this.args.strictTransport });
    return {
      roles: [poolRole(this.args), apiRole.api(member), front],
      release: appRelease(member, this.args, this.sessionSecret),
    };
  }

  /** Signs cookies; the same on every machine. */
  private makeSessionSecret(name: string): pulumi.Output<string> {
    return new RandomPassword(`${name}-session`, { length: 64, special: false }, { parent: this }).result;
  }

  private makePool(machine: Machine, args: AppServersArgs): pulumi.Output<string> {
    return machine.role(this, poolRole(args)).digest;
  }

  private makeGround(machine: Machine): pulumi.Output<string> {
    return machine.role(this, apiRole.api(machine.about)).digest;
  }

  /** One after the other: nginx closes its connections to balancers when it is reloaded, and one server at least must serve. */
  private makeFronts(args: AppServersArgs): pulumi.Output<string>[] {
    const fronts: pulumi.Output<string>[] = [];
    for (const machine of args.machines) fronts.push(this.makeFront(machine, args, fronts.slice(-1)));
    return fronts;
  }

  private makeFront(
    machine: Machine,
    args: AppServersArgs,
    before: pulumi.Output<string>[],
  ): pulumi.Output<string> {
    const own = isEntry(args.topology, "nginx") ? ownCertificate(machine, args.authority, this) : undefined;
    // The name leads to the first one alone, and authorities count what they sign for a name.
    const named = machine === args.machines[0] ? own : undefined;
    const issued = named && args.certificates?.on(machine, named, "nginx.service");
    const definition = nginx({
      cores: machine.about.cores,
      public: issued ?? own,
      balanced: this.makeWayForBalancers(machine, args),
      strictTransport: args.strictTransport,
    });
    const after = [machine.ready, ...before, ...(issued ? [issued.ready] : [])];
    return machine.role(this, definition, after).digest;
  }

  private makeWayForBalancers(
    { about }: Machine,
    { topology, internalAuthority }: AppServersArgs,
  ): BalancedArgs | undefined {
    const managed = wayForManaged(about, topology);
    if (managed) return managed;
    const balancers = addressesOf(topology, about, ["haproxy"], ["nginx"]);
    if (balancers.length === 0) return undefined;
    const tls = internalCertificate(about, "balanced", internalAuthority, this);
    return { address: about.privateAddress, port: balancedPort, balancers, tls };
  }

  private rollOut(
    args: AppServersArgs,
    ready: readonly pulumi.Output<string>[][],
  ): Map<Machine, pulumi.Output<string>> {
    const about = args.machines.map((machine) => ({
      ...appRelease(machine.about, args, this.sessionSecret),
      connection: machine.connection,
      serverId: machine.serverId,
    }));
    return args.rollout === "rolling" ? this.roll(args, about, ready) : this.switchAtOnce(args, about, ready);
  }

  /**
   * One machine after the other: a release that does not get ready, or is bad at once, is met on the first alone. That
   * one migrates the database for all of them.
   */
  private roll(
    { machines, topology }: AppServersArgs,
    about: readonly PlacedRelease[],
    ready: readonly pulumi.Output<string>[][],
  ): Map<Machine, pulumi.Output<string>> {
    const releases = new Map<Machine, pulumi.Output<string>>();
    for (const [index, machine] of machines.entries()) {
      const before = [...releases.values()].slice(-1);
      const balanced = addressesOf(topology, machine.about, balancerServices, ["nginx"]).length > 0;
      const release = this.makeRelease(machine, {
        ...about[index]!,
        ...(index === 0 && { migrate: migration }),
        ...(balanced && {
          rotation: { leave: [rotation, "leave", "120"], join: [rotation, "join", "seen"] },
        }),
        after: [...(ready[index] ?? []), ...before],
      });
      releases.set(machine, release);
    }
    return releases;
  }

  /**
   * Blue-green: started beside the one that serves on every machine, on the first before all others, because that one
   * migrates the database; switched to on all of them when it is good on all.
   */
  private switchAtOnce(
    { machines }: AppServersArgs,
    about: readonly PlacedRelease[],
    ready: readonly pulumi.Output<string>[][],
  ): Map<Machine, pulumi.Output<string>> {
    const candidates: pulumi.Output<string>[] = [];
    for (const [index, machine] of machines.entries()) {
      const { digest } = new ReleaseCandidate(
        releaseName(machine),
        {
          ...about[index]!,
          ...(index === 0 && { migrate: migration }),
          after: [...(ready[index] ?? []), ...candidates.slice(0, 1)],
        },
        { parent: this, ...machine.goesWithServer },
      );
      candidates.push(digest);
    }
    return new Map(
      machines.map((machine, index) => [
        machine,
        this.makeRelease(machine, { ...about[index]!, after: candidates }),
      ]),
    );
  }

  private makeRelease(machine: Machine, args: ReleaseArgs): pulumi.Output<string> {
    return new Release(releaseName(machine), args, { parent: this, ...machine.goesWithServer }).active;
  }
}

/** PgBouncer, with its part of the database's connections. */
function poolRole({ database, machines, topology }: AppServersArgs): RoleDefinition {
  return pgbouncer({
    databaseHost: database.endpoint.host,
    databaseAuthority: database.endpoint.authority,
    poolSize: poolSize(database.about, appServersAtMost(topology, machines.length)),
    logins: database.logins,
  });
}

/** How the provider's load balancer reaches a machine, where there is one. */
function wayForManaged(about: AboutMachine, topology: Topology): BalancedArgs | undefined {
  const balancers = addressesOf(topology, about, [managedBalancer], ["nginx"]);
  const region = topology.regions.find(({ name }) => name === about.region);
  if (balancers.length === 0 || !region) return undefined;
  const looks = managedLooks[region.provider];
  return { address: about.privateAddress, port: managedPort, balancers, looks };
}

function releaseName({ about }: Machine): string {
  return `${about.name}-api`;
}
