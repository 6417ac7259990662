import { execa } from "execa";
import { firewallScript } from "../machines/firewall.js";
import type { PublicAddresses } from "../machines/host.js";
import { HOST_LINK, machineLink } from "../machines/instance.js";
import { ipJson, namespaceExists, namespacePath } from "../machines/namespaces.js";
import { readStations } from "../machines/records.js";
import { compareSets, type Look } from "./look.js";

/** The instance's "internet": cables, routes and the firewall between its servers, and its way to this computer. */
export async function checkWorld(look: Look): Promise<void> {
  const { instance } = look;
  const subject = "the world";
  if (!namespaceExists(instance.world)) return look.differ(subject, "its network namespace is not there");
  const { ipv4Range, ipv6Range } = instance.addresses;
  for (const [family, range] of [
    ["-4", ipv4Range],
    ["-6", ipv6Range],
  ] as const) {
    const ways = await ipJson<{ dev?: string }>(undefined, [family, "route", "show", range]);
    if (!ways.some(({ dev }) => dev === instance.world))
      look.differ(subject, `this computer's route to ${range} is missing`);
  }
  if ([...look.busy].some((one) => /^(server|load_balancer|firewall|floating_ip|primary_ip):/.test(one)))
    return;
  const stations = await readStations(instance);
  const plugged = stations.filter(({ id }) => look.running.has(id) || !look.machines.has(id));
  const links = await ipJson<{ ifname: string }>(instance.world, ["link", "show"]);
  compareSets(
    look,
    subject,
    "interface",
    links.map(({ ifname }) => ifname),
    ["lo", HOST_LINK, ...plugged.map(({ id }) => machineLink(id))],
  );
  const wanted = plugged.flatMap(({ id, addresses }) =>
    destinations(addresses).map((to) => `${to} on ${machineLink(id)}`),
  );
  const routes = await Promise.all(
    ["-4", "-6"].map((family) =>
      ipJson<{ dst: string; dev?: string }>(instance.world, [family, "route", "show"]),
    ),
  );
  const ours = routes.flat().flatMap(({ dst, dev = HOST_LINK }) => {
    return dev === HOST_LINK || dst.startsWith("fe80:") ? [] : [`${dst} on ${dev}`];
  });
  compareSets(look, subject, "route to", ours, wanted);
  compareSets(
    look,
    "the firewall",
    "rule",
    await rulesInForce(look),
    await rulesOf(firewallScript(stations)),
  );
}

function destinations(addresses: PublicAddresses): string[] {
  const { ipv4, ipv6Network, floatingIpv4 = [], floatingIpv6Networks = [] } = addresses;
  return [
    ...(ipv4 === undefined ? [] : [ipv4]),
    ...(ipv6Network === undefined ? [] : [ipv6Network]),
    ...floatingIpv4,
    ...floatingIpv6Networks,
  ];
}

async function rulesInForce({ instance }: Look): Promise<string[]> {
  const listed = await execa(
    "nsenter",
    [`--net=${namespacePath(instance.world)}`, "nft", "--json", "list", "table", "inet", "dukaan"],
    { reject: false },
  );
  return listed.exitCode === 0 ? canonical(listed.stdout) : [];
}

/** A script as the kernel itself reads it: carried out in a namespace that ends with the command. */
async function rulesOf(script: string): Promise<string[]> {
  const load = "nft -f - && nft --json list table inet dukaan";
  const { stdout } = await execa("unshare", ["--net", "sh", "-c", load], { input: script });
  return canonical(stdout);
}

/** One line a set, chain and rule; a rule with its place in its chain. Sets have no order, and handles no meaning. */
function canonical(listing: string): string[] {
  const { nftables }: { nftables: Record<string, { chain?: string }>[] } = JSON.parse(listing);
  const places = new Map<string, number>();
  return nftables.flatMap((entry) => {
    const [[kind, value] = ["", {}]] = Object.entries(entry);
    if (kind === "metainfo") return [];
    let place = "";
    if (kind === "rule") {
      const before = places.get(value.chain ?? "") ?? 0;
      places.set(value.chain ?? "", before + 1);
      place = `${before} of `;
    }
    return [`${place}${kind} ${JSON.stringify(ordered(value))}`];
  });
}

function ordered(value: unknown, key = ""): unknown {
  if (Array.isArray(value)) {
    const parts = value.map((part) => ordered(part));
    if (key !== "elem" && key !== "set") return parts;
    return parts.toSorted((one, other) => JSON.stringify(one).localeCompare(JSON.stringify(other)));
  }
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([name]) => name !== "handle");
  return Object.fromEntries(entries.map(([name, part]) => [name, ordered(part, name)]));
}
