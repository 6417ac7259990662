import type { State } from "../state/database.js";
import { notUnique } from "./errors.js";

/** Resources with names that are unique within their table, and what they are called in words. */
const kinds = {
  firewalls: "firewall",
  networks: "network",
  placement_groups: "placement group",
  primary_ips: "primary IP",
  servers: "server",
  ssh_keys: "SSH key",
} as const;

/** @throws ApiError uniqueness_error when another resource of the table (not `ownId`) has the name */
export function requireFreeName(state: State, table: keyof typeof kinds, name: string, ownId = 0): void {
  if (state.get(`SELECT 1 FROM ${table} WHERE name = ? AND id <> ?`, name, ownId)) {
    throw notUnique(kinds[table], "name");
  }
}
