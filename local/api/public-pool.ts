import type { Cloud } from "./cloud.js";
import { limitExceeded } from "./errors.js";

/**
 * The lowest public address (or IPv6 network) that nothing has yet.
 * @throws ApiError resource_limit_exceeded when all are in use
 */
export function freePublicAddress({ state, pool }: Cloud, type: "ipv4" | "ipv6"): string {
  const rows = state.all<{ ip: string }>(
    `SELECT ip FROM primary_ips UNION SELECT ip FROM floating_ips
     UNION SELECT ipv4 FROM load_balancers UNION SELECT ipv6 FROM load_balancers`,
  );
  const taken = new Set(rows.map(({ ip }) => ip));
  const ip = type === "ipv4" ? pool.ipv4(taken) : pool.ipv6(taken);
  if (ip !== undefined) return ip;
  throw limitExceeded(`public_${type}`, `all ${type} addresses of this local cloud are in use`);
}
