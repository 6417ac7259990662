import type { State } from "../state/database.js";
import { contains, formatIPv4, freeAddress, isUsable, parseIPv4 } from "./addresses.js";
import type { Cloud } from "./cloud.js";
import { invalidInput, refused } from "./errors.js";
import { storedRange, subnetsOf, type NetworkRow } from "./network-rows.js";
import { readAliases, type AttachmentRow } from "./server-rows.js";

/** Gives out addresses of a private network, each once. */
export interface NetworkAddresses {
  /** @param field of the request that names the address. @throws ApiError when it cannot be given */
  take(text: string, field: string): string;
  /** @throws ApiError no_subnet_available when none is left */
  lowest(): string;
}

/**
 * The addresses that something in a location may get in a network: those of subnets of its own zone.
 *
 * @param ipRange only of this subnet
 * @param field of the request that names the network
 * @throws ApiError when there is no such subnet
 */
export function addressesIn(
  cloud: Cloud,
  network: NetworkRow,
  location: string,
  ipRange: string | null | undefined,
  field: string,
): NetworkAddresses {
  const { state } = cloud;
  const whole = storedRange(network.ip_range);
  const zone = cloud.catalog.locations.find(({ name }) => name === location)?.network_zone;
  let subnets = subnetsOf(state, network.id).filter((subnet) => subnet.network_zone === zone);
  if (ipRange) {
    const known = subnetsOf(state, network.id).some(({ ip_range: range }) => range === ipRange);
    if (!known) throw invalidInput({ ip_range: [`the network has no subnet ${ipRange}`] });
    subnets = subnets.filter(({ ip_range: range }) => range === ipRange);
  }
  if (subnets.length === 0) {
    throw refused(
      "no_subnet_available",
      `network ${network.id} (${field}) has no subnet in the zone ${zone}`,
    );
  }
  const taken = takenIn(cloud, network.id);
  const inSubnet = (ip: number) => subnets.some(({ ip_range: range }) => contains(storedRange(range), ip));
  return {
    take(text, name) {
      const ip = parseIPv4(text);
      if (ip === undefined) throw invalidInput({ [name]: [`'${text}' is not an IPv4 address`] });
      if (!inSubnet(ip)) throw invalidInput({ [name]: [`${text} is in no subnet of the zone ${zone}`] });
      if (!isUsable(whole, ip) || taken.has(text))
        throw refused("ip_not_available", `${text} is not available`);
      taken.add(text);
      return formatIPv4(ip);
    },
    lowest() {
      for (const { ip_range: range } of subnets) {
        const ip = freeAddress(whole, storedRange(range), taken);
        if (ip === undefined) continue;
        taken.add(ip);
        return ip;
      }
      throw refused("no_subnet_available", `network ${network.id} has no free address`);
    },
  };
}

/** The last three bytes of a number that is given once make an address that is unique on this computer's networks. */
export function newMac(state: State): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(state.newId() % 2 ** 24);
  return ["86", "00", "00", ...(bytes.toString("hex", 1).match(/../g) ?? [])].join(":");
}

/** Addresses and aliases that servers and load balancers have in a network; those of `exceptServer` are left out. */
export function takenIn({ state }: Cloud, networkId: number, exceptServer = 0): Set<string> {
  const rows = state.all<AttachmentRow>(
    "SELECT * FROM server_networks WHERE network_id = ? AND server_id <> ?",
    networkId,
    exceptServer,
  );
  const balancers = state.all<{ ip: string }>(
    "SELECT private_ip AS ip FROM load_balancers WHERE network_id = ?",
    networkId,
  );
  return new Set([
    ...rows.flatMap((row) => [row.ip].concat(readAliases(row))),
    ...balancers.map(({ ip }) => ip),
  ]);
}
