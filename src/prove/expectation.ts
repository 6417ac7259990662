import { contains } from "../topology/addresses.js";
import { type Flow, type Outside, type Topology, servicesOn } from "../topology/topology.js";

/**
 * What may reach what, straight from the flows: on purpose not from the firewall rules that are derived from them
 * (src/topology/firewall.ts), so that a mistake there is found.
 */

/** Whoever is asked from or asked: a machine of the stack, the computer that asks, a service that the stack uses. */
export interface Place {
  /** A machine's name, or {@link outside}. */
  name: string;
  /** Address in the private network; machines only. */
  private?: string;
  ipv4?: string;
  ipv6?: string;
  /** It is no part of the stack: machines ask it at this port, and it asks nobody. */
  only?: number;
}

/** The name of the computer that asks. */
export const outside = "outside";

/** One way from one place to another. */
export interface Path {
  /** Its number, for those who ask. */
  path: number;
  from: string;
  to: string;
  side: "public" | "private";
  family: "IPv4" | "IPv6";
  /** Absent: the place has no address of this kind, so that nothing can come from there. */
  source?: string;
  address: string;
  /** The only port to ask; absent: all of them. Others' machines are not searched. */
  only?: number;
}

/** What passes on a path. */
export interface Passing {
  tcp: ReadonlySet<number>;
  udp: ReadonlySet<number>;
  ping: boolean;
}

const sides = [
  { side: "public", family: "IPv4", key: "ipv4" },
  { side: "public", family: "IPv6", key: "ipv6" },
  { side: "private", family: "IPv4", key: "private" },
] as const;

/** Every way to a machine, on both sides and in both families, but none from it to itself. */
export function pathsBetween(places: readonly Place[]): Path[] {
  const targets = places.filter(({ name }) => name !== outside);
  const pairs = places
    .filter(({ only }) => only === undefined)
    .flatMap((from) => targets.filter((to) => to !== from).map((to) => ({ from, to })))
    // What others let this computer do is not the stack's business.
    .filter(({ from, to }) => from.name !== outside || to.only === undefined);
  const paths = pairs.flatMap(({ from, to }) =>
    sides.flatMap(({ side, family, key }) => {
      const [source, address] = [from[key], to[key]];
      // A family that the asking computer lacks is not asked; a machine that lacks it must not get through.
      if (address === undefined || (source === undefined && from.name === outside)) return [];
      return [
        {
          from: from.name,
          to: to.name,
          side,
          family,
          address,
          ...(source !== undefined && { source }),
          ...(to.only !== undefined && { only: to.only }),
        },
      ];
    }),
  );
  return paths.map((path, number) => Object.assign(path, { path: number }));
}

/** What must pass on a path; everything else that is asked must not. */
export function expectedOn(topology: Topology, path: Path): Passing {
  const { source, only } = path;
  if (source === undefined) return passing([]);
  const here = servicesOn(topology, path.from);
  const there = servicesOn(topology, path.to);
  if (path.side === "private") {
    return passing(topology.flows.filter(({ from, to }) => here.includes(from) && there.includes(to)));
  }
  const isParty = (party: string, address: string) =>
    party in topology.outside && topology.outside[party as Outside].some((range) => contains(range, address));
  const leaving = passing(
    topology.flows.filter(({ from, to }) => here.includes(from) && isParty(to, path.address)),
  );
  if (only !== undefined) return both(leaving, { tcp: new Set([only]), udp: new Set(), ping: false });
  const entering = passing(
    topology.flows.filter(({ from, to }) => isParty(from, source) && there.includes(to)),
  );
  // Both firewalls have to agree; of one on this computer the stack does not know.
  return path.from === outside ? entering : both(leaving, entering);
}

function passing(flows: readonly Flow[]): Passing {
  const ports = (protocol: "tcp" | "udp") =>
    new Set(flows.flatMap((flow) => (flow.protocol === protocol ? [flow.port] : [])));
  return {
    tcp: ports("tcp"),
    udp: ports("udp"),
    ping: flows.some(({ protocol }) => protocol === "icmp"),
  };
}

function both(one: Passing, other: Passing): Passing {
  return {
    tcp: one.tcp.intersection(other.tcp),
    udp: one.udp.intersection(other.udp),
    ping: one.ping && other.ping,
  };
}
