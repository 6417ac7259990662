import type { Settings } from "../src/settings/schema.js";
import {
  type Tier,
  balancerAddress,
  machineAddress,
  providerRange,
  regionRange,
  tierRange,
} from "../src/topology/addresses.js";
import { subnetKinds } from "../src/topology/aws-catalog.js";
import { dedicatedTypes, location, serverType } from "../src/topology/catalog.js";
import {
  type Flow,
  type LoadBalancer,
  type Machine,
  type MachineGroup,
  type Region,
  type Service,
  type Topology,
  deepFreeze,
  isEntry,
} from "../src/topology/topology.js";
import { tcp } from "./ground.js";
import { tierOfDatabase } from "./joining.js";
import { managedDatabaseOf } from "./managed-database.js";
import type { PlannedService, RegionPlan, StagePlan, TierSize } from "./plan.js";

/**
 * Turns a plan and the sizes of its tiers into the topology: names and addresses follow from tier and number, so that
 * another machine, tier or region moves nothing. The first region is the home; its machines have no prefix.
 * @throws RangeError when a service of the plan has no machine, or addresses run out
 */
export function layOut(settings: Settings, plan: StagePlan, regions: readonly RegionPlan[]): Topology {
  const places = regions.map((region, index) => placeOf(settings, plan, region, index));
  const machines = regions.flatMap((region, index) => machinesOf(settings, plan, region, places[index]!));
  const inTier = (tier: Tier) => machines.filter((machine) => machine.tier === tier).map(({ name }) => name);
  const backups = settings.backup && backupsTo(settings.backup.endpoint);
  const planned = [...plan.services, ...(backups ? [backupsOf(plan)] : [])];
  const services = [
    { name: "system", machines: machines.map(({ name }) => name) },
    ...planned.map(({ name, tier, stateful, managed }): Service => {
      const where = managed ? [] : inTier(tier);
      if (where.length === 0 && !managed)
        throw new RangeError(`${plan.stage}: no machine for ${name} (tier ${tier})`);
      return stateful ? { name, machines: where, stateful } : { name, machines: where };
    }),
    // The provider's: it runs on none of ours.
    ...(plan.managed === undefined ? [] : [{ name: plan.managed, machines: [] }]),
  ];
  return deepFreeze<Topology>({
    stack: settings.stack,
    stage: plan.stage,
    regions: places,
    machines,
    services,
    flows: [...plan.flows, ...(backups ?? []), ...picturesFrom(settings.images)],
    outside: { world: ["0.0.0.0/0", "::/0"], operators: settings.operatorCidrs },
    entries: [
      {
        name: "shop",
        service: plan.entry,
        scheme: "https",
        port: 443,
        ...(settings.domain === undefined ? {} : { domain: settings.domain }),
      },
    ],
    volumes: volumesOf(machines, regions, places),
    ...(plan.group && { groups: [groupOf(plan.group)] }),
    ...managedDatabaseOf(settings, plan, places[0]),
    ...(plan.balanced !== undefined && {
      loadBalancers: places.map((place) => ({
        name: plan.managed ?? `${place.name}-ingress`,
        region: place.name,
        service: plan.balanced!,
        ...(plan.managed !== undefined && placeOfBalancer(place)),
      })),
    }),
    ...(plan.floating !== undefined && {
      floatingAddresses: [{ name: "shop", region: places[0]!.name, service: plan.floating }],
    }),
    ...(plan.anycast && {
      anycast: plan.anycast,
      links: places.flatMap((from) =>
        places.filter((to) => to !== from).map((to) => ({ from: from.name, to: to.name })),
      ),
    }),
  });
}

function groupOf({ tier, least, most }: NonNullable<StagePlan["group"]>): MachineGroup {
  return { name: `${tier}-group`, like: `${tier}-1`, least, most };
}

/** From where the provider's load balancer asks. AWS's has addresses in both zones, as many as it needs at the time. */
function placeOfBalancer({
  provider,
  range,
}: Region): Pick<LoadBalancer, "privateAddress" | "privateRanges"> {
  return provider === "aws"
    ? { privateRanges: [providerRange(range, 0), providerRange(range, 1)] }
    : { privateAddress: balancerAddress(range) };
}

/** Backups are made where the database is. */
function backupsOf(plan: StagePlan): PlannedService {
  return { name: "pgbackrest", tier: tierOfDatabase(plan) };
}

/** What backups exchange with others. @param endpoint of the object storage; the way to port 443 is open anyway */
function backupsTo(endpoint: string): Flow[] {
  const { port } = new URL(endpoint);
  const from = "pgbackrest";
  return [
    { from, to: "postgresql", protocol: "unix", socket: "/run/postgresql/.s.PGSQL.5432", purpose: "backups" },
    ...(port === "" ? [] : [tcp(from, "world", Number(port), "object storage")]),
  ];
}

/** The way to the bucket of pictures. The one to port 443 is open anyway. */
function picturesFrom(images: Settings["images"]): Flow[] {
  const { port } = new URL(images?.endpoint ?? "https://none");
  return port === "" ? [] : [tcp("api", "world", Number(port), "pictures")];
}

function placeOf(
  settings: Settings,
  plan: StagePlan,
  { location: where, market, sizes }: RegionPlan,
  index: number,
): Region {
  const range = regionRange(settings.networkCidr, index);
  const { provider, zone, availabilityZones } = location(where);
  return {
    // The home keeps the name that it has had since the first stage: it is part of URNs.
    name: index === 0 ? settings.location : (market ?? where),
    provider,
    location: where,
    zone,
    range,
    ...(market !== undefined && { market }),
    subnets: [...tiersOf(sizes).map(([tier]) => tier), ...managedTiers(plan)].flatMap((tier) =>
      availabilityZones
        ? ([0, 1] as const).map((at) => ({
            tier,
            range: tierRange(range, tier, at),
            zone: availabilityZones[at],
          }))
        : [{ tier, range: tierRange(range, tier) }],
    ),
    ...(provider === "aws" && settings.nat !== undefined && { nat: settings.nat }),
  };
}

function machinesOf(settings: Settings, plan: StagePlan, { sizes }: RegionPlan, region: Region): Machine[] {
  const home = region.name === settings.location;
  const { availabilityZones } = location(region.location);
  return tiersOf(sizes).flatMap(([tier, size]) => {
    const { cores, memoryMiB, diskGB } = serverType(size.serverType);
    const metal = dedicatedTypes.some(({ name }) => name === size.serverType);
    const entry = plan.services.some((service) => service.tier === tier && isEntry(plan, service.name));
    return Array.from({ length: size.count }, (_, index): Machine => {
      // In turn, so that one of two outlives the loss of a zone.
      const at = availabilityZones && index % 2 === 1 ? 1 : 0;
      const zone = availabilityZones?.[at];
      const name = `${home ? "" : `${region.name}-`}${tier}-${index + 1}`;
      return {
        name,
        hostname: `${settings.stack}-${name}`,
        region: region.name,
        ...(zone !== undefined && { zone }),
        tier,
        serverType: size.serverType,
        ...(metal && { metal }),
        cores,
        memoryMiB,
        diskGB,
        image: settings.image,
        privateAddress: machineAddress(region.range, tier, index + 1, at),
        // IPv6 costs nothing and carries SSH and package updates, for those who have it.
        // The first app server was the entry of the first stages: its address is never taken from it.
        publicIpv4:
          region.provider === "aws"
            ? region.nat === undefined || subnetKinds[tier] === "public"
            : settings.publicIpv4 === "all" || (tier === "app" ? home && index === 0 : entry),
        publicIpv6: true,
        dnsNames: entry && settings.domain !== undefined ? [settings.domain] : [],
      };
    });
  });
}

function volumesOf(machines: readonly Machine[], regions: readonly RegionPlan[], places: readonly Region[]) {
  return machines.flatMap(({ name, tier, region }) => {
    const { sizes } = regions[places.findIndex((place) => place.name === region)]!;
    const sizeGB = sizes[tier]?.volumeGB;
    return sizeGB === undefined ? [] : [{ name: `${name}-data`, machine: name, sizeGB }];
  });
}

function tiersOf(sizes: RegionPlan["sizes"]): [Tier, TierSize][] {
  return (Object.entries(sizes) as [Tier, TierSize][]).filter(([, { count }]) => count > 0);
}

/** Tiers that have subnets and no machines. */
function managedTiers({ services }: StagePlan): Tier[] {
  return services.flatMap(({ tier, managed }) => (managed ? [tier] : []));
}
