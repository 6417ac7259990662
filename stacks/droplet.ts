import type { Settings } from "../src/settings/schema.js";
import { machineAddress, tierRange } from "../src/topology/addresses.js";
import { location, serverType } from "../src/topology/catalog.js";
import { type Flow, type Topology, deepFreeze } from "../src/topology/topology.js";
import { groundFlows } from "./ground.js";

/**
 * Stage 1: one server with everything on it. nginx ends TLS and hands requests to the app over a Unix socket; the app
 * reaches PostgreSQL through PgBouncer, also over Unix sockets. Nothing is redundant: the right start.
 */
export function droplet(settings: Settings): Topology {
  const region = settings.location;
  const { cores, memoryMiB, diskGB } = serverType(settings.serverType);
  const here = ["app-1"];
  const backups = settings.backup && backupsTo(settings.backup.endpoint);
  return deepFreeze<Topology>({
    stack: settings.stack,
    stage: "droplet",
    regions: [
      {
        name: region,
        provider: settings.provider,
        location: settings.location,
        zone: location(settings.location).zone,
        range: settings.networkCidr,
        subnets: [{ tier: "app", range: tierRange(settings.networkCidr, "app") }],
      },
    ],
    machines: [
      {
        name: "app-1",
        hostname: `${settings.stack}-app-1`,
        region,
        tier: "app",
        serverType: settings.serverType,
        cores,
        memoryMiB,
        diskGB,
        image: settings.image,
        privateAddress: machineAddress(settings.networkCidr, "app", 1),
        publicIpv4: true,
        publicIpv6: true,
        dnsNames: settings.domain === undefined ? [] : [settings.domain],
      },
    ],
    services: [
      { name: "system", machines: here },
      { name: "nginx", machines: here },
      { name: "api", machines: here },
      { name: "pgbouncer", machines: here },
      { name: "postgresql", machines: here, stateful: true },
      ...(backups ? [{ name: "pgbackrest", machines: here }] : []),
    ],
    flows: [
      ...groundFlows("nginx"),
      { from: "nginx", to: "api", protocol: "unix", socket: "/run/dukaan/api.sock", purpose: "requests" },
      {
        from: "api",
        to: "pgbouncer",
        protocol: "unix",
        socket: "/run/pgbouncer/.s.PGSQL.6432",
        purpose: "queries",
      },
      {
        from: "pgbouncer",
        to: "postgresql",
        protocol: "unix",
        socket: "/run/postgresql/.s.PGSQL.5432",
        purpose: "queries",
      },
      {
        from: "api",
        to: "postgresql",
        protocol: "unix",
        socket: "/run/postgresql/.s.PGSQL.5432",
        purpose: "migrations",
      },
      ...(backups ?? []),
    ],
    outside: { world: ["0.0.0.0/0", "::/0"], operators: settings.operatorCidrs },
    entries: [
      {
        name: "shop",
        service: "nginx",
        scheme: "https",
        port: 443,
        ...(settings.domain === undefined ? {} : { domain: settings.domain }),
      },
    ],
    volumes: [],
  });
}

/** What backups exchange with others. @param endpoint of the object storage; the way to port 443 is open anyway */
function backupsTo(endpoint: string): Flow[] {
  const { port } = new URL(endpoint);
  const from = "pgbackrest";
  return [
    { from, to: "postgresql", protocol: "unix", socket: "/run/postgresql/.s.PGSQL.5432", purpose: "backups" },
    ...(port === ""
      ? []
      : [{ from, to: "world", protocol: "tcp", port: Number(port), purpose: "object storage" } as const]),
  ];
}
