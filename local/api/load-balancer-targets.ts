import { isIPv4 } from "node:net";
import { isDocumentation, isPrivateAddress } from "./addresses.js";
import type { Cloud } from "./cloud.js";
import { invalidInput, notFound, refused } from "./errors.js";
import { parseSelector, readLabels } from "./labels.js";
import type { LoadBalancerRow, StoredTarget } from "./load-balancer-rows.js";
import type { TargetInputValue } from "./load-balancer-schemas.js";
import { primaryIpOf } from "./primary-ip-rows.js";
import { attachmentsOf, findServer, type ServerRow } from "./server-rows.js";

/** Reads a target from a request; checks only its form. @param field as in newService */
export function readTarget(input: TargetInputValue, field = ""): StoredTarget {
  const missing = (name: string) =>
    invalidInput({ [`${field}${name}`]: [`is needed when the type is ${input.type}`] });
  const usePrivateIp = input.use_private_ip ?? false;
  if (input.type === "server") {
    if (!input.server) throw missing("server");
    return { type: "server", id: input.server.id, usePrivateIp };
  }
  if (input.type === "label_selector") {
    if (!input.label_selector) throw missing("label_selector");
    const { selector } = input.label_selector;
    parseSelector(selector, `${field}label_selector.selector`);
    return { type: "label_selector", selector, usePrivateIp };
  }
  if (!input.ip) throw missing("ip");
  if (!isIPv4(input.ip.ip)) throw invalidInput({ [`${field}ip.ip`]: ["is not an IPv4 address"] });
  return { type: "ip", ip: input.ip.ip };
}

export const isSameTarget = (one: StoredTarget, other: StoredTarget): boolean =>
  one.type === other.type &&
  (one.type === "server" && other.type === "server"
    ? one.id === other.id
    : one.type === "label_selector" && other.type === "label_selector"
      ? one.selector === other.selector
      : one.type === "ip" && other.type === "ip" && one.ip === other.ip);

/** @throws ApiError unless the load balancer can have that further target */
export function requireTargetFits(cloud: Cloud, row: LoadBalancerRow, target: StoredTarget): void {
  const { state } = cloud;
  const byPrivateAddress = target.type === "ip" ? isPrivateAddress(target.ip) : target.usePrivateIp;
  if (byPrivateAddress && row.network_id === null) {
    throw refused("load_balancer_not_attached_to_network", "load balancer is not attached to a network");
  }
  if (!byPrivateAddress && row.public_interface === 0) {
    throw refused(
      "load_balancer_public_interface_disabled",
      "without a public interface targets must use private IPs",
    );
  }
  if (target.type === "ip") requireDedicated(cloud, target.ip);
  if (target.type !== "server") return;
  const server = findServer(state, target.id, "server");
  const inNetwork = attachmentsOf(state, server.id).some(({ network_id: id }) => id === row.network_id);
  if (target.usePrivateIp && !inNetwork) {
    throw refused(
      "resolve_cloud_private_targets_error",
      `server ${server.id} is not attached to network ${row.network_id}`,
    );
  }
  if (!target.usePrivateIp && !primaryIpOf(state, server.id, "ipv4")) {
    throw refused("resolve_cloud_public_targets_error", `server ${server.id} has no public IPv4 address`);
  }
}

/** By address only what is no resource of this cloud can be a target, as at Hetzner a dedicated server of one's own. */
function requireDedicated({ state }: Cloud, ip: string): void {
  if (isPrivateAddress(ip)) {
    throw refused("network_has_no_vswitch_subnet", `${ip} is private and the network has no vswitch subnet`);
  }
  const taken = state.get(
    `SELECT 1 FROM (SELECT ip FROM primary_ips UNION SELECT ip FROM floating_ips UNION SELECT ipv4 FROM load_balancers)
     WHERE ip = ?`,
    ip,
  );
  if (taken) throw refused("cloud_resource_ip_not_allowed", `${ip} belongs to a resource of this cloud`);
  // Nothing on the internet is this computer's, nor could it be reached from here.
  if (!isDocumentation(ip)) {
    throw refused("ip_not_owned", `${ip} is not an address of this computer: those are of RFC 5737`);
  }
}

/** The servers that a target means now. */
export function serversOf({ state }: Pick<Cloud, "state">, target: StoredTarget): ServerRow[] {
  if (target.type === "ip") return [];
  if (target.type === "server") return state.all<ServerRow>("SELECT * FROM servers WHERE id = ?", target.id);
  const matches = parseSelector(target.selector, "label_selector");
  return state
    .all<ServerRow>("SELECT * FROM servers ORDER BY id")
    .filter(({ labels }) => matches(readLabels(labels)));
}

/** Every address that traffic goes to, each once, by what it is called in the load balancer's state. */
export function addressesOf(cloud: Pick<Cloud, "state">, row: LoadBalancerRow, targets: StoredTarget[]) {
  const found = new Map<string, string>();
  for (const target of targets) {
    if (target.type === "ip") found.set(target.ip, target.ip);
    for (const { id } of serversOf(cloud, target)) {
      const address =
        target.type !== "ip" && target.usePrivateIp
          ? attachmentsOf(cloud.state, id).find(({ network_id: network }) => network === row.network_id)?.ip
          : primaryIpOf(cloud.state, id, "ipv4")?.ip;
      if (address !== undefined) found.set(String(id), address);
    }
  }
  return [...found].map(([id, address]) => ({ id, address }));
}

/** @throws ApiError not_found unless it is one of them */
export function requireTarget(targets: StoredTarget[], wanted: StoredTarget): void {
  if (targets.some((target) => isSameTarget(target, wanted))) return;
  throw notFound("target", wanted.type === "server" ? wanted.id : "", "type");
}
