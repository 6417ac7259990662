import type { Geography } from "../../topology/regions.js";
import { type Machine, askingFrom } from "../../topology/topology.js";
import type { Item } from "../item.js";
import { ec2Type } from "./equivalents.js";
import { type Place, type Scenario, inRegion, placesOf, storedGB } from "./scenario.js";

const provider = "aws";

/** The same machines and disks on EC2 and EBS, everything on them run by oneself. */
export function awsSelfRunItems(scenario: Scenario): Item[] {
  const places = placesOf(scenario);
  return [
    ...scenario.topology.machines.flatMap((machine) =>
      instanceItems(scenario, placeOf(places, machine), machine),
    ),
    ...diskItems(scenario, places),
    ...places.flatMap((place) => [
      ...networkItems(scenario, place, scenario.topology.machines),
      ...internetItems(scenario, place, place.volumes.egressGB),
      ...balancerItems(scenario, place),
      ...acceleratorItems(scenario, place, place.volumes.egressGB),
    ]),
    ...storageItems(scenario, places),
    ...selfKeptBackups(scenario, places[0]!),
    // Its entry is an instance's own address, until the accelerator has one for all.
    ...dnsItems(scenario, scenario.topology.anycast ?? false),
  ];
}

export function placeOf(places: readonly Place[], machine: Machine): Place {
  return places.find(({ region }) => region.name === machine.region)!;
}

/** One instance with its root disk, and its public address if it has one. */
export function instanceItems({ assumptions, hours }: Scenario, { aws }: Place, machine: Machine): Item[] {
  const { serverType, tier, publicIpv4 } = machine;
  const instance = { type: ec2Type(serverType), diskGB: assumptions.rootDiskGB, publicIpv4 };
  return ec2Items(aws, instance, hours, `${tier} instances`);
}

/** The same for a type of EC2's. */
export function ec2Items(
  region: string,
  { type, diskGB, publicIpv4 }: { type: string; diskGB: number; publicIpv4: boolean },
  hours: number,
  what: string,
): Item[] {
  const item = inRegion(provider, region);
  return [
    item("compute", "ec2", type, hours, "hour", what),
    item("storage", "ebs", "gp3", diskGB, "GB-month", "disks of instances"),
    ...(publicIpv4
      ? [item("network", "vpc", "public-ipv4", hours, "address-hour", "public IPv4 addresses")]
      : []),
  ];
}

function diskItems({ topology }: Scenario, places: readonly Place[]): Item[] {
  return topology.volumes.map(({ machine, sizeGB }) => {
    const { aws } = placeOf(
      places,
      topology.machines.find(({ name }) => name === machine)!,
    );
    return inRegion(provider, aws)("storage", "ebs", "gp3", sizeGB, "GB-month", "disks for data");
  });
}

/**
 * NAT, traffic between zones and between regions.
 * @param instances those that are run on EC2; of them, those without a public address need NAT
 */
export function networkItems(
  scenario: Scenario,
  { region, aws, volumes }: Place,
  instances: readonly Machine[],
): Item[] {
  const { topology, usage, assumptions, hours } = scenario;
  const item = inRegion(provider, aws);
  const hidden = instances.filter((machine) => machine.region === region.name && !machine.publicIpv4);
  const others = topology.regions.length - 1;
  const zones = Math.min(assumptions.zones, hidden.length);
  const crossing = topology.machines.length > 1 ? volumes.internalGB * usage.crossZoneShare : 0;
  return [
    item("network", "vpc", "nat-gateway", zones * hours, "hour", "NAT gateways, one a zone"),
    item("network", "vpc", "public-ipv4", zones * hours, "address-hour", "public IPv4 addresses"),
    item(
      "transfer",
      "vpc",
      "nat-gateway-data",
      hidden.length * assumptions.natGBPerMachine,
      "GB",
      "through NAT gateways",
    ),
    // Charged on the way out of one zone and on the way into the other.
    item("transfer", "data-transfer", "cross-zone-per-direction", crossing + crossing, "GB", "between zones"),
    item(
      "transfer",
      "data-transfer",
      "inter-region-out",
      volumes.eventsGB * usage.interRegionShare * others,
      "GB",
      "events to other regions",
    ),
  ];
}

export function internetItems(
  { freeTiers, assumptions }: Scenario,
  { aws, share }: Place,
  egressGB: number,
): Item[] {
  // The free tier is the account's; regions take their share of it.
  const free = freeTiers ? assumptions.freeTiers.internetOutGB * share : 0;
  const charged = Math.max(0, egressGB - free);
  return [
    inRegion(provider, aws)("transfer", "data-transfer", "internet-out", charged, "GB", "to the internet"),
  ];
}

/**
 * The provider's load balancer where the topology has one: a network load balancer before a cluster; before app servers
 * one for HTTP. A capacity unit of either holds 1 GB an hour.
 */
function balancerItems({ topology, usage, hours }: Scenario, { region, aws, volumes }: Place): Item[] {
  const balancer = topology.loadBalancers?.find((one) => one.region === region.name);
  if (!balancer) return [];
  const sku = askingFrom(balancer).length > 0 ? "alb" : "nlb";
  const item = inRegion(provider, aws);
  return [
    item("network", "elb", sku, hours, "hour", "load balancers"),
    item(
      "network",
      "elb",
      `${sku}-lcu`,
      volumes.egressGB * (1 - usage.edgeHitRate),
      "LCU-hour",
      "capacity of load balancers",
    ),
  ];
}

const premiumAreas: Readonly<Record<Geography, string>> = {
  india: "India, Indonesia, Philippines, Thailand",
  "asia-pacific": "Asia Pacific",
  japan: "Asia Pacific",
  australia: "Australia, New Zealand",
  europe: "Europe",
  "north-america": "US, Mexico, Canada",
  "south-america": "South America",
};

/** AWS announces one address for all regions, for a fee by the hour and one by the GB beside the normal transfer. */
export function acceleratorItems(
  { topology, hours }: Scenario,
  { region, aws, geography }: Place,
  egressGB: number,
): Item[] {
  if (!topology.anycast || geography === undefined) return [];
  const isHome = region.name === topology.regions[0]?.name;
  const item = inRegion(provider, aws);
  return [
    item("network", "global-accelerator", "fixed", isHome ? hours : 0, "hour", "one address for all regions"),
    item(
      "transfer",
      "global-accelerator",
      `premium ${premiumAreas[geography]}`,
      egressGB,
      "GB",
      "premium of the accelerator",
    ),
  ];
}

/** S3 for images and logs. Every image is put once and fetched when no cache has it; a kilorequest is the unit. */
export function storageItems(scenario: Scenario, places: readonly Place[]): Item[] {
  const { usage } = scenario;
  const logsGB = places.reduce((sum, { volumes }) => sum + volumes.logsGB, 0);
  const cached = scenario.topology.services.some(({ name }) => name === "edge-cache");
  const fetched = usage.pageViews * usage.imagesPerPage * (cached ? 1 - usage.edgeHitRate : 1);
  const item = inRegion(provider, places[0]!.aws);
  const { images, logs } = storedGB(scenario, logsGB);
  return [
    item("storage", "s3", "standard-storage", images + logs, "GB-month", "images and logs"),
    item("requests", "s3", "get-requests", fetched / 1000, "1k", "images fetched"),
    item("requests", "s3", "put-requests", usage.imageUploads / 1000, "1k", "images uploaded"),
  ];
}

/** WAL leaves the database within a minute: one object each. */
function selfKeptBackups({ usage, hours }: Scenario, { aws }: Place): Item[] {
  const item = inRegion(provider, aws);
  const kept = usage.databaseGB * usage.backupCopies;
  return [
    item("backups", "s3", "standard-storage", kept, "GB-month", "backups of the database"),
    item("backups", "s3", "put-requests", (hours * 60) / 1000, "1k", "WAL put beside the backups"),
  ];
}

/**
 * A zone, and what resolvers ask it. @param alias the name leads to a balancer, CloudFront or the accelerator, which AWS
 * answers for nothing (https://aws.amazon.com/route53/pricing/, alias records)
 */
export function dnsItems({ usage, assumptions }: Scenario, alias: boolean): Item[] {
  const item = inRegion(provider, "global");
  const queries = alias ? 0 : (usage.pageViews * assumptions.dnsQueriesPerPage) / 1e6;
  return [
    item("network", "route53", "hosted-zone", 1, "month", "DNS zone"),
    item("requests", "route53", "queries-standard", queries, "1M", "DNS queries"),
  ];
}
