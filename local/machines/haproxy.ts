import type { LoadBalancerService, LoadBalancerSpec, LoadBalancerState } from "./host.js";

/** Where a load balancer's files are. */
export interface HaproxyFiles {
  socket: string;
  /** Folder of a service's certificates, each a file with its chain and key. */
  certificates(listenPort: number): string;
}

/**
 * The configuration of one load balancer. Its texts come from clients: each is quoted, and what cannot be quoted was
 * refused by the API.
 */
export function haproxyConfiguration(spec: LoadBalancerSpec, files: HaproxyFiles): string {
  return [
    "global",
    `  stats socket ${files.socket} mode 600 level admin expose-fd listeners`,
    `  maxconn ${spec.maxConnections}`,
    // Where this computer allows fewer open files there are fewer connections, and not none.
    "  no strict-limits",
    "  hard-stop-after 60s",
    "  ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets",
    "defaults",
    "  timeout connect 5s",
    "  timeout client 300s",
    "  timeout server 300s",
    "  timeout http-request 30s",
    "  retries 3",
    "  option redispatch",
    ...spec.services.flatMap((service) => serviceLines(spec, service, files)),
    "",
  ].join("\n");
}

function serviceLines(spec: LoadBalancerSpec, service: LoadBalancerService, files: HaproxyFiles): string[] {
  const { listenPort, protocol, http } = service;
  const tls = protocol === "https" ? ` ssl crt ${files.certificates(listenPort)} alpn h2,http/1.1` : "";
  const idle = http && `  timeout http-keep-alive ${http.timeoutIdle}s`;
  return [
    `frontend ${listenPort}`,
    `  bind :${listenPort}${tls}`,
    `  bind [::]:${listenPort} v6only${tls}`,
    `  mode ${http ? "http" : "tcp"}`,
    ...(http ? ["  option forwardfor", ...forwardedHeaders(service), idle ?? ""] : []),
    `  default_backend to-${listenPort}`,
    ...(http?.redirectHttp ? redirectLines : []),
    `backend to-${listenPort}`,
    `  mode ${http ? "http" : "tcp"}`,
    `  balance ${spec.algorithm === "round_robin" ? "roundrobin" : "leastconn"}`,
    ...stickyLines(service),
    ...healthCheckLines(service),
    ...spec.targets.map((target) => serverLine(service, target)),
  ];
}

const forwardedHeaders = ({ protocol, listenPort }: LoadBalancerService): string[] => [
  `  http-request set-header X-Forwarded-Proto ${protocol}`,
  `  http-request set-header X-Forwarded-Port ${listenPort}`,
];

const redirectLines = [
  "frontend redirect",
  "  bind :80",
  "  bind [::]:80 v6only",
  "  mode http",
  "  http-request redirect scheme https code 301",
];

function stickyLines({ http }: LoadBalancerService): string[] {
  if (!http?.stickySessions) return [];
  const lifetime = `attr ${quoted(`Max-Age=${http.cookieLifetime}`)}`;
  return [`  cookie ${quoted(http.cookieName)} insert indirect nocache httponly ${lifetime}`];
}

function healthCheckLines({ healthCheck }: LoadBalancerService): string[] {
  const { http } = healthCheck;
  const timeout = `  timeout check ${healthCheck.timeout}s`;
  if (!http) return [timeout];
  // A header is a format, in which "%" begins an expression.
  const host = http.domain === "" ? "" : ` hdr Host ${quoted(http.domain.replaceAll("%", "%%"))}`;
  const codes = http.statusCodes.map((code) => code.replaceAll("?", "[0-9]")).join("|");
  return [
    timeout,
    "  option httpchk",
    `  http-check send meth GET uri ${quoted(http.path)} ver HTTP/1.1${host}`,
    `  http-check expect rstatus ${quoted(`^(${codes})$`)}`,
    ...(http.response === "" ? [] : [`  http-check expect string ${quoted(http.response)}`]),
  ];
}

function serverLine(service: LoadBalancerService, target: LoadBalancerSpec["targets"][number]): string {
  const { healthCheck, destinationPort, proxyProtocol, http } = service;
  const words = [
    `  server ${target.id} ${target.address}:${destinationPort}`,
    `check port ${healthCheck.port} inter ${healthCheck.interval}s fall ${healthCheck.retries} rise 1`,
  ];
  if (healthCheck.http?.tls) words.push("check-ssl verify none");
  if (proxyProtocol) words.push("send-proxy-v2");
  if (proxyProtocol && healthCheck.port === destinationPort) words.push("check-send-proxy");
  if (http?.stickySessions) words.push(`cookie ${target.id}`);
  return words.join(" ");
}

/** A word of a configuration line, whatever is in it: strong quotes, within which nothing has a meaning. */
export function quoted(text: string): string {
  // oxlint-disable-next-line no-control-regex
  if (/[\u0000-\u001f\u007f]/.test(text))
    throw new RangeError("a configuration word has no control characters");
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Reads what `show stat` prints: how each target does for each service, and what went through. */
export function readStatistics(csv: string): LoadBalancerState {
  const [header = "", ...lines] = csv.replace(/^# /, "").trim().split("\n");
  const names = header.split(",");
  const state: LoadBalancerState = {
    targets: [],
    openConnections: 0,
    connections: 0,
    requests: 0,
    bytesIn: 0,
    bytesOut: 0,
  };
  for (const line of lines) {
    const values = line.split(",");
    const field = (name: string): string => values[names.indexOf(name)] ?? "";
    const [proxy, server] = [field("pxname"), field("svname")];
    if (server === "FRONTEND") {
      state.openConnections += Number(field("scur"));
      state.connections += Number(field("conn_tot") || field("stot"));
      state.requests += Number(field("req_tot"));
      state.bytesIn += Number(field("bin"));
      state.bytesOut += Number(field("bout"));
    } else if (proxy.startsWith("to-") && server !== "BACKEND") {
      const unknown = field("check_status") === "INI" || field("check_status") === "";
      const health = unknown ? "unknown" : field("status").startsWith("UP") ? "healthy" : "unhealthy";
      state.targets.push({ listenPort: Number(proxy.slice(3)), id: server, health });
    }
  }
  return state;
}
