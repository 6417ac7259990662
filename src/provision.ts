import * as pulumi from "@pulumi/pulumi";
import { AppServers } from "../components/app-servers.js";
import { PublicCertificate } from "../components/public-certificate.js";
import { PublicName } from "../components/public-name.js";
import { Environment } from "../components/environment.js";
import { LoadBalancer } from "../components/load-balancer.js";
import type { Machine } from "../components/machine.js";
import { ObjectStorage, isOwn } from "../components/object-storage.js";
import { ManagedLoadBalancer } from "../components/managed-load-balancer.js";
import type { Region } from "../components/region.js";
import { topologyOf } from "../stacks/index.js";
import type { Artifacts } from "./artifacts.js";
import { loadPlatforms } from "./platform/load.js";
import type { PlatformTunnel, PublicFront } from "./platform/platform.js";
import { isProtected } from "./protection.js";
import { provisionDatabase } from "./provision-database.js";
import type { FailoverSettings } from "./settings/failover.js";
import type { Settings } from "./settings/schema.js";
import { renderTemplate } from "./template.js";
import { type Topology, isEntry } from "./topology/topology.js";

/** What a stack tells those who use it. */
export interface StackOutputs {
  /** Where the shop is, e.g. "https://203.0.113.10". */
  url: pulumi.Output<string>;
  stage: string;
  /** Where the shop's name is to lead where the provider's load balancer has no addresses of its own. */
  loadBalancer?: pulumi.Output<string>;
  /** The release of the app that serves. */
  release: pulumi.Output<string>;
  /** Digest of the bundle that the app stays at since a rollback. */
  held?: string;
  /** By machine. */
  addresses: Record<string, MachineAddresses>;
  /** Names of the machines that run a service, e.g. `{ "api": ["app-1"] }`. */
  services: Record<string, readonly string[]>;
  /** Names of groups of machines that the provider starts by itself, beside those. */
  groups?: readonly string[];
  /** Targets for ssh by machine, e.g. `{ "app-1": "root@203.0.113.10" }`; they want the deploy key. */
  ssh: Record<string, pulumi.Output<string>>;
  /** By machine: the doors through which those targets are reached. Absent: they are reached from everywhere. */
  tunnels?: Record<string, PlatformTunnel>;
  /** Opens every machine; OpenSSH PEM, secret. */
  deployKey: pulumi.Output<string>;
  /** Lines for ssh's known_hosts: the machines' own keys by address. */
  knownHosts: pulumi.Output<string>;
  /** PEM of the authority that signed the shop's certificate. */
  caCertificate: pulumi.Output<string>;
  /** Opens the backups; secret. Absent: there are none. */
  backupPassphrase?: pulumi.Output<string>;
  /** Markdown; its placeholders are Pulumi's. */
  readme: string;
}

export interface MachineAddresses {
  ipv4?: pulumi.Output<string>;
  ipv6?: pulumi.Output<string>;
  private: string;
}

/** Declares every resource of a stack. */
export async function provision(settings: Settings, artifacts: Artifacts): Promise<StackOutputs> {
  const topology = topologyOf(settings);
  const platforms = await loadPlatforms(topology, isProtected(settings));
  const environment = new Environment("shop", { settings, topology, platforms });
  const machinesFor = (service: string) =>
    topology.services
      .filter(({ name }) => name === service)
      .flatMap(({ machines }) => machines.map((name) => environment.machine(name)));
  const servers = machinesFor("api");
  const balancers = machinesFor("haproxy");
  const [entry] = machinesFor(topology.entries[0]?.service ?? "");
  const home = environment.regions[topology.regions[0]!.name]!;
  const front = frontOf(entry, home, environment);
  const [server] = servers;
  if (!front || !server) throw new Error(`stage ${topology.stage} lacks an entry or the app`);
  const url = pulumi.interpolate`https://${settings.domain ?? ("name" in front ? front.name : front.ipv4)}`;

  const storage = makeStorage(settings, topology, home, environment);
  const { database, backups } = await provisionDatabase(settings, topology, environment, storage);
  if (!settings.local && settings.sms === "log")
    void pulumi.log.warn(
      "sign-in codes go to the app's log (dukaan:sms): whoever can read it can sign in as anybody",
    );
  // The provider's load balancer has its own.
  const ours = ["nginx", "haproxy"].some((service) => isEntry(topology, service));
  const certificates = ours ? makeCertificates(settings, environment) : undefined;
  const app = new AppServers(
    "app",
    {
      machines: servers,
      topology,
      database,
      authority: environment.authority,
      internalAuthority: environment.internalAuthority,
      certificates,
      strictTransport: settings.acme !== undefined,
      publicUrl: url,
      images: isOwn(settings.images) ? storage?.bucket("images") : settings.images,
      sms: settings.sms,
      rollout: settings.rollout,
      artifacts,
    },
    { parent: environment },
  );

  const ways = [
    app,
    ...(balancers.length > 0
      ? [makeBalancer(balancers, servers, app, certificates, settings, environment)]
      : []),
    ...(home.balancer
      ? await makeManagedBalancer(settings, topology, home, servers, app, storage, environment)
      : []),
  ];
  const { domain, hostedZone } = settings;
  if (domain !== undefined && hostedZone !== undefined) {
    const args = { region: home, domain, hostedZone, front, after: ways };
    void new PublicName("shop", args, { parent: environment });
  }

  return {
    url,
    stage: topology.stage,
    ...("name" in front && { loadBalancer: front.name }),
    release: app.releaseOn(server),
    ...(settings.release !== undefined && { held: settings.release }),
    addresses: byMachine(environment, ({ ipv4, ipv6, about }) => ({
      ...(ipv4 && { ipv4 }),
      ...(ipv6 && { ipv6 }),
      private: about.privateAddress,
    })),
    services: Object.fromEntries(topology.services.map(({ name, machines }) => [name, machines])),
    ...(topology.groups && { groups: topology.groups.map(({ name }) => name) }),
    ssh: byMachine(environment, ({ connection }) => pulumi.interpolate`root@${connection.host}`),
    ...tunnels(environment),
    deployKey: environment.deployKey.privateKey,
    knownHosts: knownHosts(environment.machines),
    caCertificate: environment.authority.certificate,
    ...(backups && { backupPassphrase: backups.passphrase }),
    readme: renderTemplate("src/readme.md", { stack: topology.stack, stage: topology.stage }),
  };
}

/** Where the public comes, if it can. */
function frontOf(
  entry: Machine | undefined,
  { balancer }: Region,
  { floatingAddress }: Environment,
): PublicFront | undefined {
  if (floatingAddress) return { ipv4: floatingAddress.address };
  return entry ? { ipv4: entry.ipv4, ipv6: entry.ipv6 } : balancer?.front;
}

function makeBalancer(
  machines: readonly Machine[],
  servers: readonly Machine[],
  { ready }: AppServers,
  certificates: PublicCertificate | undefined,
  settings: Settings,
  parent: Environment,
): LoadBalancer {
  const { authority, internalAuthority, floatingAddress: address } = parent;
  const floating = address && { address, failover: requireFailover(settings) };
  const args = { machines, servers, authority, internalAuthority, certificates, after: ready, floating };
  return new LoadBalancer("balancer", args, { parent });
}

/** With the machines behind it that the provider starts by itself. Loads the SDK of its cloud for them alone. */
async function makeManagedBalancer(
  { acme, domain, hostedZone, operatorKeys, release }: Settings,
  topology: Topology,
  region: Region,
  servers: readonly Machine[],
  app: AppServers,
  storage: ObjectStorage | undefined,
  parent: Environment,
): Promise<pulumi.Resource[]> {
  const { authority, deployKey } = parent;
  const args = { region, servers, app, authority, domain, hostedZone, trusted: acme !== undefined };
  const balancer = new ManagedLoadBalancer("balancer", args, { parent });
  const [about] = topology.groups ?? [];
  if (!about || !storage) return [balancer];
  const { AppGroup } = await import("../components/aws/app-group.js");
  const { releases } = storage;
  const authorizedKeys = [deployKey.publicKey, ...operatorKeys];
  const held = release !== undefined;
  const group = { about, topology, region, app, balancer, releases, authorizedKeys, held };
  return [balancer, new AppGroup(about.name, group, { parent })];
}

/** Settings without it are those of a picture, or were checked before the local cloud was known. */
function requireFailover({ failover }: Settings): FailoverSettings {
  if (failover) return failover;
  throw new pulumi.RunError(
    "dukaan:failover is missing: balancers cannot tell the cloud who has the address",
  );
}

/** Certificates that browsers know, where there is a name for them. */
function makeCertificates(
  { acme, domain }: Settings,
  parent: pulumi.Resource,
): PublicCertificate | undefined {
  return acme && domain !== undefined
    ? new PublicCertificate("public", { settings: acme, domain }, { parent })
    : undefined;
}

/** The buckets that the stack is to make itself. */
function makeStorage(
  { backup, images }: Settings,
  { groups }: Topology,
  region: Region,
  parent: pulumi.Resource,
): ObjectStorage | undefined {
  const buckets = [
    ...(isOwn(backup) ? [{ name: "backups" as const, path: backup.path }] : []),
    ...(isOwn(images) ? [{ name: "images" as const }] : []),
    ...(groups ? [{ name: "releases" as const }] : []),
  ];
  return buckets.length > 0 ? new ObjectStorage("storage", { region, buckets }, { parent }) : undefined;
}

function byMachine<Value>(
  { machines }: Environment,
  valueOf: (machine: Machine) => Value,
): Record<string, Value> {
  return Object.fromEntries(machines.map((machine) => [machine.about.name, valueOf(machine)]));
}

function tunnels({ machines }: Environment): Pick<StackOutputs, "tunnels"> {
  const found = machines.flatMap(({ about, tunnel }) => (tunnel ? [[about.name, tunnel] as const] : []));
  return found.length > 0 ? { tunnels: Object.fromEntries(found) } : {};
}

function knownHosts(machines: readonly Machine[]): pulumi.Output<string> {
  const lines = machines.flatMap(({ about, tunnel, ipv4, ipv6, hostKey }) =>
    (tunnel ? [about.privateAddress] : [ipv4, ipv6])
      .filter((address) => address !== undefined)
      .map((address) => pulumi.interpolate`${address} ${hostKey}\n`),
  );
  return pulumi.all(lines).apply((all) => all.join(""));
}
