import type { State } from "../state/database.js";
import { readJson } from "../state/json.js";
import { notFound } from "./errors.js";
import type { ServiceValue } from "./load-balancer-schemas.js";

export interface LoadBalancerRow {
  id: number;
  name: string;
  load_balancer_type: string;
  location: string;
  algorithm: "round_robin" | "least_connections";
  ipv4: string;
  /** The /64 of which it has the first address. */
  ipv6: string;
  dns_ptr: string;
  public_interface: 0 | 1;
  network_id: number | null;
  private_ip: string | null;
  mac_address: string | null;
  services: string;
  targets: string;
  protection_delete: 0 | 1;
  labels: string;
  created: string;
}

/** Whom a load balancer sends traffic to, as the state keeps it. */
export type StoredTarget =
  | { type: "server"; id: number; usePrivateIp: boolean }
  | { type: "label_selector"; selector: string; usePrivateIp: boolean }
  | { type: "ip"; ip: string };

/** @throws ApiError not_found */
export function findLoadBalancer(state: State, id: number): LoadBalancerRow {
  const row = state.get<LoadBalancerRow>("SELECT * FROM load_balancers WHERE id = ?", id);
  if (!row) throw notFound("load balancer", id);
  return row;
}

export const loadBalancers = (state: State): LoadBalancerRow[] =>
  state.all<LoadBalancerRow>("SELECT * FROM load_balancers ORDER BY id");

export const servicesOf = (row: LoadBalancerRow): ServiceValue[] => readJson<ServiceValue[]>(row.services);
export const targetsOf = (row: LoadBalancerRow): StoredTarget[] => readJson<StoredTarget[]>(row.targets);

/** "2001:db8:0:10::/64" → "2001:db8:0:10::1" */
export const ipv6Of = (row: LoadBalancerRow): string => row.ipv6.replace(/::\/64$/, "::1");

/** Ids of the load balancers that use a certificate. */
export const balancersWithCertificate = (state: State, certificateId: number): number[] =>
  loadBalancers(state)
    .filter((row) => servicesOf(row).some(({ http }) => http?.certificates.includes(certificateId)))
    .map(({ id }) => id);

/** Ids of the load balancers that name a server as their target. */
export const balancersWithServer = (state: State, serverId: number): number[] =>
  loadBalancers(state)
    .filter((row) => targetsOf(row).some((target) => target.type === "server" && target.id === serverId))
    .map(({ id }) => id);

/** Ids of the load balancers in a private network. */
export const balancersIn = (state: State, networkId: number): number[] =>
  loadBalancers(state)
    .filter((row) => row.network_id === networkId)
    .map(({ id }) => id);

/** Takes a server that is deleted from all targets. Call in a transaction. */
export function forgetTarget(state: State, serverId: number): void {
  for (const id of balancersWithServer(state, serverId)) {
    const left = targetsOf(findLoadBalancer(state, id)).filter(
      (target) => target.type !== "server" || target.id !== serverId,
    );
    state.update("load_balancers", id, { targets: JSON.stringify(left) });
  }
}
