import { Type } from "typebox";
import type { Action as ActionValue, JobArguments } from "../state/actions.js";
import type { App } from "./app.js";
import { settled, type Cloud } from "./cloud.js";
import { invalidInput, isProtected, notFound, refused } from "./errors.js";
import { findUsableImage } from "./image-rows.js";
import { findPlacementGroup } from "./placement-groups.js";
import { setPointer } from "./pointers.js";
import { primaryIpOf } from "./primary-ip-rows.js";
import { Action, Body, DnsName, Id, IdOrName, IdParams, Nullable } from "./schemas.js";
import { placementGroupLimit } from "./server-create.js";
import {
  attachmentsOf,
  findServer,
  findUnlockedServer,
  requireOff,
  serverTypeOf,
  setStatus,
  type ServerRow,
} from "./server-rows.js";

const Answer = { 201: Type.Object({ action: Action }) };
const Nothing = Type.Optional(Type.Unknown());

/** The power switch: what each action is called as a command, and the status while it is done. */
const power = {
  poweron: { command: "start_server", status: "starting" },
  poweroff: { command: "stop_server", status: "stopping" },
  shutdown: { command: "shutdown_server", status: "stopping" },
  reboot: { command: "reboot_server", status: "running" },
  reset: { command: "reset_server", status: "running" },
} as const;

export function serverActionRoutes(app: App, cloud: Cloud): void {
  const { state, actions, catalog } = cloud;
  const start = (command: string, server: ServerRow, args: JobArguments = {}): ActionValue =>
    actions.start(command, [{ type: "server", id: server.id }], args);

  for (const [name, { command, status }] of Object.entries(power)) {
    app.post(
      `/servers/:id/actions/${name}`,
      { schema: { params: IdParams, body: Nothing, response: Answer } },
      (request, reply) => {
        const server = findUnlockedServer(cloud, request.params.id);
        if (name === "poweron") requireInterface(server);
        void reply.code(201);
        return settled(
          cloud,
          state.transaction(() => {
            const isOff = server.status === "off";
            // A server that is off stays as it is when it is told to stop or to restart softly.
            if (name === "poweron" ? isOff : !isOff) setStatus(state, server.id, status);
            return start(command, server);
          }),
        );
      },
    );
  }

  function requireInterface(server: ServerRow): void {
    const any =
      attachmentsOf(state, server.id).length > 0 ||
      primaryIpOf(state, server.id, "ipv4") ||
      primaryIpOf(state, server.id, "ipv6");
    if (!any)
      throw refused("service_error", "a server needs a public or a private network interface to start");
  }

  app.post(
    "/servers/:id/actions/change_type",
    {
      schema: {
        params: IdParams,
        body: Body({ server_type: IdOrName, upgrade_disk: Type.Boolean() }),
        response: Answer,
      },
    },
    (request, reply) => {
      const { server_type: wanted, upgrade_disk: upgradeDisk } = request.body;
      const server = findUnlockedServer(cloud, request.params.id);
      const type = catalog.serverTypes.find(({ id, name }) => id === wanted || name === wanted);
      if (!type) throw notFound("server type", wanted, "server_type");
      const wrong = (why: string) => refused("invalid_server_type", `server type ${type.name} ${why}`);
      if (type.name === server.server_type) throw wrong("is what the server has already");
      if (type.architecture !== serverTypeOf(cloud, server).architecture)
        throw wrong("is of another architecture");
      const offer = type.locations.find(({ name }) => name === server.location);
      if (!offer?.available) throw wrong(`is not available in ${server.location}`);
      if (type.disk < server.primary_disk_size) {
        throw wrong(`has ${type.disk} GB of disk, the server's disk has ${server.primary_disk_size} GB`);
      }
      requireOff(server);
      void reply.code(201);
      return settled(
        cloud,
        state.transaction(() => {
          setStatus(state, server.id, "migrating");
          return start("change_server_type", server, {
            serverType: type.name,
            upgradeDisk: String(upgradeDisk),
          });
        }),
      );
    },
  );

  app.post(
    "/servers/:id/actions/rebuild",
    {
      schema: {
        params: IdParams,
        body: Body({ image: IdOrName }),
        response: { 201: Type.Object({ action: Action, root_password: Nullable(Type.String()) }) },
      },
    },
    async (request, reply) => {
      const { image: wanted } = request.body;
      const server = findUnlockedServer(cloud, request.params.id);
      const image = findUsableImage(cloud, wanted);
      if (server.protection_rebuild) throw isProtected("server", "rebuilt");
      if (image.diskSize > server.primary_disk_size) {
        throw invalidInput({
          image: [`has a disk of ${image.diskSize} GB, the server one of ${server.primary_disk_size} GB`],
        });
      }
      const started = state.transaction(() => {
        setStatus(state, server.id, "rebuilding");
        // The server says that it is of this image once its disk is.
        const imageId = image.imageId === undefined ? {} : { imageId: String(image.imageId) };
        return start("rebuild_server", server, { image: image.system, ...imageId });
      });
      void reply.code(201);
      return { ...(await settled(cloud, started)), root_password: null };
    },
  );

  app.post(
    "/servers/:id/actions/change_protection",
    {
      schema: {
        params: IdParams,
        body: Body({ delete: Type.Optional(Type.Boolean()), rebuild: Type.Optional(Type.Boolean()) }),
        response: Answer,
      },
    },
    (request, reply) => {
      const server = findServer(state, request.params.id);
      const { delete: protectDelete, rebuild } = request.body;
      const next = {
        delete: protectDelete ?? server.protection_delete === 1,
        rebuild: rebuild ?? server.protection_rebuild === 1,
      };
      if (next.delete !== next.rebuild) {
        throw invalidInput({
          delete: ["must have the same value as rebuild"],
          rebuild: ["must be as delete"],
        });
      }
      void reply.code(201);
      return state.transaction(() => {
        state.update("servers", server.id, {
          protection_delete: Number(next.delete),
          protection_rebuild: Number(next.rebuild),
        });
        return { action: actions.done("change_protection", [{ type: "server", id: server.id }]) };
      });
    },
  );

  app.post(
    "/servers/:id/actions/change_dns_ptr",
    {
      schema: {
        params: IdParams,
        body: Body({ ip: Type.String(), dns_ptr: Type.Optional(Nullable(DnsName)) }),
        response: Answer,
      },
    },
    (request, reply) => {
      const server = findServer(state, request.params.id);
      const { ip, dns_ptr: name = null } = request.body;
      const rows = (["ipv4", "ipv6"] as const).flatMap((type) => primaryIpOf(state, server.id, type) ?? []);
      void reply.code(201);
      return state.transaction(() => {
        if (!rows.some((row) => setPointer(state, "primary_ips", row, ip, name))) {
          throw invalidInput({ ip: [`${ip} is not an address of the server`] });
        }
        return { action: actions.done("change_dns_ptr", [{ type: "server", id: server.id }]) };
      });
    },
  );

  app.post(
    "/servers/:id/actions/add_to_placement_group",
    { schema: { params: IdParams, body: Body({ placement_group: Id }), response: Answer } },
    (request, reply) => {
      const server = findUnlockedServer(cloud, request.params.id);
      const group = findPlacementGroup(state, request.body.placement_group, "placement_group");
      if (server.placement_group_id !== null) {
        throw refused("already_in_placement_group", "server is already part of a placement group");
      }
      requireOff(server);
      if (group.servers.length >= placementGroupLimit) {
        throw refused(
          "placement_error",
          `placement group ${group.id} has ${placementGroupLimit} servers already`,
        );
      }
      void reply.code(201);
      return joinGroup(server, group.id, "add_to_placement_group");
    },
  );

  app.post(
    "/servers/:id/actions/remove_from_placement_group",
    { schema: { params: IdParams, body: Nothing, response: Answer } },
    (request, reply) => {
      const server = findUnlockedServer(cloud, request.params.id);
      void reply.code(201);
      return joinGroup(server, null, "remove_from_placement_group");
    },
  );

  function joinGroup(server: ServerRow, groupId: number | null, command: string): { action: ActionValue } {
    return state.transaction(() => {
      state.update("servers", server.id, { placement_group_id: groupId });
      return { action: actions.done(command, [{ type: "server", id: server.id }]) };
    });
  }
}
