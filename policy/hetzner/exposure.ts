import { named, type Opening } from "../opening.js";
import { holdsDataPort, isWorld } from "../ranges.js";
import { blocks, fields, texts } from "../read.js";
import type { Rule, Subject } from "../rule.js";
import { secretsIn } from "../user-data.js";
import { onThisComputer } from "./local.js";

/** What a firewall lets in. */
function openings({ props }: Subject): Opening[] {
  return blocks(props["rules"])
    .filter(({ direction }) => direction !== "out")
    .map(({ protocol, port, sourceIps }) => ({
      protocol: String(protocol),
      ports: portsOf(port),
      sources: texts(sourceIps),
    }));
}

/** "80" → 80 to 80, "80-85" → 80 to 85, "any" → all. */
function portsOf(port: unknown): [number, number] {
  const [first, last = first] = texts(port).join("").split("-").map(Number);
  return first && last ? [first, last] : [1, 65535];
}

const firewall = "hcloud:index/firewall:Firewall";
const server = "hcloud:index/server:Server";
const loadBalancerService = "hcloud:index/loadBalancerService:LoadBalancerService";
const loadBalancerTarget = "hcloud:index/loadBalancerTarget:LoadBalancerTarget";

const publicPorts: Rule = {
  name: "hetzner-public-ports",
  description: "A firewall opens nothing to the public but TCP ports 80 and 443, and ping.",
  remedy: "Take the flow from `world` out of the stage, or let operators alone in (dukaan:operatorCidrs).",
  types: [firewall],
  check: (subject) => {
    // Outside of the local cloud there is only this computer.
    const allowed = new Set([80, 443, ...(onThisComputer(subject) ? [22] : [])]);
    return openings(subject).flatMap((opening) => {
      const { protocol, ports, sources } = opening;
      const open = sources.filter(isWorld);
      const fine =
        protocol === "icmp" || (protocol === "tcp" && ports[0] === ports[1] && allowed.has(ports[0]));
      return open.length === 0 || fine ? [] : [`${named(opening)} is open to ${open.join(", ")}`];
    });
  },
};

/** Tiers whose machines hold data. */
const dataTiers = new Set(["database", "cache", "broker", "search"]);

const dataIsPrivate: Rule = {
  name: "hetzner-data-is-private",
  description: "Databases, caches, brokers and search engines are reached over private networks alone.",
  remedy:
    "Let the service listen on the private address, and take the rule out: cloud firewalls filter public interfaces only.",
  types: [firewall],
  check: (subject) => {
    const tier = String(fields(subject.props["labels"])["dukaan-tier"]);
    return openings(subject).flatMap((opening) => {
      const { protocol, ports } = opening;
      if (protocol === "icmp") return [];
      if (protocol === "tcp" && holdsDataPort(...ports)) return [`${named(opening)} is a data service's`];
      const login = protocol === "tcp" && ports[0] === 22 && ports[1] === 22;
      return dataTiers.has(tier) && !login ? [`${named(opening)} is open on machines of tier ${tier}`] : [];
    });
  },
};

const serverFirewall: Rule = {
  name: "hetzner-server-firewall",
  description: "Every server with a public address is behind a firewall.",
  remedy: "Give it the firewall of its tier (firewallIds).",
  types: [server],
  check: ({ props }) => {
    const nets = blocks(props["publicNets"]);
    const isPublic =
      nets.length === 0 || nets.some((net) => net["ipv4Enabled"] !== false || net["ipv6Enabled"] !== false);
    const firewalls = props["firewallIds"];
    return isPublic && !(Array.isArray(firewalls) && firewalls.length > 0) ? ["it has no firewall"] : [];
  },
};

const loadBalancerTls: Rule = {
  name: "hetzner-load-balancer-tls",
  description:
    "A load balancer takes requests over TLS, leads HTTP there, and hands them on over the private network.",
  remedy: "Use protocol https with a certificate and redirectHttp: true; usePrivateIp: true on its targets.",
  types: [loadBalancerService, loadBalancerTarget],
  check: ({ type, props }) => {
    if (type === loadBalancerTarget) {
      return props["usePrivateIp"] === true ? [] : ["it reaches servers over the public network"];
    }
    if (props["protocol"] !== "https") return [`it speaks ${String(props["protocol"])}, not https`];
    return fields(props["http"])["redirectHttp"] === true ? [] : ["it does not lead HTTP to HTTPS"];
  },
};

const userData: Rule = {
  name: "hetzner-user-data",
  description: "User data holds no secret but the machine's own host key.",
  remedy: "Hand it over in a role: secret files travel over SSH and are readable by their owner alone.",
  types: [server],
  check: ({ props }) =>
    texts(props["userData"])
      .flatMap(secretsIn)
      .map((what) => `its user data holds ${what}`),
};

export const exposure: readonly Rule[] = [
  publicPorts,
  dataIsPrivate,
  serverFirewall,
  loadBalancerTls,
  userData,
];
