import type { Rule } from "../rule.js";
import { onThisComputer } from "./local.js";

const primaryIp = "hcloud:index/primaryIp:PrimaryIp";

/** What data or an address is lost with, and how Hetzner itself can be told to keep it. */
const stateful: Readonly<Record<string, readonly string[]>> = {
  "hcloud:index/server:Server": ["deleteProtection", "rebuildProtection"],
  "hcloud:index/volume:Volume": ["deleteProtection"],
  [primaryIp]: ["deleteProtection"],
  "hcloud:index/floatingIp:FloatingIp": ["deleteProtection"],
  "hcloud:index/loadBalancer:LoadBalancer": ["deleteProtection"],
  "hcloud:index/network:Network": ["deleteProtection"],
  "hcloud:index/networkSubnet:NetworkSubnet": [],
};

const protectedByBoth: Rule = {
  name: "hetzner-protected",
  description:
    "What data or an address would be lost with is protected from deletion, by Pulumi and by Hetzner (not on the local cloud).",
  remedy: "Make it with the platform's own functions: they protect it wherever the cloud is a real one.",
  types: Object.keys(stateful),
  check: (subject) => {
    const { type, props, protect } = subject;
    const ways = stateful[type] ?? [];
    if (onThisComputer(subject)) return [];
    const missing = [...(protect ? [] : ["protect"]), ...ways.filter((way) => props[way] !== true)];
    return missing.length === 0 ? [] : [`it lacks ${missing.join(" and ")}`];
  },
};

const addressesStay: Rule = {
  name: "hetzner-addresses-stay",
  description: "A public address outlives its server.",
  remedy: "Set autoDelete: false.",
  types: [primaryIp],
  check: ({ props }) => (props["autoDelete"] === false ? [] : ["it is deleted with its server"]),
};

export const protection: readonly Rule[] = [protectedByBoth, addressesStay];
