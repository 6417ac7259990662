import { Type } from "typebox";
import type { JobArguments } from "../state/actions.js";
import { contains, formatIPv4, freeAddress, isUsable, overlap, parseIPv4 } from "./addresses.js";
import type { App } from "./app.js";
import { settled, type Cloud } from "./cloud.js";
import { invalidInput, refused } from "./errors.js";
import { findNetwork, storedRange, subnetsOf, type NetworkRow } from "./network-rows.js";
import { Action, Body, Id, IdParams, Nullable } from "./schemas.js";
import {
  attachmentsOf,
  findUnlockedServer,
  readAliases,
  type AttachmentRow,
  type ServerRow,
} from "./server-rows.js";

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
    throw refused(
      "resource_limit_exceeded",
      `a server can be attached to ${networkLimit} networks at most`,
      403,
    );
  }
  const zone = cloud.catalog.locations.find(({ name }) => name === server.location)?.network_zone;
  let subnets = subnetsOf(state, network.id).filter((subnet) => subnet.network_zone === zone);
  if (wish.ipRange) {
    const known = subnetsOf(state, network.id).some(({ ip_range: range }) => range === wish.ipRange);
    if (!known) throw invalidInput({ ip_range: [`the network has no subnet ${wish.ipRange}`] });
    subnets = subnets.filter(({ ip_range: range }) => range === wish.ipRange);
  }
  if (subnets.length === 0) {
    throw refused(
      "no_subnet_available",
      `network ${network.id} (${field}) has no subnet in the zone ${zone}`,
    );
  }
  const taken = takenIn(cloud, network.id);
  const inSubnet = (ip: number) => subnets.some(({ ip_range: range }) => contains(storedRange(range), ip));
  const requireFree = (text: string, name: string): string => {
    const ip = parseIPv4(text);
    if (ip === undefined) throw invalidInput({ [name]: [`'${text}' is not an IPv4 address`] });
    if (!inSubnet(ip)) throw invalidInput({ [name]: [`${text} is in no subnet of the zone ${zone}`] });
    if (!isUsable(whole, ip) || taken.has(text))
      throw refused("ip_not_available", `${text} is not available`);
    taken.add(text);
    return formatIPv4(ip);
  };
  const asked = wish.ip ? requireFree(wish.ip, "ip") : undefined;
  const aliases = (wish.aliasIps ?? []).map((text, index) => requireFree(text, `alias_ips.${index}`));
  const ip =
    asked ??
    subnets.reduce<string | undefined>(
      (found, { ip_range: range }) => found ?? freeAddress(whole, storedRange(range), taken),
      undefined,
    );
  if (ip === undefined) throw refused("no_subnet_available", `network ${network.id} has no free address`);
  // The last three bytes of a number that is given once make an address that is unique on this computer's networks.
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(state.newId() % 2 ** 24);
  const mac = ["86", "00", "00", ...(bytes.toString("hex", 1).match(/../g) ?? [])].join(":");
  state.insert("server_networks", {
    server_id: server.id,
    network_id: network.id,
    ip,
    alias_ips: JSON.stringify(aliases),
    mac_address: mac,
  });
}

/** Addresses and aliases that servers have in a network; those of `exceptServer` are left out. */
function takenIn({ state }: Cloud, networkId: number, exceptServer = 0): Set<string> {
  const rows = state.all<AttachmentRow>(
    "SELECT * FROM server_networks WHERE network_id = ? AND server_id <> ?",
    networkId,
    exceptServer,
  );
  return new Set(rows.flatMap((row) => [row.ip].concat(readAliases(row))));
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
