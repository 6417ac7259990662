import type { Cloud } from "./cloud.js";
import { findCertificate } from "./certificates.js";
import { invalidInput, limitExceeded, refused } from "./errors.js";
import type { ServiceChangeValue, ServiceInputValue, ServiceValue } from "./load-balancer-schemas.js";

/** What a service has that its request does not say. */
const httpDefaults = {
  cookie_name: "HCLBSTICKY",
  cookie_lifetime: 300,
  certificates: [],
  redirect_http: false,
  sticky_sessions: false,
  timeout_idle: 60,
};
const healthDefaults = { interval: 15, timeout: 10, retries: 3 };
const healthHttpDefaults = { path: "/", status_codes: ["2??", "3??"], tls: false };

/**
 * A new service, whole. Ports are needed for tcp; http has 80 and 80, https 443 and 80.
 * @param field of the request that holds it, with a dot at its end; empty: the request itself
 */
export function newService(cloud: Cloud, input: ServiceInputValue, field = ""): ServiceValue {
  const { protocol } = input;
  const listenPort = input.listen_port ?? { tcp: undefined, http: 80, https: 443 }[protocol];
  const destinationPort = input.destination_port ?? (protocol === "tcp" ? undefined : 80);
  if (listenPort === undefined || destinationPort === undefined) {
    const missing = listenPort === undefined ? "listen_port" : "destination_port";
    throw invalidInput({ [`${field}${missing}`]: ["is needed when the protocol is tcp"] });
  }
  const bare: ServiceValue = {
    protocol,
    listen_port: listenPort,
    destination_port: destinationPort,
    proxyprotocol: false,
    health_check: { protocol: protocol === "tcp" ? "tcp" : "http", port: destinationPort, ...healthDefaults },
  };
  return changedService(cloud, bare, { ...input, listen_port: listenPort }, field);
}

/** A service with changes applied. @throws ApiError that names what does not fit */
export function changedService(
  cloud: Cloud,
  before: ServiceValue,
  change: ServiceChangeValue,
  field = "",
): ServiceValue {
  const protocol = change.protocol ?? before.protocol;
  const { http: checkHttp, ...check } = change.health_check ?? {};
  const checkProtocol = check.protocol ?? before.health_check.protocol;
  const { http: checkHttpBefore, ...checkBefore } = before.health_check;
  const service: ServiceValue = {
    protocol,
    listen_port: before.listen_port,
    destination_port: change.destination_port ?? before.destination_port,
    proxyprotocol: change.proxyprotocol ?? before.proxyprotocol,
    ...(protocol !== "tcp" && { http: { ...httpDefaults, ...before.http, ...change.http } }),
    health_check: {
      ...checkBefore,
      ...check,
      ...(checkProtocol === "http" && {
        http: {
          ...healthHttpDefaults,
          ...checkHttpBefore,
          ...checkHttp,
          domain: checkHttp?.domain ?? checkHttpBefore?.domain ?? "",
          response: checkHttp?.response ?? checkHttpBefore?.response ?? "",
        },
      }),
    },
  };
  requireConsistent(cloud, service, field);
  return service;
}

function requireConsistent(cloud: Cloud, service: ServiceValue, field: string): void {
  const { protocol, http, health_check: health } = service;
  if (health.timeout > health.interval) {
    throw invalidInput({ [`${field}health_check.timeout`]: ["must not be longer than the interval"] });
  }
  if (!http) return;
  for (const id of http.certificates) findCertificate(cloud.state, id, `${field}http.certificates`);
  if (protocol === "https" && http.certificates.length === 0) {
    throw invalidInput({ [`${field}http.certificates`]: ["are needed when the protocol is https"] });
  }
  if (protocol === "http" && http.certificates.length > 0) {
    throw invalidInput({ [`${field}http.certificates`]: ["must be empty when the protocol is http"] });
  }
  if (http.redirect_http && (protocol !== "https" || service.listen_port !== 443)) {
    throw invalidInput({ [`${field}http.redirect_http`]: ["is for https on port 443"] });
  }
}

/**
 * @param portInUse status of that answer: Hetzner has 412 for a new service and 422 for one that is changed
 * @throws ApiError unless all services fit beside one another in a load balancer of that type
 */
export function requireServicesFit(
  services: ServiceValue[],
  type: { name: string; max_services: number },
  portInUse: 412 | 422,
): void {
  const ports = services.flatMap(({ listen_port: port, http }) =>
    http?.redirect_http ? [port, 80] : [port],
  );
  const twice = ports.find((port, index) => ports.indexOf(port) !== index);
  if (twice !== undefined) {
    throw refused("source_port_already_used", `source port ${twice} is already in use`, portInUse);
  }
  if (services.length > type.max_services) {
    const what = `a load balancer of type ${type.name} has ${type.max_services} services at most`;
    throw limitExceeded("load_balancer_services", what);
  }
}
