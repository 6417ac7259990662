import type { State } from "../state/database.js";
import { invalidInput, notUnique } from "./errors.js";

/** Resources with names that are unique within their table, and what they are called in words. */
const kinds = {
  firewalls: "firewall",
  floating_ips: "floating IP",
  certificates: "certificate",
  load_balancers: "load balancer",
  networks: "network",
  placement_groups: "placement group",
  primary_ips: "primary IP",
  servers: "server",
  ssh_keys: "SSH key",
  volumes: "volume",
  zones: "zone",
} as const;

/** @throws ApiError uniqueness_error when another resource of the table (not `ownId`) has the name */
export function requireFreeName(state: State, table: keyof typeof kinds, name: string, ownId = 0): void {
  if (state.get(`SELECT 1 FROM ${table} WHERE name = ? AND id <> ?`, name, ownId)) {
    throw notUnique(kinds[table], "name");
  }
}

const hostLabel = /^[A-Za-z0-9]([-A-Za-z0-9]{0,61}[A-Za-z0-9])?$/;

/** @throws ApiError invalid_input unless the name is a host name by RFC 1123 */
export function requireHostName(name: string): void {
  if (name.length > 253 || !name.split(".").every((label) => hostLabel.test(label))) {
    throw invalidInput({
      name: [`'${name}' is not a host name: letters, digits and '-', in parts of at most 63 joined by '.'`],
    });
  }
}
