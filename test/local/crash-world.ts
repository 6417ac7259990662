import type { CrashCloud, Resource } from "./crash-cloud.js";

/** What there is in the cloud just now. */
export interface World {
  servers: Resource[];
  networks: Resource[];
  firewalls: Resource[];
  volumes: Resource[];
  floatingIps: Resource[];
  primaryIps: Resource[];
  balancers: Resource[];
  /** Made of servers. */
  images: Resource[];
  zones: Resource[];
}

export async function worldOf(cloud: CrashCloud): Promise<World> {
  const [
    servers = [],
    networks = [],
    firewalls = [],
    volumes = [],
    floatingIps = [],
    primaryIps = [],
    balancers = [],
    images = [],
    zones = [],
  ] = await Promise.all(
    [
      "servers",
      "networks",
      "firewalls",
      "volumes",
      "floating_ips",
      "primary_ips",
      "load_balancers",
      "images",
      "zones",
    ].map((kind) => cloud.list(kind)),
  );
  const snapshots = images.filter(({ type }) => type === "snapshot");
  return {
    servers,
    networks,
    firewalls,
    volumes,
    floatingIps,
    primaryIps,
    balancers,
    images: snapshots,
    zones,
  };
}
