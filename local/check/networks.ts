import { balancersIn } from "../api/load-balancer-rows.js";
import { routesOf, serversIn, type NetworkRow } from "../api/network-rows.js";
import { balancerStation, machineLink, networkNamespace } from "../machines/instance.js";
import { ipJson, namespaceExists } from "../machines/namespaces.js";
import { ROUTE_PROTOCOL, routesThrough } from "../machines/private-networks.js";
import { readBalancers, readNetworks } from "../machines/records.js";
import { compare, compareSets, type Look, subjectOf } from "./look.js";

/** Each private network against its router. A network that nobody is in needs none. */
export async function checkNetworks(look: Look): Promise<void> {
  const { state } = look.cloud;
  const rows = state.all<NetworkRow>("SELECT * FROM networks");
  const records = new Map((await readNetworks(look.instance)).map((network) => [network.id, network]));
  const balancers = await readBalancers(look.instance);
  for (const id of records.keys()) {
    if (rows.some((row) => String(row.id) === id) || look.busy.has(`network:${id}`)) continue;
    look.differ(`network ${id}`, "has a router on this computer, and the state has no such network");
  }
  for (const row of rows) {
    const id = String(row.id);
    const servers = serversIn(state, row.id);
    const members = balancersIn(state, row.id).map((balancer) => balancerStation(String(balancer)));
    if (servers.length + members.length === 0 || look.busy.has(`network:${id}`)) continue;
    if (servers.some((server) => look.busy.has(`server:${server}`))) continue;
    const subject = subjectOf("network", row);
    const record = records.get(id);
    compare(look, subject, "what its router is told", record, {
      id,
      ipRange: row.ip_range,
      routes: routesOf(state, row.id),
    });
    const router = networkNamespace(look.instance, id);
    if (record === undefined || !namespaceExists(router)) {
      look.differ(subject, "has members, and no router on this computer");
      continue;
    }
    const stations = [
      ...[...look.machines.values()].filter((machine) => look.running.has(machine.id)),
      ...balancers,
    ].filter(({ attachments }) => attachments.some(({ networkId }) => networkId === id));
    const links = await ipJson<{ ifname: string }>(router, ["link", "show"]);
    compareSets(
      look,
      subject,
      "its router's interface",
      links.map(({ ifname }) => ifname),
      ["lo", ...stations.map((station) => machineLink(station.id))],
    );
    const routes = await ipJson<{ dst: string }>(router, ["route", "show", "proto", ROUTE_PROTOCOL]);
    compareSets(
      look,
      subject,
      "its router's route to",
      routes.map(({ dst }) => dst),
      routesThrough(record, stations).keys(),
    );
  }
}
