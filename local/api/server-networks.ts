import { Type } from "typebox";
import type { JobArguments } from "../state/actions.js";
import { contains, isUsable, overlap, parseIPv4 } from "./addresses.js";
import type { App } from "./app.js";
import { settled, type Cloud } from "./cloud.js";
import { invalidInput, limitExceeded, refused } from "./errors.js";
import { addressesIn, newMac, takenIn } from "./network-addresses.js";
import { findNetwork, storedRange, subnetsOf, type NetworkRow } from "./network-rows.js";
import { Action, Body, Id, IdParams, Nullable } from "./schemas.js";
import { attachmentsOf, findUnlockedServer, type AttachmentRow, type ServerRow } from "./server-rows.js";

/** How many networks a server may be attached to: https://docs.hetzner.com/cloud/networks/faq/ */
const networkLimit = 3;

interface Wish {
  ip?: string | null | undefined;
  aliasIps?: string[] | undefined;
  /** Take an address of this subnet. */
  ipRange?: string | null | undefined;
}

/**
 * Writes into the state that a server has an interface in a network, with an address of a subnet in its own zone.
 * @param field of the request body that names the network
 */
export function attach(
  cloud: Cloud,
  server: ServerRow,
  network: NetworkRow,
  wish: Wish,
  field: string,
): void {
  const { state } = cloud;
  const whole = storedRange(network.ip_range);
  for (const { network_id: otherId } of attachmentsOf(state, server.id)) {
    if (otherId === network.id) {
      throw refused("server_already_attached", `server is already attached to network ${network.id}`);
    }
    const other = findNetwork(state, otherId);
    if (overlap(storedRange(other.ip_range), whole)) {
      throw refused(
        "networks_overlap",
        `the range of network ${network.id} overlaps with that of network ${otherId}`,
      );
    }
  }
  if (attachmentsOf(state, server.id).length >= networkLimit) {
    throw limitExceeded(
      "networks_per_server",
      `a server can be attached to ${networkLimit} networks at most`,
    );
  }
  const addresses = addressesIn(cloud, network, server.location, wish.ipRange, field);
  const asked = wish.ip ? addresses.take(wish.ip, "ip") : undefined;
  const aliases = (wish.aliasIps ?? []).map((text, index) => addresses.take(text, `alias_ips.${index}`));
  const ip = asked ?? addresses.lowest();
  state.insert("server_networks", {
    server_id: server.id,
    network_id: network.id,
    ip,
    alias_ips: JSON.stringify(aliases),
    mac_address: newMac(state),
  });
}

const Answer = { 201: Type.Object({ action: Action }) };

export function serverNetworkRoutes(app: App, cloud: Cloud): void {
  const { state, actions } = cloud;
  const start = (command: string, serverId: number, networkId: number, args: JobArguments = {}) =>
    actions.start(
      command,
      [
        { type: "server", id: serverId },
        { type: "network", id: networkId },
      ],
      args,
    );
  const attachment = (server: ServerRow, network: NetworkRow): AttachmentRow => {
    const found = attachmentsOf(state, server.id).find((row) => row.network_id === network.id);
    if (!found) throw refused("not_found", `server is not attached to network ${network.id}`, 404);
    return found;
  };

  app.post(
    "/servers/:id/actions/attach_to_network",
    {
      schema: {
        params: IdParams,
        body: Body({
          network: Id,
          ip: Type.Optional(Nullable(Type.String())),
          alias_ips: Type.Optional(Type.Array(Type.String())),
          ip_range: Type.Optional(Nullable(Type.String())),
        }),
        response: Answer,
      },
    },
    (request, reply) => {
      const { ip, alias_ips: aliasIps, ip_range: ipRange } = request.body;
      const server = findUnlockedServer(cloud, request.params.id);
      const network = findNetwork(state, request.body.network, "network");
      void reply.code(201);
      return settled(
        cloud,
        state.transaction(() => {
          attach(cloud, server, network, { ip, aliasIps, ipRange }, "network");
          return start("attach_to_network", server.id, network.id);
        }),
      );
    },
  );

  app.post(
    "/servers/:id/actions/detach_from_network",
    { schema: { params: IdParams, body: Body({ network: Id }), response: Answer } },
    (request, reply) => {
      const server = findUnlockedServer(cloud, request.params.id);
      const network = findNetwork(state, request.body.network, "network");
      attachment(server, network);
      void reply.code(201);
      return settled(cloud, start("detach_from_network", server.id, network.id));
    },
  );

  app.post(
    "/servers/:id/actions/change_alias_ips",
    {
      schema: {
        params: IdParams,
        body: Body({ network: Id, alias_ips: Type.Array(Type.String()) }),
        response: Answer,
      },
    },
    (request, reply) => {
      const server = findUnlockedServer(cloud, request.params.id);
      const network = findNetwork(state, request.body.network, "network");
      const row = attachment(server, network);
      const whole = storedRange(network.ip_range);
      const taken = takenIn(cloud, network.id, server.id).add(row.ip);
      for (const [index, text] of request.body.alias_ips.entries()) {
        const ip = parseIPv4(text);
        const inSubnet = subnetsOf(state, network.id).some(
          ({ ip_range: range }) => ip !== undefined && contains(storedRange(range), ip),
        );
        if (ip === undefined || !inSubnet) {
          throw invalidInput({
            [`alias_ips.${index}`]: [`'${text}' is not an address in a subnet of the network`],
          });
        }
        if (!isUsable(whole, ip) || taken.has(text))
          throw refused("ip_not_available", `${text} is not available`);
        taken.add(text);
      }
      void reply.code(201);
      return settled(
        cloud,
        state.transaction(() => {
          state.run(
            "UPDATE server_networks SET alias_ips = ? WHERE server_id = ? AND network_id = ?",
            JSON.stringify(request.body.alias_ips),
            server.id,
            network.id,
          );
          return start("change_alias_ips", server.id, network.id, { before: row.alias_ips });
        }),
      );
    },
  );
}
