import { Type, type Static } from "typebox";
import { Body, Id, IdOrName, Labels, Location, LoadBalancerType, Name, Nullable } from "./schemas.js";

/** Shapes of load balancers: answers first, then what requests may say. */

const Port = Type.Integer({ minimum: 1, maximum: 65_535 });
const Protocol = Type.Enum(["tcp", "http", "https"]);
const Algorithm = Type.Object({ type: Type.Enum(["round_robin", "least_connections"]) });

export const Service = Type.Object({
  protocol: Protocol,
  listen_port: Port,
  destination_port: Port,
  proxyprotocol: Type.Boolean(),
  http: Type.Optional(
    Type.Object({
      cookie_name: Type.String(),
      cookie_lifetime: Type.Integer(),
      certificates: Type.Array(Id),
      redirect_http: Type.Boolean(),
      sticky_sessions: Type.Boolean(),
      timeout_idle: Type.Integer(),
    }),
  ),
  health_check: Type.Object({
    protocol: Type.Enum(["tcp", "http"]),
    port: Port,
    interval: Type.Integer(),
    timeout: Type.Integer(),
    retries: Type.Integer(),
    http: Type.Optional(
      Type.Object({
        domain: Type.String(),
        path: Type.String(),
        response: Type.String(),
        status_codes: Type.Array(Type.String()),
        tls: Type.Boolean(),
      }),
    ),
  }),
});
export type ServiceValue = Static<typeof Service>;

const HealthStatus = Type.Array(
  Type.Object({ listen_port: Port, status: Type.Enum(["healthy", "unhealthy", "unknown"]) }),
);
const ServerTarget = Type.Object({
  type: Type.Enum(["server"]),
  server: Type.Object({ id: Id }),
  health_status: HealthStatus,
  use_private_ip: Type.Boolean(),
});
const Target = Type.Union([
  ServerTarget,
  Type.Object({
    type: Type.Enum(["label_selector"]),
    label_selector: Type.Object({ selector: Type.String() }),
    use_private_ip: Type.Boolean(),
    targets: Type.Array(ServerTarget),
  }),
  Type.Object({
    type: Type.Enum(["ip"]),
    ip: Type.Object({ ip: Type.String() }),
    health_status: HealthStatus,
  }),
]);

const PublicAddress = Type.Object({ ip: Type.String(), dns_ptr: Type.String() });

export const LoadBalancer = Type.Object({
  id: Id,
  name: Type.String(),
  public_net: Type.Object({ enabled: Type.Boolean(), ipv4: PublicAddress, ipv6: PublicAddress }),
  private_net: Type.Array(Type.Object({ network: Id, ip: Type.String() })),
  location: Location,
  load_balancer_type: LoadBalancerType,
  protection: Type.Object({ delete: Type.Boolean() }),
  labels: Labels,
  created: Type.String({ format: "date-time" }),
  services: Type.Array(Service),
  targets: Type.Array(Target),
  algorithm: Algorithm,
  included_traffic: Type.Integer(),
  ingoing_traffic: Nullable(Type.Integer()),
  outgoing_traffic: Nullable(Type.Integer()),
});
export type TargetResource = Static<typeof Target>;

/** Text that is written into a configuration: no control characters. */
const Word = (maxLength: number) => Type.String({ maxLength, pattern: "^[^\\u0000-\\u001f\\u007f]*$" });

const service = {
  destination_port: Type.Optional(Port),
  proxyprotocol: Type.Optional(Type.Boolean()),
  http: Type.Optional(
    Body({
      cookie_name: Type.Optional(Type.String({ pattern: "^[A-Za-z0-9_-]{1,64}$" })),
      cookie_lifetime: Type.Optional(Type.Integer({ minimum: 1, maximum: 31_536_000 })),
      certificates: Type.Optional(Type.Array(Id, { maxItems: 50 })),
      redirect_http: Type.Optional(Type.Boolean()),
      sticky_sessions: Type.Optional(Type.Boolean()),
      timeout_idle: Type.Optional(Type.Integer({ minimum: 30, maximum: 300 })),
    }),
  ),
  health_check: Type.Optional(
    Body({
      protocol: Type.Optional(Type.Enum(["tcp", "http"])),
      port: Type.Optional(Port),
      interval: Type.Optional(Type.Integer({ minimum: 3, maximum: 60 })),
      timeout: Type.Optional(Type.Integer({ minimum: 1, maximum: 60 })),
      retries: Type.Optional(Type.Integer({ minimum: 1, maximum: 5 })),
      http: Type.Optional(
        Body({
          domain: Type.Optional(Word(253)),
          path: Type.Optional(Type.String({ maxLength: 1024, pattern: "^/[^\\u0000-\\u0020\\u007f]*$" })),
          response: Type.Optional(Word(1024)),
          status_codes: Type.Optional(
            Type.Array(Type.String({ pattern: "^[1-5?][0-9?]{2}$" }), { minItems: 1, maxItems: 32 }),
          ),
          tls: Type.Optional(Type.Boolean()),
        }),
      ),
    }),
  ),
};

/** A new service. */
export const ServiceInput = Body({ protocol: Protocol, listen_port: Type.Optional(Port), ...service });
/** Changes of the service that listens there. */
export const ServiceChange = Body({ listen_port: Port, protocol: Type.Optional(Protocol), ...service });
export type ServiceInputValue = Static<typeof ServiceInput>;
export type ServiceChangeValue = Static<typeof ServiceChange>;

const target = {
  server: Type.Optional(Body({ id: Id })),
  label_selector: Type.Optional(Body({ selector: Type.String({ minLength: 1 }) })),
  ip: Type.Optional(Body({ ip: Type.String() })),
};
const targetType = Type.Enum(["server", "label_selector", "ip"]);
export const TargetReference = Body({ type: targetType, ...target });
export const TargetInput = Body({
  type: targetType,
  ...target,
  use_private_ip: Type.Optional(Type.Boolean()),
});
export type TargetInputValue = Static<typeof TargetInput>;

export const LoadBalancerInput = Body({
  name: Name,
  load_balancer_type: IdOrName,
  algorithm: Type.Optional(Algorithm),
  location: Type.Optional(Nullable(IdOrName)),
  network_zone: Type.Optional(Nullable(Type.String())),
  network: Type.Optional(Nullable(Id)),
  public_interface: Type.Optional(Type.Boolean()),
  services: Type.Optional(Type.Array(ServiceInput)),
  targets: Type.Optional(Type.Array(TargetInput)),
  labels: Type.Optional(Labels),
});
export const AlgorithmInput = Body({ type: Type.Enum(["round_robin", "least_connections"]) });
export { Port };
