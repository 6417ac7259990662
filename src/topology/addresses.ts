import ipaddr from "ipaddr.js";

/**
 * Address arithmetic. Every address follows from the region's range, the machine's tier and its number alone, so that
 * adding a machine, a tier or a region never moves the address of another.
 */

/**
 * A tier's /24 is the region's range with this third octet. Tiers may be added, numbers never change.
 * 0 is left out: it holds the gateway of a Hetzner network (the first address of its range).
 */
const tierNumbers = {
  edge: 1,
  app: 2,
  database: 3,
  cache: 4,
  broker: 5,
  search: 6,
  worker: 7,
  cdn: 8,
  control: 9,
  node: 10,
} as const;

export type Tier = keyof typeof tierNumbers;

/** The most machines that a tier's /24 has room for: .10 to .250; below are gateways, above is room for floating ones. */
export const machinesPerTier = 241;

const firstHost = 10;

/** RFC 1918: where a stack's networks can be. */
export const privateRanges = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"] as const;

/**
 * The range of a region: the stack's first /16, moved on by the region's number.
 * @param first e.g. "10.10.0.0/16"
 * @param index 0 for the home region
 * @returns e.g. "10.11.0.0/16" for index 1
 * @throws RangeError when it would leave IPv4's first octet, i.e. wrap past x.255
 */
export function regionRange(first: string, index: number): string {
  const [a = 0, b = 0] = octets(first, 16);
  if (!Number.isInteger(index) || index < 0 || b + index > 255) {
    throw new RangeError(`region ${index} does not fit behind ${first}`);
  }
  return `${a}.${b + index}.0.0/16`;
}

/** In the second availability zone every tier has the /24 that is this much further on in the third octet. */
const secondZone = 128;

/**
 * @param zone 1: a second availability zone, where the cloud has such
 * @returns the /24 of a tier in a region's /16, e.g. "10.10.2.0/24" for `app`, "10.10.130.0/24" in a second zone
 */
export function tierRange(region: string, tier: Tier, zone: 0 | 1 = 0): string {
  const [a, b] = octets(region, 16);
  return `${a}.${b}.${tierNumbers[tier] + zone * secondZone}.0/24`;
}

/**
 * The /24 for what AWS itself runs in a zone (NAT, the way in for SSH): it takes any free address, and none of a machine.
 * @returns e.g. "10.10.0.0/24", "10.10.128.0/24" in the second zone
 */
export function providerRange(region: string, zone: 0 | 1): string {
  const [a, b] = octets(region, 16);
  return `${a}.${b}.${zone * secondZone}.0/24`;
}

/**
 * The IPv6 range of a subnet: of the region's 256 /64, the one with the number that the IPv4 range has in its third octet.
 * @param region e.g. "2600:1f18:abc:de00::/56"
 * @param ipv4 e.g. "10.10.2.0/24"
 * @returns e.g. "2600:1f18:abc:de02::/64"
 * @throws RangeError when the region's range is no /56 of IPv6
 */
export function ipv6Subnet(region: string, ipv4: string): string {
  const [address, length] = ipaddr.parseCIDR(region);
  if (!(address instanceof ipaddr.IPv6) || length !== 56) throw new RangeError(`${region} is not a /56`);
  const parts = [...address.parts];
  parts[3] = (parts[3] ?? 0) + (octets(ipv4, 24)[2] ?? 0);
  return `${new ipaddr.IPv6(parts).toString()}/64`;
}

/**
 * @param number the machine's number in its tier, from 1, as in its name (`app-1`)
 * @param zone 1: a second availability zone, where the cloud has such
 * @returns its private address, e.g. "10.10.2.10"
 * @throws RangeError when the tier has no room for it
 */
export function machineAddress(region: string, tier: Tier, number: number, zone: 0 | 1 = 0): string {
  if (!Number.isInteger(number) || number < 1 || number > machinesPerTier) {
    throw new RangeError(`a tier has room for machines 1 to ${machinesPerTier}, not ${number}`);
  }
  const [a, b] = octets(region, 16);
  return `${a}.${b}.${tierNumbers[tier] + zone * secondZone}.${firstHost + number - 1}`;
}

/** @returns the private address of the provider's load balancer before the app servers, e.g. "10.10.2.251" */
export function balancerAddress(region: string): string {
  const [a, b] = octets(region, 16);
  return `${a}.${b}.${tierNumbers.app}.${firstHost + machinesPerTier}`;
}

/** Whether an address or range lies inside a range; false when either is of another family. */
export function contains(range: string, other: string): boolean {
  const [outer, outerLength] = ipaddr.parseCIDR(range);
  const [inner, innerLength] = other.includes("/") ? ipaddr.parseCIDR(other) : [ipaddr.parse(other), 128];
  return outer.kind() === inner.kind() && innerLength >= outerLength && inner.match(outer, outerLength);
}

function octets(range: string, length: number): number[] {
  const [address, prefix] = ipaddr.IPv4.parseCIDR(range);
  if (prefix !== length) throw new RangeError(`${range} is not a /${length}`);
  return address.octets;
}
