import { type CloudServer, type HetznerAccess, listLabelled } from "../hetzner-api.js";
import type { StateResource } from "./state.js";

/** Something in the cloud that bears this stack's label and is not in its state. */
export interface Orphan {
  /** Type of the Pulumi resource, e.g. "hcloud:index/server:Server". */
  type: string;
  /** As the state would have it. */
  id: string;
  /** For a person, e.g. "server lab-app-1 (4711)". */
  title: string;
  /** Whether a resource with these inputs would be it. */
  matches: (inputs: Record<string, unknown>) => boolean;
}

export interface CloudView {
  orphans: Orphan[];
  /** Servers of this stack, orphans among them. */
  servers: CloudServer[];
  /** Labelled things that the state knows. */
  known: number;
  /** URNs of what the state has and the cloud, it seems, has no more. */
  missing: string[];
}

const types = {
  servers: "hcloud:index/server:Server",
  networks: "hcloud:index/network:Network",
  firewalls: "hcloud:index/firewall:Firewall",
  primary_ips: "hcloud:index/primaryIp:PrimaryIp",
  floating_ips: "hcloud:index/floatingIp:FloatingIp",
  ssh_keys: "hcloud:index/sshKey:SshKey",
  volumes: "hcloud:index/volume:Volume",
  load_balancers: "hcloud:index/loadBalancer:LoadBalancer",
  certificates: "hcloud:index/uploadedCertificate:UploadedCertificate",
} as const;

/** Of the same kind in the cloud as uploaded ones. */
const managedCertificateType = "hcloud:index/managedCertificate:ManagedCertificate";

const subnetType = "hcloud:index/networkSubnet:NetworkSubnet";
const attachmentType = "hcloud:index/serverNetwork:ServerNetwork";
const balancerAttachmentType = "hcloud:index/loadBalancerNetwork:LoadBalancerNetwork";
const volumeAttachmentType = "hcloud:index/volumeAttachment:VolumeAttachment";

/** Compares what the cloud has of a stack with what its state knows. */
export async function compareWithCloud(
  access: HetznerAccess,
  stackName: string,
  resources: readonly StateResource[],
): Promise<CloudView> {
  const inState = new Set(resources.map(({ type, id }) => `${type} ${id}`));
  const selector = `dukaan-stack==${stackName}`;
  const [servers, networks, firewalls, addresses, floating, keys, volumes, balancers, certificates] =
    await Promise.all([
      listLabelled(access, "servers", selector),
      listLabelled(access, "networks", selector),
      listLabelled(access, "firewalls", selector),
      listLabelled(access, "primary_ips", selector),
      listLabelled(access, "floating_ips", selector),
      listLabelled(access, "ssh_keys", selector),
      listLabelled(access, "volumes", selector),
      listLabelled(access, "load_balancers", selector),
      listLabelled(access, "certificates", selector),
    ]);
  const named = (type: string, noun: string, things: { id: number; name: string }[]) =>
    things.map(({ id, name }): Orphan => ({
      type,
      id: String(id),
      title: `${noun} ${name} (${id})`,
      matches: (inputs) => inputs["name"] === name,
    }));
  const labelled = [
    ...named(types.networks, "network", networks),
    ...named(types.firewalls, "firewall", firewalls),
    ...named(types.primary_ips, "address", addresses),
    ...named(types.floating_ips, "floating address", floating),
    ...named(types.ssh_keys, "login key", keys),
    ...named(types.servers, "server", servers),
    ...named(types.volumes, "volume", volumes),
    ...named(types.load_balancers, "load balancer", balancers),
    ...named(
      types.certificates,
      "certificate",
      certificates.filter(({ type }) => type === "uploaded"),
    ),
    ...named(
      managedCertificateType,
      "certificate",
      certificates.filter(({ type }) => type === "managed"),
    ),
  ];
  // These bear no labels; they belong to what does.
  const subnets = networks.flatMap(({ id, name, subnets: found }) =>
    found.map(({ ip_range: range }): Orphan => ({
      type: subnetType,
      id: `${id}-${range}`,
      title: `subnet ${range} of ${name}`,
      matches: (inputs) => inputs["networkId"] === id && inputs["ipRange"] === range,
    })),
  );
  const interfaces = (
    type: string,
    key: "serverId" | "loadBalancerId",
    things: { id: number; name: string; private_net: { network: number }[] }[],
  ) =>
    things.flatMap(({ id, name, private_net: nets }) =>
      nets.map(({ network }): Orphan => ({
        type,
        id: `${id}-${network}`,
        title: `private interface of ${name}`,
        matches: (inputs) => inputs[key] === id,
      })),
    );
  const attachments = [
    ...interfaces(attachmentType, "serverId", servers),
    ...interfaces(balancerAttachmentType, "loadBalancerId", balancers),
  ];
  const plugged = volumes
    .filter(({ server }) => server !== null)
    .map(({ id, name }): Orphan => ({
      type: volumeAttachmentType,
      id: String(id),
      title: `attachment of ${name}`,
      matches: (inputs) => inputs["volumeId"] === id,
    }));
  const looked = new Set<string>([
    ...Object.values(types),
    managedCertificateType,
    subnetType,
    attachmentType,
    balancerAttachmentType,
    volumeAttachmentType,
  ]);
  const without = [...subnets, ...attachments, ...plugged];
  const inCloud = new Set([...labelled, ...without].map(({ type, id }) => `${type} ${id}`));
  const isKnown = ({ type, id }: Orphan) => inState.has(`${type} ${id}`);
  return {
    orphans: [...labelled, ...without].filter((thing) => !isKnown(thing)),
    servers,
    known: labelled.filter(isKnown).length,
    missing: resources
      .filter(({ type, id }) => looked.has(type) && !inCloud.has(`${type} ${id}`))
      .map(({ urn }) => urn),
  };
}
