import * as pulumi from "@pulumi/pulumi";
import type { ReleaseArgs } from "../providers/dukaan/sdk.js";
import type { Artifacts } from "../src/artifacts.js";
import type { BucketAccess } from "../src/platform/platform.js";
import * as apiRole from "../src/roles/api/index.js";
import { databaseAuthorityFile } from "../src/roles/pgbouncer/index.js";
import type { Settings } from "../src/settings/schema.js";
import type { Machine as AboutMachine } from "../src/topology/topology.js";
import type { ShopDatabase } from "./database.js";

/** A release of the app, whichever machine it is for and whichever way it is brought. */
export type AppRelease = Omit<
  ReleaseArgs,
  "connection" | "serverId" | "after" | "migrate" | "rotation" | "standbySeconds"
>;

export interface AppReleaseArgs {
  database: ShopDatabase;
  /** Where the shop is, e.g. "https://203.0.113.10": links in pages begin with it. */
  publicUrl: pulumi.Input<string>;
  /** Where pictures are; absent: there are none. */
  images: BucketAccess | undefined;
  /** How sign-in codes reach merchants. */
  sms: Settings["sms"];
  /** The bundled app and the Node.js that runs it, on this computer. */
  artifacts: Artifacts;
}

/** What of the app's environment is changed when somebody knows it, and never brought back with an earlier release. */
const credentials = [
  "DATABASE_URL",
  "MIGRATION_DATABASE_URL",
  "SESSION_SECRET",
  "SMS_WEBHOOK_SECRET",
  "IMAGES_ACCESS_KEY",
  "IMAGES_SECRET_KEY",
];

/**
 * What there is to know of a release on a machine of a certain size.
 * @param sessionSecret signs cookies; the same on every machine
 */
export function appRelease(
  about: AboutMachine,
  { artifacts, database, publicUrl, images, sms }: AppReleaseArgs,
  sessionSecret: pulumi.Output<string>,
): AppRelease {
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
    NODE_OPTIONS: apiRole.nodeOptions(about),
  };
  return {
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
