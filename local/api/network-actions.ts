import { Type } from "typebox";
import { contains, overlap, parseIPv4 } from "./addresses.js";
import type { App } from "./app.js";
import { settled, type Cloud } from "./cloud.js";
import { invalidInput, refused } from "./errors.js";
import { findNetwork, readNetworkRange, storedRange, type NetworkRow } from "./network-rows.js";
import { addRoute, addSubnet, RouteInput, SubnetInput } from "./network-plan.js";
import { Action, Body, IdParams } from "./schemas.js";
import { readAliases, type AttachmentRow } from "./server-rows.js";

const reference = ({ id }: NetworkRow) => [{ type: "network" as const, id }];

const Answer = { 201: Type.Object({ action: Action }) };

/**
 * Changes of a network. Hetzner answers `conflict` while another change of the same network runs, and clients then try
 * again; here a change is made in the turn in which it arrives, so there is nothing to wait for.
 */
export function networkActionRoutes(app: App, cloud: Cloud): void {
  const { state, actions } = cloud;

  app.post(
    "/networks/:id/actions/add_subnet",
    { schema: { params: IdParams, body: SubnetInput, response: Answer } },
    (request, reply) => {
      const network = findNetwork(state, request.params.id);
      void reply.code(201);
      return state.transaction(() => {
        addSubnet(cloud, network, request.body, "");
        // Subnets say who gets which address; the network's router does not know them.
        return { action: actions.done("add_subnet", reference(network)) };
      });
    },
  );

  app.post(
    "/networks/:id/actions/delete_subnet",
    { schema: { params: IdParams, body: Body({ ip_range: Type.String() }), response: Answer } },
    (request, reply) => {
      const network = findNetwork(state, request.params.id);
      const { ip_range: range } = request.body;
      const known = "SELECT 1 FROM network_subnets WHERE network_id = ? AND ip_range = ?";
      if (!state.get(known, network.id, range)) {
        throw refused("not_found", `the network has no subnet ${range}`, 404);
      }
      const inside = (ip: string) => contains(storedRange(range), parseIPv4(ip) ?? 0);
      const attached = state.all<AttachmentRow>(
        "SELECT * FROM server_networks WHERE network_id = ?",
        network.id,
      );
      if (attached.some((row) => [row.ip, ...readAliases(row)].some(inside))) {
        throw refused("service_error", "cannot remove subnet because servers are attached to it");
      }
      void reply.code(201);
      return state.transaction(() => {
        state.run("DELETE FROM network_subnets WHERE network_id = ? AND ip_range = ?", network.id, range);
        return { action: actions.done("delete_subnet", reference(network)) };
      });
    },
  );

  app.post(
    "/networks/:id/actions/add_route",
    { schema: { params: IdParams, body: RouteInput, response: Answer } },
    (request, reply) => {
      const network = findNetwork(state, request.params.id);
      void reply.code(201);
      return settled(
        cloud,
        state.transaction(() => {
          addRoute(state, network, request.body, "");
          return actions.start("add_route", reference(network), { ...request.body });
        }),
      );
    },
  );

  app.post(
    "/networks/:id/actions/delete_route",
    { schema: { params: IdParams, body: RouteInput, response: Answer } },
    (request, reply) => {
      const network = findNetwork(state, request.params.id);
      const { destination, gateway } = request.body;
      const route = "network_id = ? AND destination = ? AND gateway = ?";
      if (!state.get(`SELECT 1 FROM network_routes WHERE ${route}`, network.id, destination, gateway)) {
        throw refused("not_found", `the network has no route to ${destination} by ${gateway}`, 404);
      }
      void reply.code(201);
      return settled(
        cloud,
        state.transaction(() => {
          state.run(`DELETE FROM network_routes WHERE ${route}`, network.id, destination, gateway);
          return actions.start("delete_route", reference(network), { ...request.body });
        }),
      );
    },
  );

  app.post(
    "/networks/:id/actions/change_ip_range",
    { schema: { params: IdParams, body: Body({ ip_range: Type.String() }), response: Answer } },
    (request, reply) => {
      const network = findNetwork(state, request.params.id);
      const { ip_range: text } = request.body;
      const range = readNetworkRange(text);
      const before = storedRange(network.ip_range);
      if (range.first !== before.first || range.prefix > before.prefix) {
        throw invalidInput({ ip_range: [`must begin as ${network.ip_range} does and not be smaller`] });
      }
      const neighbours = state.all<{ ip_range: string }>(
        `SELECT DISTINCT networks.ip_range FROM server_networks own
         JOIN server_networks other ON other.server_id = own.server_id AND other.network_id <> own.network_id
         JOIN networks ON networks.id = other.network_id
         WHERE own.network_id = ?`,
        network.id,
      );
      if (neighbours.some((other) => overlap(storedRange(other.ip_range), range))) {
        throw refused("networks_overlap", "overlaps with another network of one of its servers");
      }
      void reply.code(201);
      return settled(
        cloud,
        state.transaction(() => {
          state.update("networks", network.id, { ip_range: text });
          return actions.start("change_ip_range", reference(network), { before: network.ip_range });
        }),
      );
    },
  );

  app.post(
    "/networks/:id/actions/change_protection",
    {
      schema: {
        params: IdParams,
        body: Body({ delete: Type.Optional(Type.Boolean()) }),
        response: Answer,
      },
    },
    (request, reply) => {
      const network = findNetwork(state, request.params.id);
      void reply.code(201);
      return state.transaction(() => {
        if (request.body.delete !== undefined) {
          state.update("networks", network.id, { protection_delete: Number(request.body.delete) });
        }
        return { action: actions.done("change_protection", reference(network)) };
      });
    },
  );
}
