import ipaddr from "ipaddr.js";

/**
 * Whether a range of addresses is the public at large: it holds more than anybody's own network. The largest blocks that
 * were given to one organisation are a /8 of IPv4 and a /19 of IPv6 (IANA's and RIPE's registers). What is no range is.
 */
export function isWorld(range: string): boolean {
  if (ipaddr.isValid(range)) return false;
  if (!ipaddr.isValidCIDR(range)) return true;
  const [address, length] = ipaddr.parseCIDR(range);
  return length < (address.kind() === "ipv4" ? 8 : 19);
}

/** Whether addresses lie in a private network (RFC 1918, RFC 4193). */
export function isPrivate(range: string): boolean {
  if (isWorld(range)) return false;
  const address = ipaddr.isValid(range) ? ipaddr.parse(range) : ipaddr.parseCIDR(range)[0];
  return ["private", "uniqueLocal"].includes(address.range());
}

/** Ports that databases, caches, brokers and search engines listen at, first and last of each. */
const dataPorts: readonly (readonly [number, number])[] = [
  [2379, 2380], // etcd
  [3306, 3306], // MySQL
  [5432, 5433], // PostgreSQL
  [6379, 6379], // Redis
  [6432, 6432], // PgBouncer
  [8008, 8008], // Patroni
  [8083, 8083], // Kafka Connect
  [9092, 9094], // Kafka
  [9200, 9300], // OpenSearch
  [27017, 27017], // MongoDB
];

/** Whether a data service listens at one of the ports `first` to `last`. */
export function holdsDataPort(first: number, last: number): boolean {
  return dataPorts.some(([from, to]) => first <= to && last >= from);
}
