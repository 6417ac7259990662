import * as pulumi from "@pulumi/pulumi";
import { RandomPassword } from "@pulumi/random/randomPassword.js";
import { Certificate, type CertificateAuthority, Release } from "../providers/dukaan/sdk.js";
import type { Artifacts } from "../src/artifacts.js";
import * as apiRole from "../src/roles/api/index.js";
import { nginx } from "../src/roles/nginx/index.js";
import { databaseAuthorityFile, pgbouncer } from "../src/roles/pgbouncer/index.js";
import type { Settings } from "../src/settings/schema.js";
import type { Database } from "./database.js";
import type { Machine } from "./machine.js";

/** What of the app's environment is changed when somebody knows it, and never brought back with an earlier release. */
const credentials = [
  "DATABASE_URL",
  "MIGRATION_DATABASE_URL",
  "SESSION_SECRET",
  "SMS_WEBHOOK_SECRET",
  "IMAGES_ACCESS_KEY",
  "IMAGES_SECRET_KEY",
];

export interface AppServersArgs {
  machines: readonly Machine[];
  database: Database;
  /** Signs the certificates of nginx. */
  authority: CertificateAuthority;
  /** Where the shop is, e.g. "https://203.0.113.10": links in pages begin with it. */
  publicUrl: pulumi.Input<string>;
  /** Where pictures are; absent: there are none. */
  images: Settings["images"];
  /** How sign-in codes reach merchants. */
  sms: Settings["sms"];
  /** The bundled app and the Node.js that runs it, on this computer. */
  artifacts: Artifacts;
  /**
   * Tell browsers to use HTTPS only, for a year.
   * @default false
   */
  strictTransport?: boolean;
}

/**
 * The app behind nginx, with PgBouncer beside it. Costs its machines. A machine that is lost takes its share of the
 * requests with it; an app that does not get ready is never switched to; while the database is away the app answers 503.
 *
 * @example
 * new AppServers("app", { machines, database, authority, publicUrl, images, sms: "log", artifacts }, { parent: environment });
 */
export class AppServers extends pulumi.ComponentResource {
  private readonly releases: ReadonlyMap<Machine, pulumi.Output<string>>;

  constructor(name: string, args: AppServersArgs, options: pulumi.ComponentResourceOptions) {
    super("dukaan:index:AppServers", name, {}, options);
    const sessionSecret = this.makeSessionSecret(name);
    this.releases = new Map(
      args.machines.map((machine) => {
        const after = [
          args.database.ready,
          this.makePool(machine, args),
          this.makeGround(machine),
          this.makeFront(machine, args),
        ];
        return [machine, this.makeRelease(machine, args, sessionSecret, after)];
      }),
    );
    this.registerOutputs({});
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

  private makePool(machine: Machine, { database }: AppServersArgs): pulumi.Output<string> {
    const definition = pgbouncer({
      databaseHost: database.endpoint.host,
      databaseAuthority: database.endpoint.authority,
      poolSize: database.sizing.poolSize,
      logins: database.logins,
    });
    return machine.role(this, definition).digest;
  }

  private makeGround(machine: Machine): pulumi.Output<string> {
    return machine.role(this, apiRole.api(machine.about)).digest;
  }

  private makeFront(machine: Machine, args: AppServersArgs): pulumi.Output<string> {
    const { about, ipv4, ipv6 } = machine;
    const certificate = new Certificate(
      about.name,
      {
        caCertificate: args.authority.certificate,
        caPrivateKey: args.authority.privateKey,
        commonName: about.dnsNames[0] ?? about.hostname,
        dnsNames: [...about.dnsNames],
        ipAddresses: [ipv4, ipv6].filter((address) => address !== undefined),
        validityDays: 397,
      },
      { parent: this },
    );
    const definition = nginx({
      cores: about.cores,
      certificate: certificate.certificate,
      privateKey: certificate.privateKey,
      strictTransport: args.strictTransport ?? false,
    });
    return machine.role(this, definition).digest;
  }

  private makeRelease(
    machine: Machine,
    { artifacts, database, publicUrl, images, sms }: AppServersArgs,
    sessionSecret: pulumi.Output<string>,
    after: pulumi.Output<string>[],
  ): pulumi.Output<string> {
    const { host, remote } = database.endpoint;
    const tls = !remote ? "" : `&sslmode=verify-full&sslrootcert=${databaseAuthorityFile}`;
    const databaseUrl = (where: string, port: number, options = "") =>
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
    const release = new Release(
      `${machine.about.name}-api`,
      {
        connection: machine.connection,
        serverId: machine.serverId,
        service: "api",
        bundle: artifacts.api,
        runtime: artifacts.node,
        modules: artifacts.modules,
        user: apiRole.user,
        environment,
        credentials: credentials.filter((variable) => variable in environment),
        migrate: ["migrate.mjs"],
        readySeconds: 30,
        after,
      },
      { parent: this, ...machine.goesWithServer },
    );
    return release.active;
  }
}

function imageBucket(images: Settings["images"]): Record<string, string> {
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
