import { Type, type Static } from "typebox";
import { timestamp, type Action } from "../state/actions.js";
import type { Cloud } from "./cloud.js";
import { invalidInput, notFound, refused } from "./errors.js";
import { requireFirewallLimit } from "./firewall-actions.js";
import { findFirewall } from "./firewall-rows.js";
import { findUsableImage, requireFittingDisk } from "./image-rows.js";
import { checkLabels } from "./labels.js";
import { requireFreeName, requireHostName } from "./names.js";
import { findNetwork } from "./network-rows.js";
import { findPlacementGroup } from "./placement-groups.js";
import { findPrimaryIp, insertPrimaryIp, type PrimaryIpRow } from "./primary-ip-rows.js";
import { Body, Id, IdOrName, Labels, Nullable } from "./schemas.js";
import { attach } from "./server-networks.js";
import { findServer } from "./server-rows.js";
import { findSshKey } from "./ssh-keys.js";
import { attachReferences, findUnlockedVolume, giveVolume } from "./volume-rows.js";

export const ServerInput = Body({
  name: Type.String(),
  server_type: IdOrName,
  image: IdOrName,
  location: Type.Optional(Nullable(IdOrName)),
  start_after_create: Type.Optional(Type.Boolean()),
  placement_group: Type.Optional(Nullable(Id)),
  ssh_keys: Type.Optional(Type.Array(IdOrName)),
  volumes: Type.Optional(Type.Array(Id)),
  networks: Type.Optional(Type.Array(Id)),
  firewalls: Type.Optional(Type.Array(Body({ firewall: Id }))),
  user_data: Type.Optional(Nullable(Type.String())),
  labels: Type.Optional(Labels),
  automount: Type.Optional(Type.Boolean()),
  public_net: Type.Optional(
    Body({
      enable_ipv4: Type.Optional(Type.Boolean()),
      enable_ipv6: Type.Optional(Type.Boolean()),
      ipv4: Type.Optional(Nullable(Id)),
      ipv6: Type.Optional(Nullable(Id)),
    }),
  ),
});

type Input = Static<typeof ServerInput>;

/** How many servers a spread placement group may have. */
export const placementGroupLimit = 10;

export interface NewServer {
  id: number;
  action: Action;
  nextActions: Action[];
}

/**
 * Writes a new server with its addresses, networks and firewalls into the state and starts the actions that make it so.
 * Call in a transaction: a refusal must leave nothing behind.
 */
export function createServer(cloud: Cloud, input: Input): NewServer {
  const { state, actions } = cloud;
  const labels = checkLabels(input.labels ?? {});
  const userData = input.user_data ?? "";
  if (Buffer.byteLength(userData) > 32 * 1024) throw invalidInput({ user_data: ["must not exceed 32 KiB"] });
  requireHostName(input.name);
  requireFreeName(state, "servers", input.name);
  const given = givenAddresses(cloud, input);
  const { type, location, image } = chooseHardware(cloud, input, given);
  const keys = (input.ssh_keys ?? []).map((key) => findSshKey(state, key, "ssh_keys").public_key);
  requirePlace(cloud, input.placement_group);

  const id = state.newId();
  state.insert("servers", {
    id,
    name: input.name,
    status: "initializing",
    server_type: type.name,
    image: image.system,
    image_id: image.imageId ?? null,
    location: location.name,
    primary_disk_size: type.disk,
    placement_group_id: input.placement_group ?? null,
    labels: JSON.stringify(labels),
    created: timestamp(),
    user_data: userData,
    authorized_keys: JSON.stringify(keys),
  });
  const hasPublic = giveAddresses(cloud, id, location.name, input, given);
  const server = findServer(state, id);
  const self = { type: "server" as const, id };
  for (const networkId of input.networks ?? []) {
    attach(cloud, server, findNetwork(state, networkId, "networks"), {}, "networks");
  }
  for (const { firewall: firewallId } of input.firewalls ?? []) {
    findFirewall(state, firewallId, "firewalls");
    if (!hasPublic) throw refused("private_net_only_server", "the server has no public interface");
    state.run(
      "INSERT OR IGNORE INTO firewall_servers (firewall_id, server_id) VALUES (?, ?)",
      firewallId,
      id,
    );
  }
  for (const volumeId of input.volumes ?? []) {
    giveVolume(state, findUnlockedVolume(cloud, volumeId, "volumes"), server, "volumes");
  }
  requireFirewallLimit(cloud, id);

  const start = input.start_after_create ?? true;
  if (start && !hasPublic && !input.networks?.length) {
    throw invalidInput({
      public_net: [
        "a server needs a public or a private network interface to start; set start_after_create to false",
      ],
    });
  }
  const action = actions.start("create_server", [self]);
  const nextActions = (input.networks ?? []).map((network) =>
    actions.start("attach_to_network", [self, { type: "network", id: network }]),
  );
  for (const volume of input.volumes ?? []) {
    const automount = String(input.automount ?? false);
    nextActions.push(actions.start("attach_volume", attachReferences(id, volume), { automount }));
  }
  if (start) nextActions.push(actions.start("start_server", [self]));
  return { id, action, nextActions };
}

/** The primary IPs that the request names. */
interface Given {
  ipv4?: PrimaryIpRow;
  ipv6?: PrimaryIpRow;
}

function givenAddresses({ state }: Cloud, { public_net: net = {} }: Input): Given {
  const given: Given = {};
  for (const type of ["ipv4", "ipv6"] as const) {
    const id = net[type];
    const field = `public_net.${type}`;
    if (id === undefined || id === null) continue;
    if (net[`enable_${type}`] === false) {
      throw invalidInput({ [field]: [`must not be set when enable_${type} is false`] });
    }
    const row = findPrimaryIp(state, id, field);
    if (row.type !== type) {
      throw refused(
        "primary_ip_version_mismatch",
        `primary IP ${id} is of type ${row.type}, not ${type}`,
        412,
      );
    }
    if (row.assignee_id !== null) {
      throw refused(
        "primary_ip_assigned",
        `primary IP ${id} is assigned to server ${row.assignee_id} already`,
      );
    }
    given[type] = row;
  }
  return given;
}

const named = (wanted: number | string) => (one: { id: number; name: string | null }) =>
  one.id === wanted || one.name === wanted || String(one.id) === wanted;

function chooseHardware(cloud: Cloud, input: Input, given: Given) {
  const { catalog } = cloud;
  const type = catalog.serverTypes.find(named(input.server_type));
  if (!type) throw notFound("server type", input.server_type, "server_type");
  const image = findUsableImage(cloud, input.image);
  requireFittingDisk(image, type);
  const bound = [given.ipv4, given.ipv6].flatMap((row) => (row ? [row.location] : []));
  const wanted = input.location ?? bound[0] ?? catalog.locations[0]?.name ?? "";
  const location = catalog.locations.find(named(wanted));
  if (!location) throw notFound("location", wanted, "location");
  const offer = type.locations.find(({ name }) => name === location.name);
  if (!offer)
    throw invalidInput({ location: [`the server type ${type.name} is not offered in ${location.name}`] });
  if (!offer.available) {
    const why = `the server type ${type.name} needs a computer of the architecture ${type.architecture}`;
    throw refused("resource_unavailable", `${why}; this one is another`, 412);
  }
  if (bound.some((one) => one !== location.name)) {
    throw refused("primary_ip_datacenter_mismatch", `a given primary IP is not in ${location.name}`);
  }
  return { type, location, image };
}

function requirePlace({ state }: Cloud, groupId: number | null | undefined): void {
  if (groupId === undefined || groupId === null) return;
  const group = findPlacementGroup(state, groupId, "placement_group");
  if (group.servers.length >= placementGroupLimit) {
    throw refused("placement_error", `placement group ${groupId} has ${placementGroupLimit} servers already`);
  }
}

/** Assigns the given primary IPs and makes new ones where none is given; returns whether the server has any. */
function giveAddresses(
  cloud: Cloud,
  serverId: number,
  location: string,
  input: Input,
  given: Given,
): boolean {
  let any = false;
  for (const type of ["ipv4", "ipv6"] as const) {
    const row = given[type];
    if (row) cloud.state.update("primary_ips", row.id, { assignee_id: serverId });
    else if (input.public_net?.[`enable_${type}`] ?? true) {
      insertPrimaryIp(cloud, { type, location, assigneeId: serverId, autoDelete: true });
    } else continue;
    any = true;
  }
  return any;
}
