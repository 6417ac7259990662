import { Type, type Static } from "typebox";
import type { Action as ActionValue } from "../state/actions.js";
import type { App } from "./app.js";
import { settleTime, type Cloud } from "./cloud.js";
import { invalidInput, limitExceeded, refused } from "./errors.js";
import {
  directServersOf,
  findFirewall,
  firewallsOf,
  selectorsOf,
  serversMatching,
  serversOf,
} from "./firewall-rows.js";
import { checkRules, RuleInput } from "./firewall-rules.js";
import { parseSelector } from "./labels.js";
import { Action, Body, Id, IdParams, Nullable } from "./schemas.js";
import type { ServerRow } from "./server-rows.js";

const ServerInput = Body({ id: Id });
const SelectorInput = Body({ selector: Type.String({ minLength: 1 }) });

/** A server, or the servers that a label selector matches. */
export const ResourceInput = Body({
  type: Type.Enum(["server", "label_selector"]),
  server: Type.Optional(Nullable(ServerInput)),
  label_selector: Type.Optional(Nullable(SelectorInput)),
  // Clients send back what they were given.
  applied_to_resources: Type.Optional(Type.Unknown()),
});

const Answer = { 201: Type.Object({ actions: Type.Array(Action) }) };

/** How many firewalls a server may have: https://docs.hetzner.com/cloud/firewalls/overview#limits */
const firewallLimit = 5;

/** The server's id or the selector that a request names. @throws ApiError invalid_input naming the part that is absent */
function target(resource: Static<typeof ResourceInput>, field: string): number | string {
  if (resource.type === "server") {
    if (!resource.server) throw invalidInput({ [`${field}.server`]: ["is missing"] });
    return resource.server.id;
  }
  if (!resource.label_selector) throw invalidInput({ [`${field}.label_selector`]: ["is missing"] });
  parseSelector(resource.label_selector.selector, `${field}.label_selector.selector`);
  return resource.label_selector.selector;
}

/** Starts one action for each server whose set of firewalls has changed: all take the rules from the state. */
export const startOn = (
  { actions }: Cloud,
  command: "apply_firewall" | "remove_firewall",
  firewallId: number,
  servers: number[],
): ActionValue[] =>
  servers.map((id) =>
    actions.start(command, [
      { type: "server", id },
      { type: "firewall", id: firewallId },
    ]),
  );

/**
 * Applies a firewall to more resources. Call in a transaction: a refusal must undo what went before.
 * @param noServer status of the answer when a server is not there: Hetzner has 422 for a new firewall
 */
export function applyTo(
  cloud: Cloud,
  firewallId: number,
  resources: Static<typeof ResourceInput>[],
  noServer: 404 | 422 = 404,
): ActionValue[] {
  const { state } = cloud;
  const before = serversOf(state, firewallId);
  const seen = new Set<number | string>();
  for (const [index, resource] of resources.entries()) {
    const what = target(resource, `apply_to.${index}`);
    if (seen.has(what)) throw refused("server_already_added", `${what} is named more than once`);
    seen.add(what);
    if (typeof what === "number") {
      const server = state.get<ServerRow>("SELECT * FROM servers WHERE id = ?", what);
      if (!server) {
        throw refused("firewall_resource_not_found", `server with ID '${what}' not found`, noServer);
      }
      if (directServersOf(state, firewallId).includes(what)) {
        throw refused("firewall_already_applied", `firewall is already applied to server ${what}`);
      }
      if (!state.get("SELECT 1 FROM primary_ips WHERE assignee_id = ?", what)) {
        throw refused("private_net_only_server", `server ${what} has no public interface`);
      }
      state.insert("firewall_servers", { firewall_id: firewallId, server_id: what });
    } else {
      if (selectorsOf(state, firewallId).includes(what)) {
        throw refused("firewall_already_applied", `firewall is already applied to '${what}'`);
      }
      state.insert("firewall_selectors", { firewall_id: firewallId, selector: what });
    }
  }
  const added = serversOf(state, firewallId).filter((id) => !before.includes(id));
  for (const id of added) requireFirewallLimit(cloud, id);
  return startOn(cloud, "apply_firewall", firewallId, added);
}

/** @throws ApiError resource_limit_exceeded when the server has more firewalls than it may */
export function requireFirewallLimit({ state }: Cloud, serverId: number): void {
  const server = state.get<ServerRow>("SELECT * FROM servers WHERE id = ?", serverId);
  if (server && firewallsOf(state, server).length > firewallLimit) {
    throw limitExceeded(
      "firewalls_per_server",
      `server ${serverId} would have more than ${firewallLimit} firewalls`,
    );
  }
}

export function firewallActionRoutes(app: App, cloud: Cloud): void {
  const { state, actions } = cloud;
  const settled = async (started: ActionValue[]) => ({
    actions: await actions.settle(started, settleTime),
  });

  app.post(
    "/firewalls/:id/actions/set_rules",
    { schema: { params: IdParams, body: Body({ rules: Type.Array(RuleInput) }), response: Answer } },
    (request, reply) => {
      const { id } = findFirewall(state, request.params.id);
      const rules = checkRules(request.body.rules);
      void reply.code(201);
      return settled(
        state.transaction(() => {
          state.update("firewalls", id, { rules: JSON.stringify(rules) });
          const set = actions.done("set_firewall_rules", [{ type: "firewall", id }]);
          return [set, ...startOn(cloud, "apply_firewall", id, serversOf(state, id))];
        }),
      );
    },
  );

  app.post(
    "/firewalls/:id/actions/apply_to_resources",
    {
      schema: {
        params: IdParams,
        body: Body({ apply_to: Type.Array(ResourceInput, { minItems: 1 }) }),
        response: Answer,
      },
    },
    (request, reply) => {
      const { id } = findFirewall(state, request.params.id);
      void reply.code(201);
      return settled(state.transaction(() => applyTo(cloud, id, request.body.apply_to)));
    },
  );

  app.post(
    "/firewalls/:id/actions/remove_from_resources",
    {
      schema: {
        params: IdParams,
        body: Body({ remove_from: Type.Array(ResourceInput, { minItems: 1 }) }),
        response: Answer,
      },
    },
    (request, reply) => {
      const { id } = findFirewall(state, request.params.id);
      void reply.code(201);
      return settled(
        state.transaction(() => {
          const before = serversOf(state, id);
          for (const [index, resource] of request.body.remove_from.entries()) {
            removeFrom(id, target(resource, `remove_from.${index}`));
          }
          const after = serversOf(state, id);
          const removed = before.filter((server) => !after.includes(server));
          return startOn(cloud, "remove_firewall", id, removed);
        }),
      );
    },
  );

  // Removing what is not applied (any more) changes nothing, and is no error since Hetzner's change of 2025-08-04.
  function removeFrom(firewallId: number, what: number | string): void {
    if (typeof what === "string") {
      state.run("DELETE FROM firewall_selectors WHERE firewall_id = ? AND selector = ?", firewallId, what);
      return;
    }
    if (!state.get("SELECT 1 FROM servers WHERE id = ?", what)) {
      throw refused("firewall_resource_not_found", `server with ID '${what}' not found`, 404);
    }
    const direct = directServersOf(state, firewallId).includes(what);
    const selectors = selectorsOf(state, firewallId);
    if (!direct && selectors.some((selector) => serversMatching(state, selector).includes(what))) {
      throw refused(
        "firewall_managed_by_label_selector",
        `server ${what} has the firewall by a label selector`,
      );
    }
    state.run("DELETE FROM firewall_servers WHERE firewall_id = ? AND server_id = ?", firewallId, what);
  }
}
