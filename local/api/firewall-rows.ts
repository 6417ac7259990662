import type { Static } from "typebox";
import type { FirewallSpec } from "../machines/host.js";
import type { State } from "../state/database.js";
import { readJson } from "../state/json.js";
import { notFound } from "./errors.js";
import { parseSelector, readLabels } from "./labels.js";
import type { FirewallRule } from "./schemas.js";

export interface FirewallRow {
  id: number;
  name: string;
  rules: string;
  labels: string;
  created: string;
}

type Rule = Static<typeof FirewallRule>;

/** What of a server decides which firewalls it has. */
interface Labelled {
  id: number;
  labels: string;
}

/** @throws ApiError not_found that names `field` */
export function findFirewall(state: State, id: number, field?: string): FirewallRow {
  const row = state.get<FirewallRow>("SELECT * FROM firewalls WHERE id = ?", id);
  if (!row) throw notFound("firewall", id, field);
  return row;
}

export const readRules = (row: FirewallRow): Rule[] => readJson<Rule[]>(row.rules);

/** Ids of the servers that a firewall is applied to by id. */
export const directServersOf = (state: State, firewallId: number): number[] =>
  state
    .all<{ id: number }>(
      "SELECT server_id AS id FROM firewall_servers WHERE firewall_id = ? ORDER BY server_id",
      firewallId,
    )
    .map(({ id }) => id);

export const selectorsOf = (state: State, firewallId: number): string[] =>
  state
    .all<{ selector: string }>(
      "SELECT selector FROM firewall_selectors WHERE firewall_id = ? ORDER BY selector",
      firewallId,
    )
    .map(({ selector }) => selector);

/** Servers with a public interface whose labels match: only those can have a firewall. */
export function serversMatching(state: State, selector: string): number[] {
  const matches = parseSelector(selector, "label_selector");
  return publicServers(state)
    .filter(({ labels }) => matches(readLabels(labels)))
    .map(({ id }) => id);
}

const publicServers = (state: State): Labelled[] =>
  state.all<Labelled>(
    `SELECT id, labels FROM servers
     WHERE EXISTS (SELECT 1 FROM primary_ips WHERE assignee_id = servers.id) ORDER BY id`,
  );

/** Every server that the firewall filters, by id or by label. */
export const serversOf = (state: State, firewallId: number): number[] => [
  ...new Set([
    ...directServersOf(state, firewallId),
    ...selectorsOf(state, firewallId).flatMap((selector) => serversMatching(state, selector)),
  ]),
];

/** The firewalls that filter a server, by id or by its present labels. */
export function firewallsOf(state: State, server: Labelled): FirewallRow[] {
  const labels = readLabels(server.labels);
  const bySelector = state
    .all<{ id: number; selector: string }>("SELECT firewall_id AS id, selector FROM firewall_selectors")
    .filter(({ selector }) => parseSelector(selector, "label_selector")(labels))
    .map(({ id }) => id);
  const direct = state
    .all<{ id: number }>("SELECT firewall_id AS id FROM firewall_servers WHERE server_id = ?", server.id)
    .map(({ id }) => id);
  return [...new Set([...direct, ...bySelector])]
    .sort((one, other) => one - other)
    .map((id) => findFirewall(state, id));
}

/** All rules of a server's firewalls together, as the computer applies them; undefined without a firewall. */
export function firewallSpec(state: State, server: Labelled): FirewallSpec | undefined {
  const firewalls = firewallsOf(state, server);
  if (firewalls.length === 0) return undefined;
  const rules = firewalls.flatMap(readRules);
  const direction = (which: Rule["direction"]) =>
    rules
      .filter((rule) => rule.direction === which)
      .map((rule) => ({
        protocol: rule.protocol,
        remotes: which === "in" ? rule.source_ips : rule.destination_ips,
        port: rule.port ?? undefined,
      }));
  return { inbound: direction("in"), outbound: direction("out") };
}
