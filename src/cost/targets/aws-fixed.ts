import { natInstance } from "../../topology/aws-catalog.js";
import { location } from "../../topology/catalog.js";
import type { Region, Topology } from "../../topology/topology.js";
import type { Item } from "../item.js";
import { inRegion } from "./scenario.js";

/**
 * What regions on AWS cost whatever their usage: instances, disks, addresses, NAT. Traffic and object storage are charged as
 * they are used.
 * @param hours that everything runs; the disks' price is by the month
 */
export function awsFixedItems(topology: Topology, hours: number): Item[] {
  return topology.regions
    .filter(({ provider }) => provider === "aws")
    .flatMap((region) => [machineItems(topology, region, hours), natItems(region, hours)].flat());
}

function machineItems({ machines, volumes }: Topology, region: Region, hours: number): Item[] {
  const item = inRegion("aws", region.location);
  const here = machines.filter((machine) => machine.region === region.name);
  const disks = volumes.filter(({ machine }) => here.some(({ name }) => name === machine));
  return [
    here.map(({ serverType }) => item("compute", "ec2", serverType, hours, "hour", "instances")),
    here.map(({ diskGB }) => item("storage", "ebs", "gp3", diskGB, "GB-month", "disks of instances")),
    here.filter(({ publicIpv4 }) => publicIpv4).map(() => address(region, hours)),
    disks.map(({ sizeGB }) => item("storage", "ebs", "gp3", sizeGB, "GB-month", "disks for data")),
  ].flat();
}

function natItems(region: Region, hours: number): Item[] {
  const item = inRegion("aws", region.location);
  if (region.nat === undefined) return [];
  if (region.nat === "instance") {
    return [
      item("compute", "ec2", natInstance.type, hours, "hour", "NAT instance"),
      item("storage", "ebs", "gp3", natInstance.diskGB, "GB-month", "disks of instances"),
      address(region, hours),
    ];
  }
  return (location(region.location).availabilityZones ?? []).flatMap(() => [
    item("network", "vpc", "nat-gateway", hours, "hour", "NAT gateways, one a zone"),
    address(region, hours),
  ]);
}

function address({ location: where }: Region, hours: number): Item {
  return inRegion("aws", where)(
    "network",
    "vpc",
    "public-ipv4",
    hours,
    "address-hour",
    "public IPv4 addresses",
  );
}
