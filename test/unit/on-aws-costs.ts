import { natInstance } from "../../src/topology/aws-catalog.js";
import { location } from "../../src/topology/catalog.js";
import { type Region, type Topology, memberOf } from "../../src/topology/topology.js";
import type { Item } from "../../src/cost/item.js";
import { ec2Items } from "../../src/cost/targets/aws.js";
import { inRegion } from "../../src/cost/targets/scenario.js";

/**
 * What regions on AWS cost whatever their usage: instances, disks, addresses, NAT, load balancers, a database that AWS
 * runs. Traffic, object storage and requests are charged as they are used.
 * @param hours that everything runs; the disks' price is by the month
 */
export function awsFixedItems(topology: Topology, hours: number): Item[] {
  return topology.regions
    .filter(({ provider }) => provider === "aws")
    .flatMap((region) =>
      [
        machineItems(topology, region, hours),
        databaseItems(topology, region, hours),
        natItems(region, hours),
        balancerItems(topology, region, hours),
      ].flat(),
    );
}

/** Its instance, its disk and its key; a standby costs as much as the one that it stands by. */
function databaseItems({ managedDatabase }: Topology, region: Region, hours: number): Item[] {
  if (managedDatabase?.region !== region.name) return [];
  const { instanceClass, storageGB, multiAz } = managedDatabase;
  const item = inRegion("aws", region.location);
  const zones = multiAz ? "multi-az" : "single";
  return [
    item("compute", "rds", `${instanceClass}:postgres:${zones}`, hours, "hour", "database"),
    item("storage", "rds", `gp3:${zones}`, storageGB, "GB-month", "disks of databases"),
    item("storage", "kms", "customer-key", 1, "month", "keys"),
  ];
}

/** Of a group as many as there are at least, and the key of the bucket that they boot from. */
function machineItems(topology: Topology, region: Region, hours: number): Item[] {
  const { machines, volumes, groups = [] } = topology;
  const members = groups.flatMap((group) =>
    Array.from({ length: group.least }, () => memberOf(topology, group)),
  );
  const here = [...machines, ...members].filter((machine) => machine.region === region.name);
  const disks = volumes.filter(({ machine }) => here.some(({ name }) => name === machine));
  const item = inRegion("aws", region.location);
  return [
    ...here.flatMap(({ serverType: type, ...machine }) =>
      ec2Items(region.location, { type, ...machine }, hours, "instances"),
    ),
    ...groups.map(() => item("storage", "kms", "customer-key", 1, "month", "keys")),
    ...disks.map(({ sizeGB }) => item("storage", "ebs", "gp3", sizeGB, "GB-month", "disks for data")),
  ];
}

function natItems(region: Region, hours: number): Item[] {
  if (region.nat === undefined) return [];
  if (region.nat === "instance")
    return ec2Items(region.location, { ...natInstance, publicIpv4: true }, hours, "NAT instance");
  const item = inRegion("aws", region.location);
  return (location(region.location).availabilityZones ?? []).flatMap(() => [
    item("network", "vpc", "nat-gateway", hours, "hour", "NAT gateways, one a zone"),
    item("network", "vpc", "public-ipv4", hours, "address-hour", "public IPv4 addresses"),
  ]);
}

function balancerItems({ loadBalancers = [] }: Topology, region: Region, hours: number): Item[] {
  const item = inRegion("aws", region.location);
  return loadBalancers
    .filter((balancer) => balancer.region === region.name)
    .flatMap(() => [
      item("network", "elb", "alb", hours, "hour", "load balancers"),
      // It has one in each zone, for which AWS charges as for any other.
      item("network", "vpc", "public-ipv4", 2 * hours, "address-hour", "public IPv4 addresses"),
    ]);
}
