import { type Geography, geographies } from "../../topology/regions.js";
import type { Machine } from "../../topology/topology.js";
import { stages } from "../../topology/stages.js";
import type { Item } from "../item.js";
import {
  acceleratorItems,
  dnsItems,
  instanceItems,
  internetItems,
  networkItems,
  placeOf,
  storageItems,
} from "./aws.js";
import { managedType, memoryGiB } from "./equivalents.js";
import { type Place, type Scenario, inRegion, placesOf } from "./scenario.js";

const provider = "aws";

/**
 * The stage with AWS's service wherever there is one: ALB for nginx before the app, RDS for PostgreSQL, ElastiCache,
 * MSK and MSK Connect, OpenSearch Service, CloudFront for the edge caches, EKS for the control plane, Global Accelerator
 * for anycast. The first stage stays one machine: all is on it.
 */
export function awsManagedItems(scenario: Scenario): Item[] {
  const places = placesOf(scenario);
  const { topology } = scenario;
  const plain = topology.machines
    .filter(({ tier }) => tier === "app" || tier === "worker" || tier === "node")
    .map((machine) => behind(scenario, machine));
  const edge = topology.services.some(({ name }) => name === "edge-cache");
  return [
    ...plain.flatMap((machine) => instanceItems(scenario, placeOf(places, machine), machine)),
    ...places.flatMap((place) => {
      // What the edge caches have does not come from the region; what they fetch from it is not charged as transfer.
      const direct = edge ? (topology.anycast ? 1 - scenario.usage.edgeHitRate : 0) : 1;
      const egressGB = place.volumes.egressGB * direct;
      return [
        ...databaseItems(scenario, place),
        ...cacheItems(scenario, place),
        ...eventItems(scenario, place),
        ...searchItems(scenario, place),
        ...clusterItems(scenario, place),
        ...balancerItems(scenario, place, edge),
        ...logItems(scenario, place),
        ...networkItems(scenario, place, plain),
        ...internetItems(scenario, place, egressGB),
        ...acceleratorItems(scenario, place, egressGB),
      ];
    }),
    ...(edge ? deliveryItems(scenario, places) : []),
    ...storageItems(scenario, places),
    ...dnsItems(scenario, reached(scenario, "fleet")),
  ];
}

const reached = (scenario: Scenario, stage: (typeof stages)[number]) =>
  stages.indexOf(scenario.topology.stage) >= stages.indexOf(stage);

const tierIn = ({ topology }: Scenario, { region }: Place, tier: Machine["tier"]) =>
  topology.machines.filter((machine) => machine.region === region.name && machine.tier === tier);

/** Behind a balancer an instance needs no public address. */
function behind(scenario: Scenario, machine: Machine): Machine {
  return reached(scenario, "fleet") ? { ...machine, publicIpv4: false } : machine;
}

/** A single instance, or a Multi-AZ one with its further members as read replicas. */
function databaseItems(scenario: Scenario, place: Place): Item[] {
  const members = tierIn(scenario, place, "database");
  const [first] = members;
  const item = inRegion(provider, place.aws);
  const dataGB = scenario.usage.databaseGB * place.share;
  if (!first) return [];
  const { sku, base } = managedType("databases", memoryGiB(first));
  const { hours } = scenario;
  const machine = { service: "ec2", sku: base };
  const disk = { service: "ebs", sku: "gp3" };
  const disks = Math.max(20, Math.ceil(dataGB * 2));
  const kept = Math.max(0, dataGB * scenario.usage.backupCopies - dataGB);
  const instance = (kind: string, count: number, what: string) =>
    item("compute", "rds", `${sku}:postgres:${kind}`, count * hours, "hour", what, machine);
  const storage = (kind: string, count: number) =>
    item("storage", "rds", `gp3:${kind}`, count * disks, "GB-month", "disks of databases", disk);
  // A standby of Multi-AZ cannot be read: the members that serve reads come on top of it.
  const parts =
    members.length === 1
      ? [instance("single", 1, "database"), storage("single", 1)]
      : [
          instance("multi-az", 1, "database with standby"),
          storage("multi-az", 1),
          instance("single", members.length - 1, "read replicas"),
          storage("single", members.length - 1),
        ];
  return [
    ...parts,
    item("backups", "rds", "backup-over-free", kept, "GB-month", "backups beyond the database's own size"),
  ];
}

function cacheItems(scenario: Scenario, place: Place): Item[] {
  if (!reached(scenario, "redis")) return [];
  const nodes = tierIn(scenario, place, "cache");
  const wanted = nodes[0] ? memoryGiB(nodes[0]) : Math.max(4, scenario.usage.cacheGB * place.share);
  const { sku, base } = managedType("caches", wanted);
  const count = Math.max(2, nodes.length);
  return [
    inRegion(provider, place.aws)(
      "compute",
      "elasticache",
      `${sku}:valkey`,
      count * scenario.hours,
      "node-hour",
      "cache nodes",
      { service: "ec2", sku: base },
    ),
  ];
}

function eventItems(scenario: Scenario, place: Place): Item[] {
  if (!reached(scenario, "kafka")) return [];
  const item = inRegion(provider, place.aws);
  const nodes = tierIn(scenario, place, "broker");
  const brokers = Math.max(3, nodes.length);
  const { sku, base, standsFor } = managedType("brokers", nodes[0] ? memoryGiB(nodes[0]) : 8);
  const kept = (place.volumes.eventsGB * scenario.usage.eventDays) / 30;
  const disk = Math.max(10, Math.ceil(kept * 2));
  return [
    item("compute", "msk", sku, brokers * scenario.hours, "broker-hour", "Kafka brokers", {
      service: "ec2",
      sku: base,
      ...(standsFor !== undefined && { standsFor }),
    }),
    item("storage", "msk", "storage", brokers * disk, "GB-month", "disks of brokers", {
      service: "ebs",
      sku: "gp3",
    }),
    item("managed mark-up", "msk-connect", "mcu", scenario.hours, "MCU-hour", "change data capture"),
  ];
}

function searchItems(scenario: Scenario, place: Place): Item[] {
  if (!reached(scenario, "search")) return [];
  const item = inRegion(provider, place.aws);
  const nodes = tierIn(scenario, place, "search");
  const indexGB = scenario.usage.indexGB * place.share;
  const count = Math.max(3, nodes.length);
  const { sku, base, fits } = managedType("searches", nodes[0] ? memoryGiB(nodes[0]) : Math.max(4, indexGB));
  const enough = Math.max(count, Math.ceil(indexGB / fits));
  const disk = Math.max(10, Math.ceil(indexGB * 2));
  return [
    item("compute", "opensearch", sku, enough * scenario.hours, "instance-hour", "search nodes", {
      service: "ec2",
      sku: base,
    }),
    item("storage", "opensearch", "ebs-gp2", enough * disk, "GB-month", "disks of search nodes", {
      service: "ebs",
      sku: "gp3",
    }),
  ];
}

function clusterItems(scenario: Scenario, place: Place): Item[] {
  if (!reached(scenario, "kubernetes")) return [];
  return [
    inRegion(provider, place.aws)(
      "managed mark-up",
      "eks",
      "control-plane-standard",
      scenario.hours,
      "cluster-hour",
      "control plane of the cluster",
    ),
  ];
}

/**
 * An ALB's capacity unit holds 25 new connections a second or 1 GB an hour, whichever is more
 * (https://aws.amazon.com/elasticloadbalancing/pricing/). An address in each zone.
 */
function balancerItems(scenario: Scenario, { aws, volumes }: Place, edge: boolean): Item[] {
  if (!reached(scenario, "fleet")) return [];
  const { hours, usage, assumptions } = scenario;
  const item = inRegion(provider, aws);
  const arriving = edge ? 1 - usage.edgeHitRate : 1;
  const connections = (volumes.requests * arriving * assumptions.newConnectionShare) / 3600 / 25;
  const units = Math.max(volumes.egressGB * arriving, connections);
  return [
    item("network", "elb", "alb", hours, "hour", "load balancers"),
    item("network", "elb", "alb-lcu", units, "LCU-hour", "capacity of load balancers"),
    item("network", "vpc", "public-ipv4", assumptions.zones * hours, "address-hour", "public IPv4 addresses"),
  ];
}

function logItems(scenario: Scenario, { aws, volumes }: Place): Item[] {
  const item = inRegion(provider, aws);
  // What edge caches answer is logged by them, into S3.
  const edge = scenario.topology.services.some(({ name }) => name === "edge-cache");
  const own = volumes.logsGB * (edge ? 1 - scenario.usage.edgeHitRate : 1);
  return [
    item("logs", "cloudwatch", "logs-ingested", own, "GB", "logs"),
    item(
      "logs",
      "cloudwatch",
      "logs-archived",
      own * scenario.assumptions.logCompression,
      "GB-month",
      "logs kept for a month",
    ),
  ];
}

const deliveryAreas: Readonly<Record<Geography, string>> = {
  india: "India",
  "asia-pacific": "Hong Kong, Philippines, Asia Pacific",
  japan: "Japan",
  australia: "Australia, New Zealand",
  europe: "Europe, Israel",
  "north-america": "US, Mexico, Canada",
  "south-america": "South America",
};

/** CloudFront charges where the buyer is. With regions near the buyers only what the caches have goes through it. */
function deliveryItems(
  { topology, usage, freeTiers, assumptions }: Scenario,
  places: readonly Place[],
): Item[] {
  const hits = topology.anycast ? usage.edgeHitRate : 1;
  const total = places.reduce((sum, { volumes }) => sum + volumes.egressGB, 0) * hits;
  const requests = places.reduce((sum, { volumes }) => sum + volumes.requests, 0) * hits;
  const freeGB = freeTiers ? assumptions.freeTiers.edgeOutGB : 0;
  const freeRequests = freeTiers ? assumptions.freeTiers.edgeRequests : 0;
  return geographies.flatMap((geography) => {
    const share = usage.buyers[geography];
    const item = inRegion(provider, deliveryAreas[geography]);
    return [
      item("transfer", "cloudfront", "data-out", Math.max(0, total - freeGB) * share, "GB", "to buyers"),
      item(
        "requests",
        "cloudfront",
        "https-requests",
        (Math.max(0, requests - freeRequests) * share) / 10_000,
        "10k",
        "requests at the edge",
      ),
    ];
  });
}
