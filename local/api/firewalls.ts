import { Type, type Static } from "typebox";
import { timestamp } from "../state/actions.js";
import type { State } from "../state/database.js";
import type { App } from "./app.js";
import { settleTime, type Cloud } from "./cloud.js";
import { refused } from "./errors.js";
import { applyTo, ResourceInput } from "./firewall-actions.js";
import { checkRules, RuleInput } from "./firewall-rules.js";
import {
  directServersOf,
  findFirewall,
  readRules,
  selectorsOf,
  serversMatching,
  type FirewallRow,
} from "./firewall-rows.js";
import { checkLabels, readLabels } from "./labels.js";
import { labelQuery, listQuery, nameQuery, paginate, sendPage } from "./listing.js";
import { requireFreeName } from "./names.js";
import { Action, Body, Firewall, IdParams, Labels, Name } from "./schemas.js";

const applied = (id: number) => ({ type: "server" as const, server: { id } });

function toResource(state: State, row: FirewallRow): Static<typeof Firewall> {
  return {
    id: row.id,
    name: row.name,
    labels: readLabels(row.labels),
    created: row.created,
    rules: readRules(row),
    applied_to: [
      ...directServersOf(state, row.id).map(applied),
      ...selectorsOf(state, row.id).map((selector) => ({
        type: "label_selector" as const,
        label_selector: { selector },
        applied_to_resources: serversMatching(state, selector).map(applied),
      })),
    ],
  };
}

const One = Type.Object({ firewall: Firewall });

export function firewallRoutes(app: App, cloud: Cloud): void {
  const { state, actions } = cloud;

  app.get(
    "/firewalls",
    { schema: { querystring: Type.Object({ ...listQuery, ...nameQuery, ...labelQuery }) } },
    (request, reply) => {
      const rows = state.all<FirewallRow>("SELECT * FROM firewalls");
      const page = paginate(rows, request.query, ["id", "name", "created"]);
      return sendPage(request, reply, "firewalls", page, (row) => toResource(state, row));
    },
  );

  app.post(
    "/firewalls",
    {
      schema: {
        body: Body({
          name: Name,
          labels: Type.Optional(Labels),
          rules: Type.Optional(Type.Array(RuleInput)),
          apply_to: Type.Optional(Type.Array(ResourceInput)),
        }),
        response: { 201: Type.Object({ firewall: Firewall, actions: Type.Array(Action) }) },
      },
    },
    async (request, reply) => {
      const { name } = request.body;
      const labels = checkLabels(request.body.labels ?? {});
      const rules = checkRules(request.body.rules ?? []);
      requireFreeName(state, "firewalls", name);
      const { id, started } = state.transaction(() => {
        const newId = state.newId();
        state.insert("firewalls", {
          id: newId,
          name,
          rules: JSON.stringify(rules),
          labels: JSON.stringify(labels),
          created: timestamp(),
        });
        const set = actions.done("set_firewall_rules", [{ type: "firewall", id: newId }]);
        return { id: newId, started: [set, ...applyTo(cloud, newId, request.body.apply_to ?? [], 422)] };
      });
      const settled = await actions.settle(started, settleTime);
      void reply.code(201);
      return { firewall: toResource(state, findFirewall(state, id)), actions: settled };
    },
  );

  app.get("/firewalls/:id", { schema: { params: IdParams, response: { 200: One } } }, (request) => ({
    firewall: toResource(state, findFirewall(state, request.params.id)),
  }));

  app.put(
    "/firewalls/:id",
    {
      schema: {
        params: IdParams,
        body: Body({ name: Type.Optional(Name), labels: Type.Optional(Labels) }),
        response: { 200: One },
      },
    },
    (request) => {
      const row = findFirewall(state, request.params.id);
      const { name = row.name, labels } = request.body;
      if (labels) checkLabels(labels);
      requireFreeName(state, "firewalls", name, row.id);
      state.update("firewalls", row.id, { name, ...(labels && { labels: JSON.stringify(labels) }) });
      return { firewall: toResource(state, findFirewall(state, row.id)) };
    },
  );

  app.delete("/firewalls/:id", { schema: { params: IdParams } }, (request, reply) => {
    const { id } = findFirewall(state, request.params.id);
    if (directServersOf(state, id).length > 0 || selectorsOf(state, id).length > 0) {
      throw refused("resource_in_use", "firewall is still applied to a resource");
    }
    state.run("DELETE FROM firewalls WHERE id = ?", id);
    return reply.code(204).send();
  });
}
