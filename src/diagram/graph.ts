import type { Tier } from "../topology/addresses.js";
import { location, memoryText } from "../topology/catalog.js";
import { markets } from "../topology/regions.js";
import { isBuilt } from "../topology/stages.js";
import { type Flow, type Machine, type Topology, askingFrom } from "../topology/topology.js";
import { balancerBoxes, databaseBoxes, groupText } from "./of-the-provider.js";
import { coresText, kinds, rowOf, titles } from "./tiers.js";

/** What a picture of a topology shows, before anybody says where: boxes in rows, and what connects them. */
export interface Graph {
  title: string;
  subtitle: string;
  /** This version cannot provision the stage. */
  planned: boolean;
  /** From the public downwards. Of several regions, those of the home. */
  rows: Box[][];
  edges: Edge[];
  /** What holds for every machine alike. */
  everywhere: string[];
  /** When there are several. */
  regions: RegionCard[];
}

export interface Box {
  id: string;
  kind: "buyers" | "balancer" | "app" | "data" | "events" | "edge" | "control";
  title: string;
  /** What it runs on, e.g. "3 × cx43 · 8 cores · 16 GB · 160 GB disk". */
  size: string;
  /** Disks beside the machines' own, e.g. "120 GB volume each". */
  volume: string;
  services: { name: string; stateful: boolean; moves?: boolean }[];
  machines: { name: string; address: string; publicIpv4: boolean; mark?: Mark }[];
  /** What its services say to each other, and to the world. */
  inside: Label[];
}

/** In a picture of a change: it is made, or it is not needed any more. */
export type Mark = "new" | "old";

/** Everything between two boxes. */
export interface Edge {
  from: string;
  to: string;
  /** It goes the other way as well. */
  both: boolean;
  labels: Label[];
}

/** One flow. */
export interface Label {
  /** A service or a party. */
  from: string;
  to: string;
  /** e.g. "5432" or "UDP 51820" */
  port: string;
  purpose: string;
}

export interface RegionCard {
  name: string;
  place: string;
  range: string;
  tiers: string[];
  /** Why it is not where its market is. */
  remark: string;
}

/**
 * Pure: the same topology gives the same picture.
 * @param note said below the title, e.g. for which usage machines were sized
 */
export function graphOf(topology: Topology, note = ""): Graph {
  const home = topology.regions[0]!;
  const machines = topology.machines.filter(({ region }) => region === home.name);
  const tiers = [...new Set(machines.map(({ tier }) => tier))];
  const boxOf = partyBoxes(topology, machines);
  const boxes = [
    buyersBox(topology),
    ...balancerBoxes(topology, home.name),
    ...tiers.map((tier) => tierBox(topology, tier, machines, boxOf)),
    ...databaseBoxes(topology, home.name),
  ];
  const rank = ({ id }: Box) => (id === "buyers" ? 0 : rowOf[id as Tier]);
  const ranks = [...new Set(boxes.map(rank))].toSorted((a, b) => a - b);
  const planned = !isBuilt(topology.stage);
  const count = topology.machines.length === 1 ? "one machine" : `${topology.machines.length} machines`;
  const where =
    topology.regions.length === 1
      ? `${place(home.location)}, network ${home.range}`
      : `${topology.regions.length} regions, of which ${home.market ?? home.name} is drawn`;
  const rows = ranks.map((wanted) =>
    boxes.filter((box) => rank(box) === wanted).toSorted((a, b) => a.id.localeCompare(b.id)),
  );
  return {
    title: `Stage ${topology.stage}`,
    subtitle: [`${count}, ${where}`, note].filter((part) => part !== "").join(" · "),
    planned,
    ...straight(rows, edgesOf(topology, boxOf, home.name)),
    everywhere: everywhere(topology),
    regions: topology.regions.length === 1 ? [] : topology.regions.map((region) => cardOf(topology, region)),
  };
}

type BoxOf = (party: string) => string | undefined;

/** In which box a flow's party is; services that are on every machine are in none. */
function partyBoxes(topology: Topology, machines: readonly Machine[]): BoxOf {
  const tierOf = new Map(machines.map(({ name, tier }) => [name, tier]));
  const boxes = new Map<string, string>([["world", "buyers"]]);
  for (const service of topology.services) {
    if (service.name === "system") continue;
    const first = service.machines.find((name) => tierOf.has(name));
    if (first !== undefined) boxes.set(service.name, tierOf.get(first)!);
  }
  if (topology.managedDatabase) boxes.set(topology.managedDatabase.service, topology.managedDatabase.tier);
  for (const balancer of topology.loadBalancers ?? []) {
    if (askingFrom(balancer).length > 0) boxes.set(balancer.name, "balancer");
  }
  return (party) => boxes.get(party);
}

function buyersBox({ entries, anycast }: Topology): Box {
  const size = entries
    .map(({ scheme, domain, port }) =>
      domain === undefined ? `${scheme} on port ${port}` : `${scheme}://${domain}`,
    )
    .concat(anycast ? ["one anycast address, announced by every region"] : [])
    .join(" · ");
  return {
    id: "buyers",
    kind: "buyers",
    title: "Buyers",
    size,
    volume: "",
    services: [],
    machines: [],
    inside: [],
  };
}

function tierBox(topology: Topology, tier: Tier, machines: readonly Machine[], boxOf: BoxOf): Box {
  const own = machines.filter((machine) => machine.tier === tier);
  const volume = topology.volumes.find((candidate) => own.some(({ name }) => name === candidate.machine));
  return {
    id: tier,
    kind: kinds[tier],
    title: titles[tier],
    size: sizeOf(own),
    volume: volume
      ? `and a volume of ${volume.sizeGB} GB${own.length > 1 ? " each" : ""}`
      : groupText(topology, own),
    services: topology.services
      .filter(({ name }) => boxOf(name) === tier)
      .map(({ name, stateful = false }) => ({ name, stateful })),
    machines: own.map(({ name, privateAddress, publicIpv4 }) => ({
      name,
      address: privateAddress,
      publicIpv4,
    })),
    inside: topology.flows
      .filter(
        ({ from, to }) =>
          boxOf(from) === tier && (boxOf(to) === tier || (to === "world" && from !== "system")),
      )
      .map(labelOf),
  };
}

function sizeOf(machines: readonly Machine[]): string {
  const { serverType, cores, memoryMiB, diskGB, metal } = machines[0]!;
  const memory = memoryText(memoryMiB);
  const kind = metal ? " (dedicated)" : "";
  return `${machines.length} × ${serverType}${kind} · ${coresText(cores)} · ${memory} · ${diskGB} GB disk`;
}

function edgesOf(topology: Topology, boxOf: BoxOf, home: string): Edge[] {
  const edges = new Map<string, Edge>();
  const add = (from: string, to: string, label: Label) => {
    const back = edges.get(`${to} ${from}`);
    const edge = back ?? edges.get(`${from} ${to}`) ?? { from, to, both: false, labels: [] };
    if (back) back.both = true;
    edge.labels.push(label);
    edges.set(`${edge.from} ${edge.to}`, edge);
  };
  const balancer = topology.loadBalancers?.find(({ region }) => region === home);
  for (const flow of topology.flows) {
    const [from, to] = [boxOf(flow.from), boxOf(flow.to)];
    if (from === undefined || to === undefined || from === to || flow.to === "world") continue;
    // One in the private network stands in the flows itself.
    if (balancer && flow.to === balancer.service && askingFrom(balancer).length === 0) {
      add(from, "balancer", labelOf({ ...flow, to: balancer.name }));
      add("balancer", to, labelOf({ ...flow, from: balancer.name }));
    } else add(from, to, labelOf(flow));
  }
  return [...edges.values()];
}

/** Lines go from row to row; what cannot be one is said in its box. */
function straight(rows: Box[][], edges: readonly Edge[]): Pick<Graph, "rows" | "edges"> {
  const rowOfBox = (id: string) => rows.findIndex((row) => row.some((box) => box.id === id));
  const isStraight = ({ from, to }: Edge) => Math.abs(rowOfBox(from) - rowOfBox(to)) === 1;
  const said = (id: string) =>
    edges.filter((edge) => edge.from === id && !isStraight(edge)).flatMap(({ labels }) => labels);
  return {
    rows: rows.map((row) => row.map((box) => ({ ...box, inside: [...box.inside, ...said(box.id)] }))),
    edges: edges.filter(isStraight),
  };
}

function labelOf(flow: Flow): Label {
  const from = flow.from === "world" ? "buyers" : flow.from;
  const { to, purpose } = flow;
  const port =
    flow.protocol === "unix"
      ? "Unix socket"
      : flow.protocol === "icmp" || flow.protocol === "vrrp"
        ? flow.protocol.toUpperCase()
        : `${flow.protocol === "udp" ? "UDP " : ""}${flow.port}`;
  return { from, to, port, purpose };
}

/** Flows of what runs on every machine, in few words. */
function everywhere(topology: Topology): string[] {
  const of = (mine: (flow: Flow) => boolean) =>
    topology.flows.filter(mine).map((flow) => {
      const { port, purpose } = labelOf(flow);
      return `${port} ${purpose}`;
    });
  const operators = of(({ from, to }) => from === "operators" && to === "system");
  const from = of(({ from: party, to }) => party === "world" && to === "system");
  const out = of(({ from: party, to }) => party === "system" && to === "world");
  const links = topology.links
    ? [`between regions: ${purposes(topology, "of the other regions")}, from each to each`]
    : [];
  return [
    `from operators: ${operators.join("; ")}`,
    ...(from.length > 0 ? [`from the world: ${from.join("; ")}`] : []),
    `to the world: ${out.join("; ")}`,
    ...links,
  ];
}

function purposes(topology: Topology, ending: string): string {
  return topology.flows
    .filter(({ purpose }) => purpose.endsWith(ending))
    .map((flow) => `${labelOf(flow).port} ${flow.purpose}`)
    .join(", ");
}

function cardOf(
  topology: Topology,
  { name, location: at, market, range }: Topology["regions"][number],
): RegionCard {
  const here = topology.machines.filter(({ region }) => region === name);
  const tiers = [...new Set(here.map(({ tier }) => tier))];
  return {
    name: market ?? name,
    place: place(at),
    range,
    tiers: tiers.map((tier) => {
      const own = here.filter((machine) => machine.tier === tier);
      return `${own.length} × ${own[0]!.serverType} ${titles[tier].toLowerCase()}`;
    }),
    remark: markets.find((candidate) => candidate.name === market)?.remark ?? "",
  };
}

function place(name: string): string {
  return `${location(name).city} (${name})`;
}
