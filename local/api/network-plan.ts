import { Type, type Static } from "typebox";
import type { State } from "../state/database.js";
import {
  contains,
  formatRange4,
  freeSubnet,
  isPrivate,
  overlap,
  parseIPv4,
  parseRange4,
  publicGateway,
  within,
  type Range4,
} from "./addresses.js";
import type { Cloud } from "./cloud.js";
import { invalidInput, refused, unsupported } from "./errors.js";
import { routesOf, storedRange, subnetsOf, type NetworkRow } from "./network-rows.js";
import { Body, Nullable } from "./schemas.js";

export const SubnetInput = Body({
  type: Type.Enum(["cloud", "server", "vswitch"]),
  ip_range: Type.Optional(Type.String()),
  network_zone: Type.String(),
  vswitch_id: Type.Optional(Nullable(Type.Integer())),
  // Clients send back what they were given; it is always the network's own gateway.
  gateway: Type.Optional(Type.String()),
});

export const RouteInput = Body({ destination: Type.String(), gateway: Type.String() });

/**
 * Adds a subnet to the state.
 * @param path of the subnet in the request body, with the dot behind it; "" when the body is the subnet
 */
export function addSubnet(
  { state, catalog }: Cloud,
  network: NetworkRow,
  subnet: Static<typeof SubnetInput>,
  path: string,
): void {
  if (subnet.type === "vswitch" || subnet.vswitch_id) {
    throw unsupported("subnets of type vswitch need Hetzner Robot, which this local cloud does not have");
  }
  const zones = new Set(catalog.locations.map(({ network_zone: zone }) => zone));
  if (!zones.has(subnet.network_zone)) {
    throw invalidInput({ [`${path}network_zone`]: [`must be one of ${[...zones].join(", ")}`] });
  }
  const whole = storedRange(network.ip_range);
  const taken = [
    ...subnetsOf(state, network.id).map(({ ip_range: range }) => storedRange(range)),
    ...routesOf(state, network.id)
      .map(({ destination }) => storedRange(destination))
      .filter(({ size }) => size < 2 ** 32),
  ];
  const range =
    subnet.ip_range === undefined
      ? freeSubnet(whole, taken)
      : readSubnetRange(subnet.ip_range, whole, taken, `${path}ip_range`);
  if (!range) throw refused("no_subnet_available", "no free /24 is left in the network");
  state.insert("network_subnets", {
    network_id: network.id,
    ip_range: formatRange4(range),
    type: subnet.type,
    network_zone: subnet.network_zone,
  });
}

function readSubnetRange(text: string, whole: Range4, taken: readonly Range4[], field: string): Range4 {
  const range = parseRange4(text);
  const wrong = (message: string) => invalidInput({ [field]: [message] });
  if (!range) throw wrong(`'${text}' is not an IPv4 CIDR block without host bits, such as 10.0.1.0/24`);
  if (!within(range, whole)) throw wrong("must lie in the network's ip_range");
  if (range.prefix > 30) throw wrong("must be /30 or larger");
  const other = taken.find((one) => overlap(one, range));
  if (other) throw wrong(`overlaps with ${formatRange4(other)} in the same network`);
  return range;
}

/** Adds a route to the state; `path` as for addSubnet. */
export function addRoute(
  state: State,
  network: NetworkRow,
  { destination, gateway }: Static<typeof RouteInput>,
  path: string,
): void {
  const whole = storedRange(network.ip_range);
  const range = parseRange4(destination);
  const wrong = (field: string, message: string) => invalidInput({ [`${path}${field}`]: [message] });
  if (!range) throw wrong("destination", `'${destination}' is not an IPv4 CIDR block without host bits`);
  const isDefault = range.prefix === 0;
  if (!isDefault && !isPrivate(range)) {
    throw wrong("destination", "must be 0.0.0.0/0 or lie in 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16");
  }
  if (!isDefault && overlap(range, publicGateway)) throw wrong("destination", "must not hold 172.31.1.1");
  if (!isDefault) {
    const subnets = subnetsOf(state, network.id).map(({ ip_range: subnet }) => subnet);
    const routes = routesOf(state, network.id).map((route) => route.destination);
    const other = [...subnets, ...routes.filter((one) => one !== "0.0.0.0/0")].find((one) =>
      overlap(storedRange(one), range),
    );
    if (other) throw wrong("destination", `overlaps with ${other} in the same network`);
  } else if (routesOf(state, network.id).some((route) => route.destination === destination)) {
    throw wrong("destination", "the network has a route to 0.0.0.0/0 already");
  }
  const address = parseIPv4(gateway);
  if (address === undefined || !contains(whole, address)) {
    throw wrong("gateway", "must be an IPv4 address in the network's ip_range");
  }
  if (address === whole.first + 1) throw wrong("gateway", "must not be the network's own gateway");
  if (contains(publicGateway, address)) throw wrong("gateway", "must not be 172.31.1.1");
  state.insert("network_routes", { network_id: network.id, destination: formatRange4(range), gateway });
}
