import { Type } from "typebox";
import type { Action as ActionValue, Job, RunningAction } from "../state/actions.js";
import { KeyedQueue } from "../queue.js";
import type { App } from "./app.js";
import { settled, type Cloud } from "./cloud.js";
import { invalidInput, refused } from "./errors.js";
import { findFloatingIp, findUnlockedFloatingIp, requireSameZone } from "./floating-ip-rows.js";
import { setPointer } from "./pointers.js";
import { setAddresses } from "./public-addresses.js";
import { Action, Body, DnsName, Id, IdParams, Nullable } from "./schemas.js";
import { findUnlockedServer } from "./server-rows.js";

const Answer = { 201: Type.Object({ action: Action }) };

/**
 * Starts the action that makes the computer agree with where the state says that a floating IP is.
 *
 * @param serverId of the server that the action is about
 * @param before which server had the address until now
 */
export function setFloatingIp(
  { actions }: Cloud,
  command: "assign_floating_ip" | "unassign_floating_ip",
  id: number,
  serverId: number | null,
  before: number | null,
): ActionValue {
  const server = serverId === null ? [] : [{ type: "server" as const, id: serverId }];
  const resources = [...server, { type: "floating_ip" as const, id }];
  return actions.start(command, resources, { before: String(before ?? "") });
}

export function floatingIpActionRoutes(app: App, cloud: Cloud): void {
  const { state, actions } = cloud;

  app.post(
    "/floating_ips/:id/actions/assign",
    { schema: { params: IdParams, body: Body({ server: Id }), response: Answer } },
    (request, reply) => {
      const row = findUnlockedFloatingIp(cloud, request.params.id);
      const server = findUnlockedServer(cloud, request.body.server, "server");
      requireSameZone(cloud, row.home_location, server);
      if (row.server_id === server.id) {
        throw refused("floating_ip_assigned", `floating IP is assigned to server ${server.id} already`);
      }
      void reply.code(201);
      // It leaves the server that has it now, if any.
      return settled(
        cloud,
        state.transaction(() => {
          state.update("floating_ips", row.id, { server_id: server.id });
          return setFloatingIp(cloud, "assign_floating_ip", row.id, server.id, row.server_id);
        }),
      );
    },
  );

  app.post(
    "/floating_ips/:id/actions/unassign",
    { schema: { params: IdParams, body: Type.Optional(Type.Unknown()), response: Answer } },
    (request, reply) => {
      const row = findUnlockedFloatingIp(cloud, request.params.id);
      if (row.server_id === null) throw refused("service_error", "floating IP is not assigned");
      void reply.code(201);
      return settled(
        cloud,
        state.transaction(() => {
          state.update("floating_ips", row.id, { server_id: null });
          return setFloatingIp(cloud, "unassign_floating_ip", row.id, row.server_id, row.server_id);
        }),
      );
    },
  );

  app.post(
    "/floating_ips/:id/actions/change_protection",
    { schema: { params: IdParams, body: Body({ delete: Type.Optional(Type.Boolean()) }), response: Answer } },
    (request, reply) => {
      const row = findFloatingIp(state, request.params.id);
      const wanted = request.body.delete ?? row.protection_delete === 1;
      void reply.code(201);
      return state.transaction(() => {
        state.update("floating_ips", row.id, { protection_delete: Number(wanted) });
        return { action: actions.done("change_protection", [{ type: "floating_ip", id: row.id }]) };
      });
    },
  );

  app.post(
    "/floating_ips/:id/actions/change_dns_ptr",
    {
      schema: {
        params: IdParams,
        body: Body({ ip: Type.String(), dns_ptr: Type.Optional(Nullable(DnsName)) }),
        response: Answer,
      },
    },
    (request, reply) => {
      const row = findFloatingIp(state, request.params.id);
      const { ip, dns_ptr: name = null } = request.body;
      void reply.code(201);
      return state.transaction(() => {
        if (!setPointer(state, "floating_ips", row, ip, name)) {
          throw invalidInput({ ip: [`${ip} is not an address of the floating IP ${row.ip}`] });
        }
        return { action: actions.done("change_dns_ptr", [{ type: "floating_ip", id: row.id }]) };
      });
    },
  );
}

export function floatingIpJobs(cloud: Cloud): Record<string, Job> {
  const { state } = cloud;
  const queue = new KeyedQueue();
  const idOf = ({ resources }: RunningAction): number => {
    const reference = resources.find(({ type }) => type === "floating_ip");
    if (!reference) throw new Error("the action names no floating IP");
    return reference.id;
  };
  const before = (action: RunningAction): number | null =>
    action.arguments["before"] ? Number(action.arguments["before"]) : null;
  const hasMachine = (id: number): boolean =>
    state.get("SELECT 1 FROM servers WHERE id = ?", id) !== undefined;

  /** The old server lets go before the new one takes it, whatever other moves of the address are under way. */
  const move: Job = {
    run: (action) =>
      queue.run(String(idOf(action)), async () => {
        const now = findFloatingIp(state, idOf(action)).server_id;
        for (const server of [before(action), now]) {
          if (server !== null && hasMachine(server)) await setAddresses(cloud, server);
        }
      }),
    undo: (action) => state.update("floating_ips", idOf(action), { server_id: before(action) }),
  };
  return { assign_floating_ip: move, unassign_floating_ip: move };
}
