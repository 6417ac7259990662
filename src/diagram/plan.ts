import { memoryText } from "../topology/catalog.js";
import { isBuilt } from "../topology/stages.js";
import {
  type Machine,
  type ManagedDatabase,
  type Topology,
  memberOf,
  servicesOn,
} from "../topology/topology.js";
import { type Table, textTable } from "../text-table.js";

/**
 * A topology for a terminal: machines, sizes, addresses, flows.
 * @param note said below the title, e.g. for which usage machines were sized
 */
export function planText(topology: Topology, note = ""): string {
  const { stack, stage, entries } = topology;
  const planned = isBuilt(stage) ? "" : " (planned: this version cannot provision it)";
  const doors = entries.map(
    ({ name, scheme, domain, port, service }) =>
      `${name}: ${scheme}, port ${port}, ${service}${domain === undefined ? "" : `, as ${domain}`}`,
  );
  return [
    `Stage ${stage} of stack ${stack}${planned}`,
    ...(note === "" ? [] : [note]),
    ["Entries", ...doors].join("\n  "),
    textTable(withoutEmptyColumns(regionTable(topology))),
    textTable(machineTable(topology)),
    ...(topology.volumes.length > 0 ? [textTable(volumeTable(topology))] : []),
    textTable(flowTable(topology)),
  ].join("\n\n");
}

function regionTable({ regions, loadBalancers = [], managedDatabase, anycast }: Topology): Table {
  const natNames = { instance: "a NAT instance", gateway: "a NAT gateway in each zone" };
  const extras = (name: string, nat: "instance" | "gateway" | undefined) =>
    loadBalancers
      .filter(({ region }) => region === name)
      .map((balancer) => `${balancer.name} before ${balancer.service}`)
      .concat(managedDatabase?.region === name ? [databaseText(managedDatabase)] : [])
      .concat(anycast ? ["announces the one address"] : [])
      .concat(nat === undefined ? [] : [natNames[nat]]);
  return {
    head: ["region", "market", "provider", "location", "network", "of the provider"],
    rows: regions.map(({ name, market = "", provider, location, range, nat }) => [
      name,
      market,
      provider,
      location,
      range,
      extras(name, nat).join(", "),
    ]),
  };
}

function databaseText(database: ManagedDatabase): string {
  const { service, version, instanceClass, storageGB, multiAz, backupDays } = database;
  const standby = multiAz ? "standby in another zone" : "no standby";
  return `${service} ${version} on ${instanceClass} (${storageGB} GB, ${standby}, ${backupDays} days of backups)`;
}

function withoutEmptyColumns({ head, rows }: Table): Table {
  const used = head.map((_, column) => rows.some((row) => row[column] !== ""));
  const kept = (row: readonly string[]) => row.filter((_, column) => used[column]);
  return { head: kept(head), rows: rows.map(kept) };
}

function machineTable(topology: Topology): Table {
  const row = (machine: Machine, name: string, address: string) => [
    name,
    machine.zone ?? machine.region,
    machine.serverType + (machine.metal ? " (dedicated)" : ""),
    String(machine.cores),
    memoryText(machine.memoryMiB),
    `${machine.diskGB} GB`,
    address,
    [machine.publicIpv4 ? "IPv4" : "", machine.publicIpv6 ? "IPv6" : ""]
      .filter((one) => one !== "")
      .join(", "),
    servicesOn(topology, machine.name)
      .filter((service) => service !== "system")
      .join(", "),
  ];
  return {
    head: ["machine", "region", "size", "cores", "memory", "disk", "private", "public", "services"],
    rows: [
      ...topology.machines.map((machine) => row(machine, machine.name, machine.privateAddress)),
      ...(topology.groups ?? []).map((group) => {
        const { name, least, most } = group;
        return row(memberOf(topology, group), `${name} (${least} to ${most})`, "any of its subnets'");
      }),
    ],
  };
}

function volumeTable({ volumes }: Topology): Table {
  return {
    head: ["volume", "machine", "size"],
    rows: volumes.map(({ name, machine, sizeGB }) => [name, machine, `${sizeGB} GB`]),
  };
}

function flowTable({ flows }: Topology): Table {
  return {
    head: ["from", "to", "protocol", "port or socket", "purpose"],
    rows: flows.map((flow) => [
      flow.from,
      flow.to,
      flow.protocol,
      flow.protocol === "unix" ? flow.socket : "port" in flow ? String(flow.port) : "",
      flow.purpose,
    ]),
  };
}
