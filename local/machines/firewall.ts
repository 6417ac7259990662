import { execa } from "execa";
import type { FirewallRule, FirewallSpec, PublicAddresses } from "./host.js";
import { HostError } from "./host.js";
import { HOST_LINK, type Instance, machineLink } from "./instance.js";
import { namespacePath } from "./namespaces.js";

/** Of the object storage, at the world's own address: HTTPS, as at Hetzner. */
export const STORAGE_PORT = 443;
const NAMES_PORT = 53;
/** Of the API, for machines, at the world's own address: HTTPS. */
export const API_PORT = 8443;

/** A machine that is plugged in: its addresses and its firewall, if any. */
export interface FirewalledMachine {
  id: string;
  addresses: PublicAddresses;
  firewall?: FirewallSpec | undefined;
}

/**
 * The world's whole firewall as one nftables script, which replaces the one before in a single transaction:
 * connections that are open stay so.
 *
 * The world routes between machines and this computer, so everything public passes its `forward` hook, once: first it
 * leaves a machine (that machine's outbound rules), then it enters another (that machine's inbound rules).
 */
export function firewallScript(machines: FirewalledMachine[]): string {
  const sources4 = machines.flatMap(({ id, addresses: { ipv4, floatingIpv4 = [] } }) =>
    [...(ipv4 === undefined ? [] : [ipv4]), ...floatingIpv4].map((own) => `"${machineLink(id)}" . ${own}`),
  );
  const sources6 = machines.flatMap(({ id, addresses: { ipv6Network, floatingIpv6Networks = [] } }) =>
    [...(ipv6Network === undefined ? [] : [ipv6Network]), ...floatingIpv6Networks].map(
      (own) => `"${machineLink(id)}" . ${own}`,
    ),
  );
  const guarded = machines.flatMap(({ id, firewall }) => (firewall === undefined ? [] : [{ id, firewall }]));
  const outbound = guarded.filter(({ firewall }) => firewall.outbound.length > 0);
  return [
    "table inet dukaan {}",
    "delete table inet dukaan",
    "table inet dukaan {",
    set("sources4", "ifname . ipv4_addr", "", sources4),
    set("sources6", "ifname . ipv6_addr", "flags interval;", sources6),
    ...guarded.map(({ id, firewall }) => chain(`in-${machineLink(id)}`, firewall.inbound, "saddr")),
    ...outbound.map(({ id, firewall }) => chain(`out-${machineLink(id)}`, firewall.outbound, "daddr")),
    "chain forward {",
    "  type filter hook forward priority filter; policy drop;",
    ...onlyInItsOwnName,
    "  ct state established,related accept",
    "  ct state invalid drop",
    // No machine opens a connection to this computer, or through it to anywhere.
    `  oifname "${HOST_LINK}" meta l4proto tcp reject with tcp reset`,
    `  oifname "${HOST_LINK}" reject with icmpx admin-prohibited`,
    ...verdictMap("iifname", "out", outbound),
    ...verdictMap("oifname", "in", guarded),
    "  accept",
    "}",
    "chain input {",
    "  type filter hook input priority filter; policy drop;",
    "  ct state established,related accept",
    "  meta l4proto { icmp, ipv6-icmp } accept",
    // The object storage, the name server and the API are the only services in the world itself.
    ...onlyInItsOwnName,
    ...verdictMap("iifname", "out", outbound),
    `  tcp dport { ${NAMES_PORT}, ${STORAGE_PORT}, ${API_PORT} } accept`,
    `  udp dport ${NAMES_PORT} accept`,
    "}",
    "}",
    "",
  ].join("\n");
}

/** A machine cannot claim to be another one. */
const onlyInItsOwnName = [
  `  iifname != "${HOST_LINK}" meta nfproto ipv4 iifname . ip saddr != @sources4 drop`,
  `  iifname != "${HOST_LINK}" meta nfproto ipv6 iifname . ip6 saddr != @sources6 drop`,
];

export async function applyFirewall(instance: Instance, machines: FirewalledMachine[]): Promise<void> {
  const script = firewallScript(machines);
  const { exitCode, stderr } = await execa(
    "nsenter",
    [`--net=${namespacePath(instance.world)}`, "nft", "-f", "-"],
    { input: script, reject: false },
  );
  if (exitCode !== 0) {
    throw new HostError(
      `the kernel refused the firewall: ${stderr.trim().split("\n").slice(0, 5).join("; ")}`,
      "The one before is still in force. Check the rules' addresses and ports.",
    );
  }
}

function set(name: string, type: string, flags: string, elements: string[]): string {
  const list = elements.length === 0 ? "" : ` elements = { ${elements.join(", ")} }`;
  return `set ${name} { type ${type}; ${flags}${list} }`;
}

function verdictMap(hook: "iifname" | "oifname", prefix: "in" | "out", machines: { id: string }[]): string[] {
  if (machines.length === 0) return [];
  const jumps = machines.map(({ id }) => `"${machineLink(id)}" : jump ${prefix}-${machineLink(id)}`);
  return [`  ${hook} vmap { ${jumps.join(", ")} }`];
}

/** What a rule allows returns to the caller, so that the other machine's rules are asked too; the rest is dropped. */
function chain(name: string, rules: FirewallRule[], remote: "saddr" | "daddr"): string {
  const allowed = rules.flatMap((rule) => ruleLines(rule, remote)).map((line) => `  ${line} return`);
  return [`chain ${name} {`, ...allowed, "  drop", "}"].join("\n");
}

function ruleLines(rule: FirewallRule, remote: "saddr" | "daddr"): string[] {
  const port = rule.port === undefined ? "" : ` ${rule.protocol} dport ${rule.port}`;
  return rule.remotes.map((cidr) => {
    const [family, icmp] = cidr.includes(":") ? ["ip6", "ipv6-icmp"] : ["ip", "icmp"];
    const protocol = rule.protocol === "icmp" ? icmp : rule.protocol;
    return `${family} ${remote} ${cidr} meta l4proto ${protocol}${port}`;
  });
}
