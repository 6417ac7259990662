import { isIPv4, isIPv6 } from "node:net";
import ipaddr from "ipaddr.js";
import { DOCUMENTATION_RANGES } from "../machines/instance.js";

/** A range of IPv4 addresses: `first` is its network address as a number, `size` how many addresses it has. */
export interface Range4 {
  first: number;
  size: number;
  prefix: number;
}

export function parseIPv4(text: string): number | undefined {
  if (!isIPv4(text)) return undefined;
  return text.split(".").reduce((number, byte) => number * 256 + Number(byte), 0);
}

export const formatIPv4 = (address: number): string =>
  [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join(".");

/**
 * Reads "10.0.0.0/16"; undefined when it is no CIDR block or has host bits set. Numbers have no leading zeros: nft and ip
 * would read them as octal.
 */
export function parseRange4(text: string): Range4 | undefined {
  const match = /^([\d.]+)\/(0|[1-9]\d?)$/.exec(text);
  const address = parseIPv4(match?.[1] ?? "");
  const prefix = Number(match?.[2]);
  if (address === undefined || !(prefix <= 32)) return undefined;
  const size = 2 ** (32 - prefix);
  return address % size === 0 ? { first: address, size, prefix } : undefined;
}

export const formatRange4 = (range: Range4): string => `${formatIPv4(range.first)}/${range.prefix}`;

export const contains = (range: Range4, address: number): boolean =>
  address >= range.first && address < range.first + range.size;

export const within = (inner: Range4, outer: Range4): boolean =>
  inner.first >= outer.first && inner.first + inner.size <= outer.first + outer.size;

export const overlap = (one: Range4, other: Range4): boolean =>
  one.first < other.first + other.size && other.first < one.first + one.size;

const range4 = (text: string): Range4 => {
  const range = parseRange4(text);
  if (!range) throw new Error(`not an IPv4 range: ${text}`);
  return range;
};

/** RFC 1918: the ranges a private network may have. */
const privateRanges = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"].map(range4);

export const isPrivate = (range: Range4): boolean => privateRanges.some((whole) => within(range, whole));

/** RFC 5737: the ranges that public addresses of a local cloud are of. */
const documentationRanges = DOCUMENTATION_RANGES.flatMap((range) => parseRange4(range) ?? []);

const isIn = (ip: string, ranges: readonly Range4[]): boolean => {
  const address = parseIPv4(ip);
  return address !== undefined && ranges.some((range) => contains(range, address));
};

export const isPrivateAddress = (ip: string): boolean => isIn(ip, privateRanges);
export const isDocumentation = (ip: string): boolean => isIn(ip, documentationRanges);

/** Hetzner's gateway of every server's public interface; not to be used in a private network. */
export const publicGateway = range4("172.31.1.1/32");

/** A CIDR block of either family without host bits, as firewall rules take them. */
export function isCidr(text: string): boolean {
  if (parseRange4(text)) return true;
  const [address = "", prefix = "", ...rest] = text.split("/");
  if (
    rest.length > 0 ||
    !isIPv6(address) ||
    address.includes("%") ||
    !/^(0|[1-9]\d{0,2})$/.test(prefix) ||
    Number(prefix) > 128
  )
    return false;
  const network = ipaddr.IPv6.networkAddressFromCIDR(text);
  return network.toString() === ipaddr.IPv6.parse(address).toString();
}

/** Whether an IPv6 address lies in a network like "2001:db8:0:10::/64". */
export const inIPv6Network = (address: string, network: string): boolean =>
  isIPv6(address) && ipaddr.IPv6.parse(address).match(ipaddr.IPv6.parseCIDR(network));

/**
 * The lowest free address for a server in a subnet: not the network's own addresses (its first host is the gateway),
 * not the subnet's first and last, not Hetzner's public gateway.
 */
export function freeAddress(network: Range4, subnet: Range4, taken: ReadonlySet<string>): string | undefined {
  for (let address = subnet.first + 1; address < subnet.first + subnet.size - 1; address++) {
    const text = formatIPv4(address);
    if (isUsable(network, address) && !taken.has(text)) return text;
  }
  return undefined;
}

/** Whether a server may have that address in the network: it is neither reserved nor the network's edge. */
export const isUsable = (network: Range4, address: number): boolean =>
  address > network.first + 1 &&
  address < network.first + network.size - 1 &&
  !contains(publicGateway, address);

/** The lowest free /24 (or the whole network, when it is a /24) that overlaps none of the taken ranges. */
export function freeSubnet(network: Range4, taken: readonly Range4[]): Range4 | undefined {
  for (let first = network.first; first < network.first + network.size; first += 256) {
    const candidate: Range4 = { first, size: 256, prefix: 24 };
    if (!taken.some((range) => overlap(range, candidate))) return candidate;
  }
  return undefined;
}

/** Where an instance's public addresses come from. Slot n of a computer has 203.0.113.(64n)/26 and 2001:db8:n::/48. */
export interface PublicPool {
  /** The lowest free IPv4 address, or undefined when all are given out. */
  ipv4(taken: ReadonlySet<string>): string | undefined;
  /** The lowest free IPv6 /64, or undefined when all are given out. */
  ipv6(taken: ReadonlySet<string>): string | undefined;
}

function lowest(
  taken: ReadonlySet<string>,
  from: number,
  to: number,
  name: (index: number) => string,
): string | undefined {
  for (let index = from; index <= to; index++) if (!taken.has(name(index))) return name(index);
  return undefined;
}

/**
 * @param slot 0 to 3
 * @param reserved addresses that something else on this computer has
 */
export function publicPool(slot: number, reserved: ReadonlySet<string> = new Set()): PublicPool {
  const first = slot * 64;
  return {
    // .0 names the range, .1 and .2 are the computer's and the world's ends of the link, .63 is its broadcast address.
    ipv4: (taken) =>
      lowest(new Set([...taken, ...reserved]), first + 10, first + 62, (index) => `203.0.113.${index}`),
    // The first sixteen networks are the cloud's own.
    ipv6: (taken) => lowest(taken, 0x10, 0xffff, (index) => `2001:db8:${slot}:${index.toString(16)}::/64`),
  };
}
