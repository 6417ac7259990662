import { Type, type Static, type TSchema } from "typebox";

/**
 * Shapes of Hetzner Cloud's API v1 (https://docs.hetzner.cloud/reference/cloud): what every request is checked against
 * and what the answers are typed by. Requests that belong to one resource are beside its routes.
 */

export const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);

/** An object of exactly these fields: a field that nobody reads would be a silent typing error. */
export const Body = <P extends Record<string, TSchema>>(properties: P) =>
  Type.Object(properties, { additionalProperties: false });

export const Id = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER });
export const IdOrName = Type.Union([Id, Type.String({ minLength: 1 })]);
export const IdParams = Type.Object({ id: Id });
export const Name = Type.String({ minLength: 1, maxLength: 128 });
const dnsLabel = "[a-zA-Z0-9_](?:[-a-zA-Z0-9_]{0,61}[a-zA-Z0-9_])?";
/** It becomes part of a zone file. */
export const DnsName = Type.String({ maxLength: 253, pattern: `^(?:${dnsLabel}\\.)*${dnsLabel}\\.?$` });
export const Labels = Type.Record(Type.String(), Type.String());
export const Time = Type.String({ format: "date-time" });

export const Price = Type.Object({ net: Type.String(), gross: Type.String() });

const Deprecation = Nullable(Type.Object({ announced: Time, unavailable_after: Time }));
const Protection = Type.Object({ delete: Type.Boolean() });
const Architecture = Type.Enum(["x86", "arm"]);

export const Location = Type.Object({
  id: Id,
  name: Type.String(),
  description: Type.String(),
  country: Type.String(),
  city: Type.String(),
  latitude: Type.Number(),
  longitude: Type.Number(),
  network_zone: Type.String(),
});

export const ServerType = Type.Object({
  id: Id,
  name: Type.String(),
  description: Type.String(),
  category: Type.String(),
  cores: Type.Integer(),
  memory: Type.Number(),
  disk: Type.Integer(),
  deprecated: Type.Boolean(),
  deprecation: Deprecation,
  prices: Type.Array(
    Type.Object({
      location: Type.String(),
      price_hourly: Price,
      price_monthly: Price,
      included_traffic: Type.Integer(),
      price_per_tb_traffic: Price,
    }),
  ),
  storage_type: Type.Enum(["local", "network"]),
  cpu_type: Type.Enum(["shared", "dedicated"]),
  architecture: Architecture,
  locations: Type.Array(
    Type.Object({
      id: Id,
      name: Type.String(),
      deprecation: Deprecation,
      available: Type.Boolean(),
      recommended: Type.Boolean(),
    }),
  ),
});

export const Image = Type.Object({
  id: Id,
  type: Type.Enum(["system", "app", "snapshot", "backup"]),
  status: Type.Enum(["available", "creating", "unavailable"]),
  name: Nullable(Type.String()),
  description: Type.String(),
  image_size: Nullable(Type.Number()),
  disk_size: Type.Number(),
  created: Time,
  created_from: Nullable(Type.Object({ id: Id, name: Type.String() })),
  bound_to: Nullable(Id),
  os_flavor: Type.String(),
  os_version: Nullable(Type.String()),
  rapid_deploy: Type.Boolean(),
  protection: Protection,
  deprecated: Nullable(Time),
  deleted: Nullable(Time),
  labels: Labels,
  architecture: Architecture,
});

export const Action = Type.Object({
  id: Id,
  command: Type.String(),
  status: Type.Enum(["running", "success", "error"]),
  progress: Type.Integer({ minimum: 0, maximum: 100 }),
  started: Time,
  finished: Nullable(Time),
  resources: Type.Array(Type.Object({ id: Id, type: Type.String() })),
  error: Nullable(Type.Object({ code: Type.String(), message: Type.String() })),
});

export const SshKey = Type.Object({
  id: Id,
  name: Type.String(),
  fingerprint: Type.String(),
  public_key: Type.String(),
  labels: Labels,
  created: Time,
});

export const PlacementGroup = Type.Object({
  id: Id,
  name: Type.String(),
  labels: Labels,
  type: Type.Enum(["spread"]),
  created: Time,
  servers: Type.Array(Id),
});

export const Subnet = Type.Object({
  type: Type.Enum(["cloud", "server"]),
  ip_range: Type.String(),
  network_zone: Type.String(),
  gateway: Type.String(),
});

export const Route = Type.Object({ destination: Type.String(), gateway: Type.String() });

export const Network = Type.Object({
  id: Id,
  name: Type.String(),
  ip_range: Type.String(),
  subnets: Type.Array(Subnet),
  routes: Type.Array(Route),
  servers: Type.Array(Id),
  load_balancers: Type.Array(Id),
  protection: Protection,
  labels: Labels,
  created: Time,
  expose_routes_to_vswitch: Type.Boolean(),
});

const DnsPointer = Type.Object({ ip: Type.String(), dns_ptr: Type.String() });

export const PrimaryIp = Type.Object({
  id: Id,
  name: Type.String(),
  labels: Labels,
  created: Time,
  blocked: Type.Boolean(),
  location: Location,
  ip: Type.String(),
  dns_ptr: Type.Array(DnsPointer),
  protection: Protection,
  type: Type.Enum(["ipv4", "ipv6"]),
  auto_delete: Type.Boolean(),
  assignee_type: Type.Enum(["server"]),
  assignee_id: Nullable(Id),
});

export const Volume = Type.Object({
  id: Id,
  name: Type.String(),
  server: Nullable(Id),
  status: Type.Enum(["available", "creating"]),
  location: Location,
  size: Type.Integer(),
  format: Nullable(Type.String()),
  protection: Protection,
  labels: Labels,
  linux_device: Type.String(),
  created: Time,
});

export const FloatingIp = Type.Object({
  id: Id,
  name: Type.String(),
  description: Nullable(Type.String()),
  created: Time,
  ip: Type.String(),
  type: Type.Enum(["ipv4", "ipv6"]),
  server: Nullable(Id),
  dns_ptr: Type.Array(DnsPointer),
  home_location: Location,
  blocked: Type.Boolean(),
  protection: Protection,
  labels: Labels,
});

export const LoadBalancerType = Type.Object({
  id: Id,
  name: Type.String(),
  description: Type.String(),
  max_connections: Type.Integer(),
  max_services: Type.Integer(),
  max_targets: Type.Integer(),
  max_assigned_certificates: Type.Integer(),
  deprecated: Type.Null(),
  prices: Type.Array(
    Type.Object({
      location: Type.String(),
      price_hourly: Price,
      price_monthly: Price,
      included_traffic: Type.Integer(),
      price_per_tb_traffic: Price,
    }),
  ),
});

export const Certificate = Type.Object({
  id: Id,
  name: Type.String(),
  labels: Labels,
  type: Type.Enum(["uploaded"]),
  certificate: Type.String(),
  created: Time,
  not_valid_before: Time,
  not_valid_after: Time,
  domain_names: Type.Array(Type.String()),
  fingerprint: Type.String(),
  status: Type.Null(),
  used_by: Type.Array(Type.Object({ id: Id, type: Type.Enum(["load_balancer"]) })),
});

export const FirewallRule = Type.Object({
  description: Nullable(Type.String()),
  direction: Type.Enum(["in", "out"]),
  source_ips: Type.Array(Type.String()),
  destination_ips: Type.Array(Type.String()),
  protocol: Type.Enum(["tcp", "udp", "icmp", "esp", "gre"]),
  port: Nullable(Type.String()),
});

const AppliedServer = Type.Object({ type: Type.Enum(["server"]), server: Type.Object({ id: Id }) });

export const Firewall = Type.Object({
  id: Id,
  name: Type.String(),
  labels: Labels,
  created: Time,
  rules: Type.Array(FirewallRule),
  applied_to: Type.Array(
    Type.Union([
      AppliedServer,
      Type.Object({
        type: Type.Enum(["label_selector"]),
        label_selector: Type.Object({ selector: Type.String() }),
        applied_to_resources: Type.Array(AppliedServer),
      }),
    ]),
  ),
});

export const serverStatuses = [
  "running",
  "initializing",
  "starting",
  "stopping",
  "off",
  "deleting",
  "migrating",
  "rebuilding",
  "unknown",
] as const;

export const ServerStatus = Type.Enum([...serverStatuses]);

export const Server = Type.Object({
  id: Id,
  name: Type.String(),
  status: ServerStatus,
  created: Time,
  public_net: Type.Object({
    ipv4: Nullable(
      Type.Object({ id: Id, ip: Type.String(), blocked: Type.Boolean(), dns_ptr: Type.String() }),
    ),
    ipv6: Nullable(
      Type.Object({ id: Id, ip: Type.String(), blocked: Type.Boolean(), dns_ptr: Type.Array(DnsPointer) }),
    ),
    floating_ips: Type.Array(Id),
    firewalls: Type.Array(Type.Object({ id: Id, status: Type.Enum(["applied", "pending"]) })),
  }),
  private_net: Type.Array(
    Type.Object({
      network: Id,
      ip: Type.String(),
      alias_ips: Type.Array(Type.String()),
      mac_address: Type.String(),
    }),
  ),
  server_type: ServerType,
  location: Location,
  image: Nullable(Image),
  iso: Type.Null(),
  rescue_enabled: Type.Boolean(),
  locked: Type.Boolean(),
  backup_window: Nullable(Type.String()),
  outgoing_traffic: Nullable(Type.Integer()),
  ingoing_traffic: Nullable(Type.Integer()),
  included_traffic: Type.Integer(),
  protection: Type.Object({ delete: Type.Boolean(), rebuild: Type.Boolean() }),
  labels: Labels,
  volumes: Type.Array(Id),
  load_balancers: Type.Array(Id),
  primary_disk_size: Type.Integer(),
  placement_group: Nullable(PlacementGroup),
});

export type ServerResource = Static<typeof Server>;
