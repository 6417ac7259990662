import * as pulumi from "@pulumi/pulumi";

/**
 * The resources of the provider `dukaan` as Pulumi classes. They only hand their arguments over; the work is done in
 * the provider's own process (./main.ts). What must stay secret is marked here, so that a caller cannot forget it.
 */

/** The provider itself. Pulumi makes one by default; an own one starts earlier. */
export class Provider extends pulumi.ProviderResource {
  constructor(name: string, options?: pulumi.ResourceOptions) {
    super("dukaan", name, {}, options);
  }
}

/** An EC2 Instance Connect Endpoint, through which machines without SSH from the internet are reached. */
export interface TunnelArgs {
  /** e.g. `eice-0123456789abcdef0` */
  endpointId: pulumi.Input<string>;
  dnsName: pulumi.Input<string>;
  /** e.g. `us-east-1` */
  region: pulumi.Input<string>;
}

/** How to reach a machine over SSH. The host key is pinned: a machine that shows another one is refused. */
export interface ConnectionArgs {
  /** IPv4 or IPv6 address, or a name. */
  host: pulumi.Input<string>;
  /** @default 22 */
  port?: pulumi.Input<number>;
  user: "root";
  /** The machine's public host key, e.g. `ssh-ed25519 AAAA…`; a comment behind it is ignored. */
  hostKey: pulumi.Input<string>;
  /** The private key to log in with, OpenSSH PEM. */
  privateKey: pulumi.Input<string>;
  /** Leads to `host`, which is a private address then. @default none: `host` is dialled */
  tunnel?: TunnelArgs;
}

/** What cannot change without moving data. The preview fails when it does, unless `token` allows it. */
export interface StageArgs {
  /** One of the ten stages, e.g. `droplet`. */
  stage: pulumi.Input<string>;
  /** Where it runs: `hetzner` or `aws`. */
  provider: pulumi.Input<string>;
  /** The home region's location, e.g. `fsn1`. */
  location: pulumi.Input<string>;
  /** The machines' operating system image, e.g. `debian-12`. */
  image: pulumi.Input<string>;
  /** Addresses that others rely on, by name. */
  addresses?: pulumi.Input<Record<string, pulumi.Input<string>>>;
  /** Disks of the machines by name, in GB. */
  disks?: pulumi.Input<Record<string, pulumi.Input<number>>>;
  /** Volumes by machine, in GB. */
  volumes?: pulumi.Input<Record<string, pulumi.Input<number>>>;
  /** `managed` where the provider's load balancer is the public's way in. */
  loadBalancer?: pulumi.Input<string>;
  /** GB of a database that the provider runs; absent: machines of the stack do. */
  managedDatabase?: pulumi.Input<number>;
  /** How many machines share the address by which the public comes; absent: it is a machine's own. */
  addressShared?: pulumi.Input<number>;
  /** Allows one change; never stored. Set by `evolve` and `rebuild` alone. */
  token?: pulumi.Input<string>;
}

/** Guard: everything depends on it, so that a refused change stops the preview before anything else. */
export class Stage extends pulumi.CustomResource {
  /** The stage that is in force. */
  declare readonly stage: pulumi.Output<string>;

  constructor(name: string, args: StageArgs, options?: pulumi.CustomResourceOptions) {
    super("dukaan:index:Stage", name, { ...args }, options);
  }
}

export interface SshKeyArgs {
  /** Stands behind the public key, e.g. `deploy@lab`. */
  comment: pulumi.Input<string>;
}

/** An Ed25519 key pair. Used to log in to machines and as a machine's host key. */
export class SshKey extends pulumi.CustomResource {
  /** One line: `ssh-ed25519 AAAA… comment`. */
  declare readonly publicKey: pulumi.Output<string>;
  /** OpenSSH PEM; secret. */
  declare readonly privateKey: pulumi.Output<string>;

  constructor(name: string, args: SshKeyArgs, options?: pulumi.CustomResourceOptions) {
    super("dukaan:index:SshKey", name, { ...args, publicKey: undefined, privateKey: undefined }, options);
  }
}

export interface CertificateAuthorityArgs {
  commonName: pulumi.Input<string>;
  /** Days from creation; replaced when less than a third of them is left. */
  validityDays: pulumi.Input<number>;
  /** When given, the authority is valid for these domains and what is below them only, e.g. `["internal"]`. */
  permittedDnsDomains?: pulumi.Input<pulumi.Input<string>[]>;
  /** When given, the authority is valid for addresses in these CIDR ranges only, e.g. `["203.0.113.0/24"]`. */
  permittedIpRanges?: pulumi.Input<pulumi.Input<string>[]>;
}

/** A certificate authority of our own (ECDSA P-256) for machines that no public authority can see. */
export class CertificateAuthority extends pulumi.CustomResource {
  /** PEM. */
  declare readonly certificate: pulumi.Output<string>;
  /** PKCS #8 PEM; secret. */
  declare readonly privateKey: pulumi.Output<string>;
  /** ISO 8601. */
  declare readonly notAfter: pulumi.Output<string>;

  constructor(name: string, args: CertificateAuthorityArgs, options?: pulumi.CustomResourceOptions) {
    const outputs = { certificate: undefined, privateKey: undefined, notAfter: undefined };
    super("dukaan:index:CertificateAuthority", name, { ...args, ...outputs }, options);
  }
}

export interface CertificateArgs {
  /** PEM of the authority. */
  caCertificate: pulumi.Input<string>;
  /** PKCS #8 PEM of the authority's key. */
  caPrivateKey: pulumi.Input<string>;
  commonName: pulumi.Input<string>;
  dnsNames: pulumi.Input<pulumi.Input<string>[]>;
  ipAddresses: pulumi.Input<pulumi.Input<string>[]>;
  /** Days from issue. Renewed by an `up` when less than a third of them is left. */
  validityDays: pulumi.Input<number>;
}

/** A server certificate (ECDSA P-256) issued by a {@link CertificateAuthority}. */
export class Certificate extends pulumi.CustomResource {
  /** PEM: the certificate, then the authority's. */
  declare readonly certificate: pulumi.Output<string>;
  /** PKCS #8 PEM; secret. */
  declare readonly privateKey: pulumi.Output<string>;
  /** ISO 8601. */
  declare readonly notAfter: pulumi.Output<string>;

  constructor(name: string, args: CertificateArgs, options?: pulumi.CustomResourceOptions) {
    const outputs = { certificate: undefined, privateKey: undefined, notAfter: undefined };
    const inputs = { ...args, caPrivateKey: pulumi.secret(args.caPrivateKey) };
    super("dukaan:index:Certificate", name, { ...inputs, ...outputs }, options);
  }
}

export interface AcmeAccountArgs {
  /** Address of the authority's directory: another one is another account. */
  directory: pulumi.Input<string>;
}

/** The key of an account with an ACME authority (RFC 8555). */
export class AcmeAccount extends pulumi.CustomResource {
  /** PKCS #8 PEM; secret. */
  declare readonly privateKey: pulumi.Output<string>;
  /** Of its public part (RFC 7638), in base64url; it stands in every answer to the authority's questions. */
  declare readonly thumbprint: pulumi.Output<string>;

  constructor(name: string, args: AcmeAccountArgs, options?: pulumi.CustomResourceOptions) {
    const outputs = { privateKey: undefined, thumbprint: undefined };
    super("dukaan:index:AcmeAccount", name, { ...args, ...outputs }, options);
  }
}

export interface UserArgs {
  name: string;
  /** A user of the system: no ageing, a low id. @default true */
  system?: boolean;
  /** @default "/nonexistent" */
  home?: string;
  /** @default "/usr/sbin/nologin" */
  shell?: string;
  /** Further groups; they must exist once the packages are installed. The user's own group has the user's name. */
  groups?: string[];
}

export interface DirectoryArgs {
  /** Absolute. */
  path: string;
  owner: string;
  group: string;
  /** Octal, e.g. `0750`. */
  mode: string;
}

export interface FileArgs {
  /** Absolute. */
  path: string;
  content: pulumi.Input<string>;
  owner: string;
  group: string;
  /** Octal, e.g. `0640`. */
  mode: string;
  /** The content is a secret; only its hash is ever shown. A secret `content` has the same effect. @default false */
  secret?: boolean;
}

export interface ServiceArgs {
  /** systemd unit, e.g. `nginx` or `nginx.service`. */
  name: string;
  /** true: enabled at boot and running; false: stopped and disabled. */
  enabled: boolean;
  /** What a running service gets when a file of the role changed. */
  onChange: "restart" | "reload" | "none";
}

export interface CheckArgs {
  /** Program and arguments; succeeds with exit code 0. */
  command: string[];
  /** Tried again, twice a second, until then. */
  timeoutSeconds: number;
}

/**
 * What a machine is to have for one purpose. Applied in this order: packages, users, directories, files staged,
 * `validate`, files installed, services, `activate`, `checks`; a failure brings the previous files back.
 */
export interface RoleArgs {
  connection: ConnectionArgs;
  /** Id of the server; another id means another machine: the role is applied anew. */
  serverId: pulumi.Input<string>;
  /** Name of the role, unique on the machine, e.g. `nginx`. */
  name: string;
  /** Debian packages. Nothing that they bring is started before the files are in place: list it under `services`. */
  packages?: string[];
  users?: UserArgs[];
  directories?: DirectoryArgs[];
  /** A path that leaves this list is removed from the machine. */
  files?: FileArgs[];
  /**
   * Commands that must succeed before anything is switched. `{root}` stands for the directory that holds the new
   * files under their absolute paths: `["nginx", "-t", "-c", "{root}/etc/nginx/nginx.conf"]`.
   */
  validate?: string[][];
  /** In the order in which they are started. */
  services?: ServiceArgs[];
  /** Idempotent commands after the services run, at every application, e.g. `psql -f …`. No secrets: argv is public. */
  activate?: string[][];
  /** Must succeed in the end; else the role is rolled back and the program's own message shown. */
  checks?: CheckArgs[];
  /** Digests of roles and releases that this one must follow; they order, nothing else. */
  after?: pulumi.Input<string>[];
}

/** Software and configuration on one machine. */
export class Role extends pulumi.CustomResource {
  /** Identifies what was applied (files with owner and mode, packages, services, commands). */
  declare readonly digest: pulumi.Output<string>;
  /** SHA-256 of each file on the machine, by path. */
  declare readonly fileDigests: pulumi.Output<Record<string, string>>;

  constructor(name: string, args: RoleArgs, options?: pulumi.CustomResourceOptions) {
    const inputs = { ...args, connection: sealConnection(args.connection), files: sealFiles(args.files) };
    super("dukaan:index:Role", name, { ...inputs, digest: undefined, fileDigests: undefined }, options);
  }
}

export interface ReleaseArgs {
  connection: ConnectionArgs;
  /** Id of the server; another id means another machine: the release is made anew. */
  serverId: pulumi.Input<string>;
  /** e.g. `api`: runs as `dukaan-api@<id>.service`, a template unit that a role installs. */
  service: string;
  /** What to run. `directory` is on this computer and may differ between two of them; the digest counts. */
  bundle: { directory: pulumi.Input<string>; digest: pulumi.Input<string> };
  /** Node.js as a tar.gz with `bin/node`, on this computer; sent once per machine. */
  runtime: { archive: pulumi.Input<string>; version: pulumi.Input<string>; digest: pulumi.Input<string> };
  /** What cannot be part of a bundle, such as native modules: a tar.gz with `node_modules/`; sent once per machine. */
  modules?: { archive: pulumi.Input<string>; digest: pulumi.Input<string> };
  /** Runs the service and the migration; must exist (a role makes it). Its group may read the environment. */
  user: string;
  /**
   * Environment of the service and the migration; all of it is treated as secret. `LISTEN_SOCKET` and `RELEASE_ID`
   * are added.
   */
  environment: Record<string, pulumi.Input<string>>;
  /**
   * Names of variables that are credentials. A release that comes back later gets those of the release that it comes
   * back for: its own may have been changed since, because somebody knew them. @default none
   */
  credentials?: string[];
  /** Arguments of the runtime that migrate the database, e.g. `["migrate.mjs"]`, run before the switch. */
  migrate?: string[];
  /**
   * Commands around the switch: the machine leaves the rotation of its balancers once the new instance is ready, and
   * joins it again when that serves, or when it was rolled back. @default the machine stays
   */
  rotation?: { leave: string[]; join: string[] };
  /** Must succeed after the switch; else the previous release serves again. */
  checks?: CheckArgs[];
  /** Seconds until `/readyz` must answer. @default 60 */
  readySeconds?: number;
  /**
   * Seconds for which the previous instance goes on beside the new one: nginx turns to it when the new one takes no
   * connection, and when the new one ends by itself the machine goes back to it for good. @default 180
   */
  standbySeconds?: number;
  /** Digests of roles and releases that this one must follow; they order, nothing else. */
  after?: pulumi.Input<string>[];
}

/**
 * One service's release on one machine. Layout: `/opt/dukaan/releases/<service>/<id>/` with `app/` (the bundle),
 * `env` (an EnvironmentFile, 0640) and `runtime` (symlink: `runtime/bin/node`); `current` beside it.
 * A second instance starts on `/run/dukaan/<service>-<id>.sock`; when it is ready, `/run/dukaan/<service>.sock` is
 * switched to it and the old one is drained.
 */
export class Release extends pulumi.CustomResource {
  /** The release that serves: hash of bundle, runtime and environment. */
  declare readonly active: pulumi.Output<string>;
  /** Same, for `after` of others. */
  declare readonly digest: pulumi.Output<string>;

  constructor(name: string, args: ReleaseArgs, options?: pulumi.CustomResourceOptions) {
    const inputs = { ...sealRelease(args), digest: undefined, active: undefined };
    super("dukaan:index:Release", name, inputs, options);
  }
}

/**
 * The same release on the same machine, started and looked at beside the one that serves, and sent to nobody: its first page
 * must not fail, and it must live for two seconds. A {@link Release} with the same arguments switches to it; where none does
 * it ends by itself after a quarter of an hour.
 */
export class ReleaseCandidate extends pulumi.CustomResource {
  /** The release that is ready. */
  declare readonly active: pulumi.Output<string>;
  /** Same, for `after` of others. */
  declare readonly digest: pulumi.Output<string>;

  constructor(
    name: string,
    args: Omit<ReleaseArgs, "rotation" | "standbySeconds">,
    options?: pulumi.CustomResourceOptions,
  ) {
    const inputs = { ...sealRelease(args), digest: undefined, active: undefined };
    super("dukaan:index:ReleaseCandidate", name, inputs, options);
  }
}

/** By path, so that a diff names the file; the path itself is never a secret. */
export function sealFiles(files: FileArgs[] = []): Record<string, Omit<FileArgs, "path">> {
  return Object.fromEntries(
    files.map(({ path, ...file }) => [
      path,
      file.secret ? { ...file, content: pulumi.secret(file.content) } : file,
    ]),
  );
}

function sealRelease<Args extends Pick<ReleaseArgs, "connection" | "environment">>(args: Args): Args {
  return {
    ...args,
    connection: sealConnection(args.connection),
    environment: sealEnvironment(args.environment),
  };
}

/** All of it is treated as secret. */
export function sealEnvironment(environment: ReleaseArgs["environment"]): ReleaseArgs["environment"] {
  return Object.fromEntries(Object.entries(environment).map(([key, value]) => [key, pulumi.secret(value)]));
}

function sealConnection(connection: ConnectionArgs): ConnectionArgs {
  return { ...connection, privateKey: pulumi.secret(connection.privateKey) };
}
