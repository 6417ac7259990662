import type { Machine, Topology } from "../../topology/topology.js";
import type { Catalogue } from "../catalogue/catalogue.js";
import { findPrice } from "../catalogue/catalogue.js";
import type { Item } from "../item.js";
import { type Place, type Scenario, inRegion, placesOf, storedGB } from "./scenario.js";

const provider = "hetzner";
const terabyte = 1024;

/**
 * Servers, volumes, addresses, load balancers, object storage and traffic at Hetzner. Only outgoing public traffic is
 * charged, above what comes with each server; private networks, zones and DNS cost nothing.
 * @param catalogue for the traffic that comes with a server
 */
export function hetznerItems(scenario: Scenario, catalogue: Catalogue): Item[] {
  const places = placesOf(scenario);
  return [
    ...fixedItems(scenario.topology),
    ...places.flatMap((place) => trafficItems(scenario, place, catalogue)),
    ...balancerItems(scenario, places),
    ...storageItems(scenario, places),
    // Hetzner announces no customer's prefixes for its cloud; whoever does it has a price that is not known here.
    ...(scenario.topology.anycast
      ? places.map(({ region }) =>
          inRegion("transit", region.location)(
            "network",
            "bgp",
            "anycast-announcement",
            1,
            "month",
            "one address announced from every region",
          ),
        )
      : []),
  ];
}

/** What is charged by the month whatever the usage: servers, addresses, volumes, load balancers. */
export function fixedItems(topology: Topology): Item[] {
  return [
    ...topology.machines.flatMap((machine) => machineItems(topology, machine)),
    ...volumeItems(topology),
    ...(topology.floatingAddresses ?? []).map(({ region }) => {
      const { location } = topology.regions.find(({ name }) => name === region)!;
      return inRegion(provider, location)(
        "network",
        "network",
        "floating-ipv4",
        1,
        "month",
        "floating addresses",
      );
    }),
    ...(topology.loadBalancers ?? []).map(({ region }) => {
      const { location } = topology.regions.find(({ name }) => name === region)!;
      return inRegion(provider, location)("network", "loadbalancer", "LB11", 1, "month", "load balancers");
    }),
  ];
}

function machineItems(topology: Topology, machine: Machine): Item[] {
  const { location } = topology.regions.find(({ name }) => name === machine.region)!;
  const item = inRegion(provider, location);
  const what = `${machine.tier} servers`;
  const address = machine.publicIpv4
    ? [item("network", "network", "primary-ipv4", 1, "month", "public IPv4 addresses")]
    : [];
  if (machine.metal) {
    return [
      item("compute", "dedicated", machine.serverType, 1, "month", what),
      item("setup", "dedicated", `${machine.serverType}:setup`, 1, "once", `setup of ${what}`),
      // Its IPv4 address has another price than the cloud's, which is not known here; the page says so.
    ];
  }
  return [item("compute", "cloud", skuOfServer(machine.serverType), 1, "month-cap", what), ...address];
}

/** The smallest that there is stands for the local cloud's own size. */
export function skuOfServer(serverType: string): string {
  return serverType === "local-512" ? "CX23" : serverType.toUpperCase();
}

function volumeItems(topology: Topology): Item[] {
  return topology.volumes.map(({ machine, sizeGB }) => {
    const { region } = topology.machines.find(({ name }) => name === machine)!;
    const { location } = topology.regions.find(({ name }) => name === region)!;
    return inRegion(provider, location)("storage", "storage", "volume", sizeGB, "GB-month", "volumes");
  });
}

/** What leaves a place goes out through its entry machines, evenly; each has its own included traffic. */
function trafficItems({ topology, usage }: Scenario, place: Place, catalogue: Catalogue): Item[] {
  const { region, volumes } = place;
  const service = topology.services.find(({ name }) => name === topology.entries[0]?.service);
  const entries = topology.machines.filter(
    ({ name, region: where }) => where === region.name && service?.machines.includes(name),
  );
  const others = topology.regions.length - 1;
  // Other regions' copies of the events travel over the public network.
  const out = volumes.egressGB + volumes.eventsGB * usage.interRegionShare * others;
  const terabytes = out / terabyte / entries.length;
  const item = inRegion(provider, region.location);
  return entries.map(({ serverType }) => {
    const wanted = { provider, service: "cloud", sku: skuOfServer(serverType), region: region.location };
    const included = findPrice(catalogue, wanted)?.price.includedTrafficTB ?? 0;
    const over = Math.max(0, terabytes - included);
    return item("transfer", "network", "egress-overage", over, "TB", "traffic beyond what servers include");
  });
}

/** A load balancer includes one TB of the origin's answers; traffic beyond is charged as a server's. */
function balancerItems({ topology, usage }: Scenario, places: readonly Place[]): Item[] {
  return (topology.loadBalancers ?? []).flatMap(({ region: where }) => {
    const { region, volumes } = places.find(({ region: { name } }) => name === where)!;
    const item = inRegion(provider, region.location);
    const terabytes = (volumes.egressGB * (1 - usage.edgeHitRate)) / terabyte;
    return [
      // Edge caches fetch over public addresses here, the price's worst case.
      item(
        "transfer",
        "network",
        "egress-overage",
        Math.max(0, terabytes - 1),
        "TB",
        "traffic from balancers",
      ),
    ];
  });
}

function storageItems(scenario: Scenario, places: readonly Place[]): Item[] {
  // One account's buckets share one base price; they are in Europe, where the only locations are.
  const logsGB = places.reduce((sum, { volumes }) => sum + volumes.logsGB, 0);
  const stored = storedGB(scenario, logsGB);
  const terabytes = (stored.images + stored.backups + stored.logs) / terabyte;
  const item = inRegion(provider, "fsn1");
  return [
    item("storage", "storage", "object-storage-base", 1, "month", "images, backups, logs: the first TB"),
    item(
      "storage",
      "storage",
      "object-storage-over-1TB",
      Math.max(0, terabytes - 1) * scenario.hours,
      "TB-hour",
      "images, backups, logs: beyond",
    ),
  ];
}
