import { Type } from "typebox";
import type { State } from "../state/database.js";
import type { App } from "./app.js";
import { settled, type Cloud } from "./cloud.js";
import { invalidInput, refused } from "./errors.js";
import { balancersWithServer, findLoadBalancer, targetsOf } from "./load-balancer-rows.js";
import { setPointer } from "./pointers.js";
import { findPrimaryIp, primaryIpOf } from "./primary-ip-rows.js";
import { Action, Body, DnsName, Id, IdParams, Nullable } from "./schemas.js";
import { findUnlockedServer, requireOff, type ServerRow } from "./server-rows.js";

const Answer = { 201: Type.Object({ action: Action }) };

/** @throws ApiError unless the server is off and has no address of that family */
export function requireNoAddress(state: State, server: ServerRow, type: "ipv4" | "ipv6"): void {
  requireOff(server);
  if (primaryIpOf(state, server.id, type)) {
    throw refused(`server_has_${type}`, `server ${server.id} already has an ${type} address`);
  }
}

/** @throws ApiError when a load balancer sends traffic to the server's public address */
function requireNoTraffic(state: State, serverId: number): void {
  for (const id of balancersWithServer(state, serverId)) {
    const target = targetsOf(findLoadBalancer(state, id)).find(
      (one) => one.type === "server" && one.id === serverId,
    );
    if (target?.type === "server" && !target.usePrivateIp) {
      throw refused(
        "server_is_load_balancer_target",
        `load balancer ${id} sends traffic to the IPv4 address of server ${serverId}`,
      );
    }
  }
}

const references = (serverId: number, id: number) => [
  { type: "server" as const, id: serverId },
  { type: "primary_ip" as const, id },
];

export function primaryIpActionRoutes(app: App, cloud: Cloud): void {
  const { state, actions } = cloud;

  app.post(
    "/primary_ips/:id/actions/assign",
    {
      schema: {
        params: IdParams,
        body: Body({ assignee_id: Id, assignee_type: Type.Enum(["server"]) }),
        response: Answer,
      },
    },
    (request, reply) => {
      const row = findPrimaryIp(state, request.params.id);
      const server = findUnlockedServer(cloud, request.body.assignee_id, "assignee_id");
      if (row.assignee_id !== null) {
        throw refused("primary_ip_already_assigned", `primary IP is assigned to server ${row.assignee_id}`);
      }
      if (row.location !== server.location) {
        throw refused(
          "primary_ip_datacenter_mismatch",
          `primary IP is in ${row.location}, the server in ${server.location}`,
        );
      }
      requireNoAddress(state, server, row.type);
      void reply.code(201);
      return settled(
        cloud,
        state.transaction(() => {
          state.update("primary_ips", row.id, { assignee_id: server.id });
          return actions.start("assign_primary_ip", references(server.id, row.id));
        }),
      );
    },
  );

  app.post(
    "/primary_ips/:id/actions/unassign",
    { schema: { params: IdParams, body: Type.Optional(Type.Unknown()), response: Answer } },
    (request, reply) => {
      const row = findPrimaryIp(state, request.params.id);
      if (row.assignee_id === null) throw refused("service_error", "primary IP is not assigned");
      const server = findUnlockedServer(cloud, row.assignee_id);
      requireOff(server);
      if (row.type === "ipv4") requireNoTraffic(state, server.id);
      void reply.code(201);
      return settled(
        cloud,
        state.transaction(() => {
          state.update("primary_ips", row.id, { assignee_id: null });
          return actions.start("unassign_primary_ip", references(server.id, row.id));
        }),
      );
    },
  );

  app.post(
    "/primary_ips/:id/actions/change_protection",
    { schema: { params: IdParams, body: Body({ delete: Type.Boolean() }), response: Answer } },
    (request, reply) => {
      const row = findPrimaryIp(state, request.params.id);
      if (request.body.delete && row.auto_delete) {
        throw invalidInput({ delete: ["must be false while auto_delete is true"] });
      }
      void reply.code(201);
      return state.transaction(() => {
        state.update("primary_ips", row.id, { protection_delete: Number(request.body.delete) });
        return { action: actions.done("change_protection", [{ type: "primary_ip", id: row.id }]) };
      });
    },
  );

  app.post(
    "/primary_ips/:id/actions/change_dns_ptr",
    {
      schema: {
        params: IdParams,
        body: Body({ ip: Type.String(), dns_ptr: Type.Optional(Nullable(DnsName)) }),
        response: Answer,
      },
    },
    (request, reply) => {
      const row = findPrimaryIp(state, request.params.id);
      const { ip, dns_ptr: name = null } = request.body;
      void reply.code(201);
      return state.transaction(() => {
        if (!setPointer(state, "primary_ips", row, ip, name)) {
          throw invalidInput({ ip: [`${ip} is not an address of the primary IP ${row.ip}`] });
        }
        return { action: actions.done("change_dns_ptr", [{ type: "primary_ip", id: row.id }]) };
      });
    },
  );
}
