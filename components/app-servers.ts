import * as pulumi from "@pulumi/pulumi";
import { RandomPassword } from "@pulumi/random/randomPassword.js";
import {
  type CertificateAuthority,
  Release,
  type ReleaseArgs,
  ReleaseCandidate,
} from "../providers/dukaan/sdk.js";
import type { Artifacts } from "../src/artifacts.js";
import type { BucketAccess } from "../src/platform/platform.js";
import * as apiRole from "../src/roles/api/index.js";
import { type BalancedArgs, managedLooks, nginx } from "../src/roles/nginx/index.js";
import { databaseAuthorityFile, pgbouncer } from "../src/roles/pgbouncer/index.js";
import type { Settings } from "../src/settings/schema.js";
import { poolSize } from "../src/topology/connections.js";
import { addressesOf } from "../src/topology/firewall.js";
import { isEntry, type Topology } from "../src/topology/topology.js";
import { balancedPort, managedBalancer, managedPort } from "../stacks/fleet.js";
import type { ShopDatabase } from "./database.js";
import { internalCertificate } from "./internal-certificate.js";
import type { Machine } from "./machine.js";
import { ownCertificate, type PublicCertificate } from "./public-certificate.js";

/** What of the app's environment is changed when somebody knows it, and never brought back with an earlier release. */
const credentials = [
  "DATABASE_URL",
  "MIGRATION_DATABASE_URL",
  "SESSION_SECRET",
  "SMS_WEBHOOK_SECRET",
  "IMAGES_ACCESS_KEY",
  "IMAGES_SECRET_KEY",
];

/** Arguments of the release's Node.js. */
const migration = ["migrate.mjs"];

/** A release but for its place among the others. */
type AboutRelease = Omit<ReleaseArgs, "after" | "migrate" | "rotation" | "standbySeconds">;

const balancerServices = ["haproxy", managedBalancer];

/** Takes a machine out of the balancers' rotation, and puts it back; see src/roles/nginx. */
const rotation = "/usr/local/lib/dukaan/rotation";

export interface AppServersArgs {
  machines: readonly Machine[];
  /** Says whether the public comes to them, or balancers do. */
  topology: Topology;
  database: ShopDatabase;
  /** Signs what nginx shows to the public. */
  authority: CertificateAuthority;
  /** Signs what nginx shows to balancers. */
  internalAuthority: CertificateAuthority;
  /** Where the shop is, e.g. "https://203.0.113.10": links in pages begin with it. */
  publicUrl: pulumi.Input<string>;
  /** Where pictures are; absent: there are none. */
  images: BucketAccess | undefined;
  /** How sign-in codes reach merchants. */
  sms: Settings["sms"];
  /** One machine after the other, or all of them at once when it is good on all. */
  rollout: Settings["rollout"];
  /** The bundled app and the Node.js that runs it, on this computer. */
  artifacts: Artifacts;
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
  private readonly releases: ReadonlyMap<Machine, pulumi.Output<string>>;

  constructor(name: string, args: AppServersArgs, options: pulumi.ComponentResourceOptions) {
    super("dukaan:index:AppServers", name, {}, options);
    const sessionSecret = this.makeSessionSecret(name);
    const fronts = this.makeFronts(args);
    const ready = args.machines.map((machine, index) => [
      args.database.ready,
      this.makePool(machine, args),
      this.makeGround(machine),
      fronts[index]!,
    ]);
    this.releases = this.rollOut(args, sessionSecret, ready);
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

  /** Signs cookies; the same on every machine. */
  private makeSessionSecret(name: string): pulumi.Output<string> {
    return new RandomPassword(`${name}-session`, { length: 64, special: false }, { parent: this }).result;
  }

  private makePool(machine: Machine, { database, machines }: AppServersArgs): pulumi.Output<string> {
    const definition = pgbouncer({
      databaseHost: database.endpoint.host,
      databaseAuthority: database.endpoint.authority,
      poolSize: poolSize(database.about, machines.length),
      logins: database.logins,
    });
    return machine.role(this, definition).digest;
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
    const address = about.privateAddress;
    const provided = addressesOf(topology, about, [managedBalancer], ["nginx"]);
    const region = topology.regions.find(({ name }) => name === about.region);
    if (provided.length > 0 && region)
      return { address, port: managedPort, balancers: provided, looks: managedLooks[region.provider] };
    const balancers = addressesOf(topology, about, ["haproxy"], ["nginx"]);
    if (balancers.length === 0) return undefined;
    const tls = internalCertificate(about, "balanced", internalAuthority, this);
    return { address, port: balancedPort, balancers, tls };
  }

  private rollOut(
    args: AppServersArgs,
    sessionSecret: pulumi.Output<string>,
    ready: readonly pulumi.Output<string>[][],
  ): Map<Machine, pulumi.Output<string>> {
    const about = args.machines.map((machine) => this.aboutRelease(machine, args, sessionSecret));
    return args.rollout === "rolling" ? this.roll(args, about, ready) : this.switchAtOnce(args, about, ready);
  }

  /**
   * One machine after the other: a release that does not get ready, or is bad at once, is met on the first alone. That
   * one migrates the database for all of them.
   */
  private roll(
    { machines, topology }: AppServersArgs,
    about: readonly AboutRelease[],
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
    about: readonly AboutRelease[],
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

  /** What there is to know of a release, whichever way it is brought. */
  private aboutRelease(
    machine: Machine,
    { artifacts, database, publicUrl, images, sms }: AppServersArgs,
    sessionSecret: pulumi.Output<string>,
  ): AboutRelease {
    const { host, remote } = database.endpoint;
    const tls = !remote ? "" : `&sslmode=verify-full&sslrootcert=${databaseAuthorityFile}`;
    const databaseUrl = (where: pulumi.Input<string>, port: number, options = "") =>
      pulumi.interpolate`postgresql://${database.user}:${database.password}@/shop?host=${where}&port=${port}${options}`;
    const environment: Record<string, pulumi.Input<string>> = {
      DATABASE_URL: databaseUrl("/run/pgbouncer", 6432),
      // Migrations take locks for as long as a session lasts: past the pool.
      MIGRATION_DATABASE_URL: databaseUrl(host, 5432, tls),
      PUBLIC_URL: publicUrl,
      SESSION_SECRET: sessionSecret,
      ...imageBucket(images),
      ...smsGateway(sms),
      NODE_OPTIONS: apiRole.nodeOptions(machine.about),
    };
    return {
      connection: machine.connection,
      serverId: machine.serverId,
      service: "api",
      bundle: artifacts.api,
      runtime: artifacts.node,
      modules: artifacts.modules,
      user: apiRole.user,
      environment,
      credentials: credentials.filter((variable) => variable in environment),
      readySeconds: 30,
    };
  }
}

function releaseName({ about }: Machine): string {
  return `${about.name}-api`;
}

function imageBucket(images: BucketAccess | undefined): Record<string, pulumi.Input<string>> {
  if (!images) return {};
  return {
    IMAGES_ENDPOINT: images.endpoint,
    IMAGES_REGION: images.region,
    IMAGES_BUCKET: images.bucket,
    IMAGES_ACCESS_KEY: images.accessKey,
    IMAGES_SECRET_KEY: images.secretKey,
    // One line: what changes a release's environment on the machine goes by lines.
    ...(images.caCertificate !== undefined && {
      IMAGES_CA_CERTIFICATE: Buffer.from(images.caCertificate).toString("base64"),
    }),
  };
}

function smsGateway(sms: Settings["sms"]): Record<string, string> {
  return sms === "log" ? { SMS_GATEWAY: "log" } : { SMS_GATEWAY: sms.url, SMS_WEBHOOK_SECRET: sms.secret };
}
